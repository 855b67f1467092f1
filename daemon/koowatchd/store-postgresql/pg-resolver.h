#pragma once
/*
 * PostgreSQL resolver: addresses of host names, without waiting for them in the loop
 *
 * getaddrinfo() takes as long as name servers are silent, so it is called in a thread. One that is
 * no longer wanted goes on by itself, and frees what it has: it touches nothing else.
 */
#include <ev.h>

#include "koowatchd/store-postgresql/pg-conninfo.h"

#define PG_ADDRESSES_MAX 32

struct pg_resolver;

/* addresses: borrowed; none of a host that has none. problem: why there is none at all; "". */
typedef void (*pg_resolved_fn)(void *userdata, const struct pg_address *addresses, size_t n,
                               const char *problem);

/*
 * Resolves the hosts that need it. on_resolved is called once, from the loop; from within it the
 * resolver is to be stopped. Returns 0 or a negative errno.
 */
int pg_resolver_start(struct ev_loop *loop, const struct pg_conninfo *conninfo,
                      pg_resolved_fn on_resolved, void *userdata, struct pg_resolver **ret);
/* Accepts NULL. */
void pg_resolver_stop(struct pg_resolver *resolver);
