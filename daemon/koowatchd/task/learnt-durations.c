#include "koowatchd/task/learnt-durations.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define COUNT_MIN 8    /* fewer tell little */
#define TAIL 10        /* one of so many may be earlier than expected, and one later */
#define SPREAD_MAX 2.7 /* of the latest by the earliest: beyond it they are not alike */
#define LOOK 0.84      /* of the time to the earliest */
#define EARLIEST 0.8   /* of what somebody says */
#define LATEST 1.3

static int compare(const void *a, const void *b) {
        float x = *(const float *) a, y = *(const float *) b;

        return (x > y) - (x < y);
}

static usec_t scale(double span, double factor) {
        return (usec_t) MIN(span * factor, (double) (USEC_INFINITY / 4));
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
        return (struct expected_duration){scale((double) duration, EARLIEST),
                                          scale((double) duration, LATEST)};
}

struct expected_end expected_duration_end(const struct expected_duration *expected,
                                          usec_t registered) {
        if (expected->latest == 0)
                return (struct expected_end){};
        return (struct expected_end){
                .look = registered + scale((double) expected->earliest, LOOK),
                .earliest = registered + expected->earliest,
                .latest = registered + expected->latest,
        };
}
