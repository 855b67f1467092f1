#pragma once
/*
 * Outbox: the loop sends what the log and the service manager did not take at once
 *
 * Owns the watchers of their descriptors, which run only while something waits.
 */
#include "common/callback.h"
#include "common/util.h"

struct ev_loop;
struct outbox;

/* The loop is borrowed. Returns 0 or -ENOMEM. */
int outbox_new(struct ev_loop *loop, struct outbox **ret);
/* Accepts NULL. */
void outbox_free(struct outbox *outbox);
DEFINE_CLEANUP(struct outbox *, outbox_free)

/* Called when log_sent() has grown by entries that had waited. */
void outbox_set_on_sent(struct outbox *outbox, const struct callback *on_sent);
