#pragma once
/*
 * Telling: the loop sends what the log and the service manager could not be told at once
 *
 * Owns the watchers of their descriptors, which run only while something waits.
 */
#include "common/callback.h"
#include "common/util.h"

struct ev_loop;
struct telling;

/* The loop is borrowed. Returns 0 or -ENOMEM. */
int telling_new(struct ev_loop *loop, struct telling **ret);
/* Accepts NULL. */
void telling_free(struct telling *telling);
DEFINE_CLEANUP(struct telling *, telling_free)

/* Called when log_sent() has grown by entries that had waited. */
void telling_set_on_sent(struct telling *telling, const struct callback *on_sent);
