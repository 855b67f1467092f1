#pragma once
/*
 * Poll interval: when to ask a task that answers again
 *
 * Pure: what is known of one task in, a delay out. While nothing moves, the
 * interval grows with the time that has passed; once progress moves, the next
 * polls aim at the end that it predicts, and close in on it. Where others like it are known to have
 * taken about the same time, polls begin shortly before, and are dense around it; a task that
 * outlives them is treated as if nothing were known of them. KooDrive documents no
 * interval; the floor and the cap are the admin's. After failures see task-state.h, and
 * for an account's account-pause.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/timespan.h"

struct expected_duration;

/* On the clock of the calls. latest 0: nothing is expected. */
struct expected_end {
        usec_t earliest, latest; /* an end before or after is unlikely, but possible */
};

struct poll_interval_limits {
        usec_t interval_min, interval_max; /* 0 < min <= max */
        struct expected_end expected;
};

/* A task's memory of its own course; the owner embeds it and never looks inside. */
struct poll_interval {
        usec_t started; /* of the run, as far as answers show it */
        usec_t base;    /* of the course, at which progress was from; what follows counts from it */
        float last;     /* the last answer, in s */
        float low, high; /* the end is expected between them; high 0: not at all yet */
        float mark;      /* when progress was first marked points further than from */
        int8_t from, marked, progress; /* of the last answer that counted, -1 before the first */
        int8_t step;                   /* points that it moves by at once; 0: it is smooth */
        bool ran;
};

/* Of a task that was registered then, on the clock of the calls. */
struct expected_end poll_interval_expect(const struct expected_duration *expected,
                                         usec_t registered);

/* started: when the task was registered, on the clock that all later calls use. */
void poll_interval_init(struct poll_interval *interval, usec_t started);

/*
 * Notes a valid answer at now and returns the delay until the next poll, within the
 * limits and with up to 10 % of jitter on either side (never outside the limits).
 * running is taskStatus 1; progress is 0 to 100, or -1 when the answer has none;
 * random is uniform in [0, 1).
 */
usec_t poll_interval_next(struct poll_interval *interval, const struct poll_interval_limits *limits,
                          usec_t now, bool running, int progress, double random);

/* When an answer last said that the task goes on; started, before one has. */
usec_t poll_interval_last(const struct poll_interval *interval);
