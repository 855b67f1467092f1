#pragma once
/*
 * Learnt durations: how long the tasks of one kind have taken lately
 *
 * Pure. Remembers the last of them, and says when another one is expected to end, as long as they
 * were alike. What changes is unlearnt after a few, as they differ then, and learnt anew when those
 * before are forgotten.
 */
#include "common/timespan.h"

#define LEARNT_MAX 32

/* From the registration on; latest 0: nothing is expected. */
struct expected_duration {
        usec_t earliest, latest;
};

/* The owner embeds it, zeroed at first, and reads nothing but what is expected. */
struct learnt_durations {
        struct expected_duration expected;
        float seconds[LEARNT_MAX]; /* a ring */
        unsigned char count, next;
};

/*
 * A task has ended between at_least and at_most after its registration: an answer that it had not,
 * and the one that it had. The delay of the latter is no part of what is learnt; else a task that
 * is expected late would be found late, and the next one expected later still.
 */
void learnt_durations_add(struct learnt_durations *learnt, usec_t at_least, usec_t at_most);

/* What is expected of a task by somebody who says that it takes about that long. */
struct expected_duration expected_duration_around(usec_t duration);
