#include "koowatchd/account/rate-limit.h"

#include <errno.h>

#include "common/util.h"

#define GAP_MAX (50 * USEC_MSEC)
#define GAP_MIN (5 * USEC_MSEC) /* a shorter one costs a wake-up without sparing anybody much */

/* The other side's clock runs through a network: a window 2 % wider keeps its count below the
 * limit. */
static usec_t window(usec_t period) {
        return period + period / 50;
}

/* Between two sends at least: requests that fail stop the next one before it has gone. */
static usec_t gap(const struct rate_limiter *rate, bool together) {
        usec_t gap = MIN(rate->limit.period / 2 / rate->limit.count, GAP_MAX);

        return together && gap < GAP_MIN ? 0 : gap;
}

int rate_limiter_set_limit(struct rate_limiter *rate, struct rate_limit limit) {
        usec_t *sent;

        if (rate->sent && rate->limit.count == limit.count) {
                rate->limit = limit;
                return 0;
        }

        sent = calloc(limit.count, sizeof(*sent));
        if (!sent)
                return -ENOMEM;
        for (unsigned i = 0; i < limit.count; i++)
                sent[i] = -1;

        /* The newest sends end up at the ring's end, so that the next one overwrites the oldest. */
        for (unsigned i = 1; rate->sent && i <= MIN(limit.count, rate->limit.count); i++)
                sent[limit.count - i] =
                        rate->sent[(rate->next + rate->limit.count - i) % rate->limit.count];

        free(rate->sent);
        rate->sent = sent;
        rate->next = 0;
        rate->limit = limit;
        if (rate->divisor == 0)
                rate->divisor = 1;
        return 0;
}

void rate_limiter_clear(struct rate_limiter *rate) {
        free(rate->sent);
        *rate = (struct rate_limiter){};
}

usec_t rate_limiter_next(const struct rate_limiter *rate, bool together) {
        unsigned count = MAX(rate->limit.count / rate->divisor, 1U);
        unsigned size = rate->limit.count;
        usec_t period = rate->limit.period, sent, last, next;

        /* A limit of 1 cannot be halved in number: it is halved in time. */
        if (rate->divisor > rate->limit.count)
                period *= rate->divisor / rate->limit.count;

        last = rate->sent[(rate->next + size - 1) % size];
        sent = rate->sent[(rate->next + size - count) % size];
        next = sent < 0 ? 0 : usec_add(sent, window(period));
        /* Where less than the limit is let through, that is gap enough. */
        return last < 0 || rate->divisor > 1 ? next : MAX(next, last + gap(rate, together));
}

void rate_limiter_take(struct rate_limiter *rate, usec_t now) {
        rate->sent[rate->next] = now;
        rate->next = (rate->next + 1) % rate->limit.count;
}

void rate_limiter_halve(struct rate_limiter *rate) {
        if (rate->divisor < 64)
                rate->divisor *= 2;
}

void rate_limiter_recover(struct rate_limiter *rate) {
        if (rate->divisor > 1)
                rate->divisor /= 2;
}
