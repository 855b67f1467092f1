#pragma once
/*
 * HTTP connections: a pool of them, which is a multi handle of libcurl's, driven by libev
 *
 * Carries easy handles and says when each has ended; what they ask and what came of it is
 * their owner's business. Connections are kept open between transfers. Those of a retired
 * pool take nothing new: the pool goes with its last transfer.
 */
#include <curl/curl.h>
#include <ev.h>

#include "common/util.h"

struct http_connections;
struct http_pool; /* connections that transfers share */

/* The easy handle's transfer has ended with code. It is to be removed from inside the call. */
typedef void (*http_ended_fn)(CURL *easy, CURLcode code);

/* Returns 0 or -ENOMEM. */
int http_connections_new(struct ev_loop *loop, http_ended_fn on_ended,
                         struct http_connections **ret);
/* All transfers must have been removed. Accepts NULL. */
void http_connections_free(struct http_connections *connections);
DEFINE_CLEANUP(struct http_connections *, http_connections_free)

/* How many connections may stay open while nothing uses them. */
void http_connections_set_max(struct http_connections *connections, unsigned max);

/*
 * Starts the transfer that easy has been set up for; on_ended is never called from inside.
 * *ret: what it is to be removed from. Returns 0 or -ENOMEM.
 */
int http_connections_add(struct http_connections *connections, CURL *easy, struct http_pool **ret);
/* Ends it, unless it has ended. It may be removed while the ends of others are reported. */
void http_pool_remove(struct http_pool *pool, CURL *easy);

/* No transfer that starts from now on uses a connection of this pool. */
void http_pool_retire(struct http_pool *pool);
