#pragma once
/*
 * Check online: whether KooDrive answers each account
 *
 * koowatchctl has no token: for each account the daemon is asked to poll one of its tasks at once,
 * which does no harm. What is wrong is added to the faults of a check.
 */
#include <json-c/json.h>

#include "koowatchctl/failure.h"

struct client;

/* Returns 0, or -1 when the daemon could not be asked at all. */
int check_online(struct client *client, json_object *faults, struct failure *failure);
