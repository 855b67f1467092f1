#pragma once
/*
 * A request of KooDrive's on its way through HTTP, with what an account's settings say of it
 */
#include "koowatchd/loop/http.h"

struct account_config;
struct koodrive_request;

/* The same contract as http_post(). The request can be cleared afterwards. */
int account_post(struct http *http, const struct account_config *settings,
                 const struct koodrive_request *request, http_done_fn on_done, void *userdata,
                 struct http_transfer **ret);
