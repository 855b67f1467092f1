#pragma once
/*
 * The reference workload of the interval policy, in simulated time: tasks that wait for a
 * log-normal time around 5 s, then run for one around a minute; 60 % of them with smooth progress,
 * a power of the time between 0.7 and 1.3, 25 % in five steps, 15 % silent. Of several types, each
 * has three times the median of the one before. The unit test asserts on it, the bench prints it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "koowatchd/task/poll-interval.h"

enum workload_kind {
        WORKLOAD_SMOOTH,
        WORKLOAD_STEPS,
        WORKLOAD_SILENT,
        WORKLOAD_KINDS,
};

struct workload_policy {
        const char *name;
        bool learns; /* limits have what was learnt of the durations of the task's type */
        usec_t (*next)(struct poll_interval *pace, const struct poll_interval_limits *limits,
                       usec_t now, bool running, int progress, double random);
};

/* Delays are from a task's end to the poll that finds it, in seconds. */
struct workload_result {
        double polls, median, mean, p95, p99;
        double relative_p95; /* of delay / duration, the wait included */
};

struct workload {
        uint64_t seed;
        size_t tasks;
        double sigma;    /* of the natural logarithm of the time that it runs */
        unsigned types;  /* of tasks, whose durations are learnt apart; 0 is 1 */
        unsigned kinds;  /* bit mask of 1 << enum workload_kind */
        usec_t duration; /* of all, without a wait, in place of log-normal, when not 0 */
        struct poll_interval_limits limits;
};

/* The policy under test. */
extern const struct workload_policy workload_pace, workload_learning;

/* Uniform in [0, 1), the same on every machine. */
double workload_random(uint64_t *seed);

/* Runs every task of the workload to its detection. Aborts when memory is short. */
struct workload_result workload_run(const struct workload *workload,
                                    const struct workload_policy *policy);
