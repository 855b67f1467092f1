#pragma once
/*
 * Recent requests: how many an account has started during the last minute
 *
 * Pure. Counted by the second: what is more than 59 s ago may be left out.
 */
#include "common/timespan.h"

#define RECENT_SECONDS 60

/* Embedded in its owner; all zero: none. */
struct recent_requests {
        usec_t second;                   /* the last one that was counted in */
        unsigned counts[RECENT_SECONDS]; /* by second, in turn */
};

/* One is started at now, on clock_boot(). */
void recent_requests_add(struct recent_requests *recent, usec_t now);
unsigned recent_requests_count(const struct recent_requests *recent, usec_t now);
