#pragma once
/*
 * Refresh: a request for a new token, in flight
 */
#include "common/util.h"

struct account;
struct http;
struct koodrive_session;
struct refresh;

/* The last thing that a refresh does; the session's strings live until the call returns. */
typedef void (*refresh_done_fn)(void *userdata, const struct koodrive_session *session);

/*
 * Asks for a new token of the account, whose secrets it copies. on_done is called from the
 * loop, never from inside this call; its owner frees the refresh then, or earlier to end it
 * without a call. Returns 0 or a negative errno.
 */
int refresh_start(struct http *http, const struct account *account, refresh_done_fn on_done,
                  void *userdata, struct refresh **ret);
/* Accepts NULL. */
void refresh_free(struct refresh *refresh);
DEFINE_CLEANUP(struct refresh *, refresh_free)
