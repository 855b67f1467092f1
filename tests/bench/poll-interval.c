/*
 * Prints what polls cost and what delay they leave on the reference workload, for pace and
 * for what else one might do. Goals: 11 polls, a median delay of 1.5 s, 15 s for 95 of 100; where
 * durations repeat, 7 polls for the same delays.
 */
#include <stdio.h>

#include "common/util.h"
#include "interval-workload.h"

#define TASKS 20000
#define LONG_TASKS 200
#define ALL_KINDS ((1U << WORKLOAD_KINDS) - 1)

static const char *const kind_name[WORKLOAD_KINDS] = {"smooth", "steps", "silent"};

static const struct workload reference = {
        .seed = 1,
        .tasks = TASKS,
        .sigma = 1.5,
        .kinds = ALL_KINDS,
        .limits = {2 * USEC_SEC, 2 * USEC_MINUTE},
};

static usec_t jitter(double delay, double random) {
        return (usec_t) (delay * (0.9 + 0.2 * random));
}

#define FIXED(seconds)                                                                             \
        static usec_t fixed_##seconds(UNUSED struct poll_interval *pace,                           \
                                      UNUSED const struct poll_interval_limits *limits,            \
                                      UNUSED usec_t now, UNUSED bool running, UNUSED int progress, \
                                      double random) {                                             \
                return jitter((double) (seconds * USEC_SEC), random);                              \
        }
FIXED(2)
FIXED(5)
FIXED(15)
FIXED(30)

/* Each interval is half as long again as the last, which makes it a function of the age. */
static usec_t exponential_next(UNUSED struct poll_interval *pace,
                               const struct poll_interval_limits *limits, usec_t now,
                               UNUSED bool running, UNUSED int progress, double random) {
        return jitter((double) MIN(limits->interval_min + now / 2, limits->interval_max), random);
}

/* Likewise, and anywhere up to that. */
static usec_t full_jitter_next(UNUSED struct poll_interval *pace,
                               const struct poll_interval_limits *limits, usec_t now,
                               UNUSED bool running, UNUSED int progress, double random) {
        double most = (double) MIN(limits->interval_min + now, limits->interval_max);

        return MAX((usec_t) (most * random), limits->interval_min);
}

/* A quarter of the age: the delay is bounded in proportion. */
static usec_t proportional_next(UNUSED struct poll_interval *pace,
                                const struct poll_interval_limits *limits, usec_t now,
                                UNUSED bool running, UNUSED int progress, double random) {
        return MIN(MAX(jitter((double) now / 4, random), limits->interval_min),
                   limits->interval_max);
}

static const struct workload_policy others[] = {
        {"fixed 2s", false, fixed_2},
        {"fixed 5s", false, fixed_5},
        {"fixed 15s", false, fixed_15},
        {"fixed 30s", false, fixed_30},
        {"exponential", false, exponential_next},
        {"full jitter", false, full_jitter_next},
        {"proportional", false, proportional_next},
};

static void row(const char *label, const struct workload *workload,
                const struct workload_policy *policy) {
        struct workload_result r = workload_run(workload, policy);

        printf("%-10s %-12s %8.2f %8.2f %8.2f %8.2f %8.2f %8.1f%%\n", label, policy->name, r.polls,
               r.median, r.mean, r.p95, r.p99, 100 * r.relative_p95);
}

static void head(const char *title) {
        printf("%s\n%-10s %-12s %8s %8s %8s %8s %8s %9s\n", title, "", "policy", "polls", "median",
               "mean", "p95", "p99", "p95/dur");
}

static void by_policy(void) {
        head("Reference workload; delay in s");
        row("", &reference, &workload_pace);
        row("", &reference, &workload_learning);
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                row("", &reference, &others[i]);
}

static void repeating(void) {
        static const unsigned types[] = {1, 3};

        head("\nDurations that repeat: sigma 0.3; of one type, and of three (medians 20, 60, 180 s)");
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                struct workload workload = reference;
                const char *label = types[i] == 1 ? "one" : "three";

                workload.sigma = 0.3;
                workload.types = types[i];
                row(label, &workload, &workload_pace);
                row(label, &workload, &workload_learning);
                for (size_t j = 0; j < ARRAY_LEN(others); j++)
                        row(label, &workload, &others[j]);
        }
}

static void by_sigma(void) {
        static const double sigmas[] = {0.4, 0.5, 0.6, 0.8, 1.0, 1.2};

        head("\nOther spreads of the time that tasks run: sigma of its logarithm");
        for (size_t i = 0; i < ARRAY_LEN(sigmas); i++) {
                struct workload workload = reference;
                char label[16];

                workload.sigma = sigmas[i];
                (void) snprintf(label, sizeof(label), "%.1f", sigmas[i]);
                row(label, &workload, &workload_pace);
                row(label, &workload, &workload_learning);
        }
}

static void by_kind(void) {
        head("\nBy kind of progress");
        for (unsigned kind = 0; kind < WORKLOAD_KINDS; kind++) {
                struct workload workload = reference;

                workload.kinds = 1U << kind;
                row(kind_name[kind], &workload, &workload_pace);
        }
}

static void long_tasks(usec_t duration, const char *title) {
        head(title);
        for (unsigned kind = 0; kind < WORKLOAD_KINDS; kind++) {
                struct workload workload = reference;

                workload.tasks = LONG_TASKS;
                workload.duration = duration;
                workload.kinds = 1U << kind;
                row(kind_name[kind], &workload, &workload_pace);
        }
}

int main(void) {
        by_policy();
        repeating();
        by_sigma();
        by_kind();
        long_tasks(USEC_HOUR, "\nTasks of 1 h (every 2min: 31 polls)");
        long_tasks(USEC_DAY, "\nTasks of 24 h (every 2min: 721 polls)");
        return 0;
}
