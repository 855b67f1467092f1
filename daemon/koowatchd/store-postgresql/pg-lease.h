#pragma once
/*
 * PostgreSQL lease: for how long this node may believe in its session
 *
 * Others take over when the database has not heard of it for 20 s (pg-schema.c). It gives up
 * earlier, by its own clock: whatever it has sent since was sent after the last beat that came
 * back. Pure: times are arguments, on clock_boot().
 */
#include <stdbool.h>

#include "common/timespan.h"

#define PG_BEAT_PERIOD (4 * USEC_SEC)
#define PG_TRUST (13 * USEC_SEC)

struct pg_lease {
        usec_t good;  /* before the last beat that was good was sent; 0: there is no session */
        usec_t tried; /* before the last one */
};

/* The session was taken or kept by a new connection. asked: before that was sent. */
void pg_lease_renew(struct pg_lease *lease, usec_t asked);
void pg_lease_beat(struct pg_lease *lease, usec_t now);
/* The beat was good. */
void pg_lease_confirm(struct pg_lease *lease);

/* When trust ends, unless a beat comes back; 0: there is no session. */
usec_t pg_lease_end(const struct pg_lease *lease);
bool pg_lease_is_over(const struct pg_lease *lease, usec_t now);
bool pg_lease_is_due(const struct pg_lease *lease, usec_t now);
/* When there is something to do next: a beat, or the end. */
usec_t pg_lease_next(const struct pg_lease *lease, usec_t now);
