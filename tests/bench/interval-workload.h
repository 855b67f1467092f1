#pragma once
/*
 * The reference workload of the interval policy, in simulated time: tasks whose
 * durations are log-normal around a minute, 60 % of them with smooth progress,
 * 25 % in steps, 15 % silent. The unit test asserts on it, the bench prints it.
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
        usec_t (*next)(struct poll_interval *pace, const struct poll_interval_limits *limits,
                       usec_t now, bool running, int progress, double random);
};

/* Delays are from a task's end to the poll that finds it, in seconds. */
struct workload_result {
        double polls, median, mean, p90, p99;
        double relative_p90; /* of delay / duration */
};

struct workload {
        uint64_t seed;
        size_t tasks;
        double sigma;    /* of the duration's natural logarithm */
        unsigned kinds;  /* bit mask of 1 << enum workload_kind */
        usec_t duration; /* the same for all, in place of log-normal, when not 0 */
        struct poll_interval_limits limits;
};

/* The policy under test. */
extern const struct workload_policy workload_pace;

/* Uniform in [0, 1), the same on every machine. */
double workload_random(uint64_t *seed);

/* Runs every task of the workload to its detection. Aborts when memory is short. */
struct workload_result workload_run(const struct workload *workload,
                                    const struct workload_policy *policy);
