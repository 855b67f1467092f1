#include "koowatchd/account/learnt-durations.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define COUNT_MIN 8    /* fewer tell little */
#define TAIL 10        /* one of so many may be earlier than expected, and one later */
#define SPREAD_MAX 2.7 /* of the latest by the earliest: beyond it they are not alike */
#define SPREAD_MIN 1.2 /* however much they are alike: they are not known to the second */
#define SPREAD_SAID 1.6

static int compare(const void *a, const void *b) {
        float x = *(const float *) a, y = *(const float *) b;

        return (x > y) - (x < y);
}

static usec_t scale(double span, double factor) {
        return (usec_t) MIN(span * factor, (double) (USEC_INFINITY / 4));
}

/* spread: of the latest by the earliest. */
static struct expected_duration around(double duration, double spread) {
        return (struct expected_duration){scale(duration, 2 / (1 + spread)),
                                          scale(duration, 2 * spread / (1 + spread))};
}

static struct expected_duration expect(const struct learnt_durations *learnt) {
        float sorted[LEARNT_MAX];
        size_t n = learnt->count;
        double earliest, latest;

        if (n < COUNT_MIN)
                return (struct expected_duration){};
        memcpy(sorted, learnt->seconds, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare);
        earliest = (double) sorted[n / TAIL];
        latest = (double) sorted[n - 1 - n / TAIL];
        if (latest > SPREAD_MAX * earliest)
                return (struct expected_duration){};
        if (latest < SPREAD_MIN * earliest)
                return around((earliest + latest) / 2 * (double) USEC_SEC, SPREAD_MIN);
        return (struct expected_duration){scale(earliest, (double) USEC_SEC),
                                          scale(latest, (double) USEC_SEC)};
}

void learnt_durations_add(struct learnt_durations *learnt, usec_t at_least, usec_t at_most) {
        double middle = ((double) at_least + (double) at_most) / 2;

        learnt->seconds[learnt->next] = (float) (MAX(middle, 0) / (double) USEC_SEC);
        learnt->next = (unsigned char) ((learnt->next + 1) % LEARNT_MAX);
        learnt->count = (unsigned char) MIN(learnt->count + 1, LEARNT_MAX);
        learnt->expected = expect(learnt);
}

struct expected_duration expected_duration_around(usec_t duration) {
        return around((double) duration, SPREAD_SAID);
}
