#pragma once
/*
 * Rate limit: at most so many requests in any period
 *
 * Pure. A window over the last sends rather than a bucket of tokens: a bucket
 * that allows a burst lets twice the limit through in the period after it has
 * been idle, and a limit is what the other side counts. Two sends are at least half of
 * an even spacing apart (50 ms at most), so that it takes only a few requests to see that a
 * server is down or refuses, not as many as are allowed; unless it is throttled, when fewer
 * are allowed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/config-values.h"
#include "common/timespan.h"

struct rate_limiter {
        struct rate_limit limit;
        unsigned divisor; /* 1: the whole limit; 2, 4, ...: throttled */
        unsigned next;    /* where the next send is noted in the ring */
        usec_t *sent;     /* ring of limit.count times; -1: never */
};

/* Returns 0 or -ENOMEM; what was noted is kept as far as it fits. */
int rate_limiter_set_limit(struct rate_limiter *rate, struct rate_limit limit);
void rate_limiter_clear(struct rate_limiter *rate);

/*
 * When the next request may go: a time at or before now means at once. together: the other side
 * is known to answer, so that a gap of less than 5 ms need not be kept.
 */
usec_t rate_limiter_next(const struct rate_limiter *rate, bool together);

/* Notes a request that goes at now. */
void rate_limiter_take(struct rate_limiter *rate, usec_t now);

/* Halves what is allowed (down to a 64th), or doubles it again up to the whole limit. */
void rate_limiter_halve(struct rate_limiter *rate);
void rate_limiter_recover(struct rate_limiter *rate);
