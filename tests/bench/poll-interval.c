/*
 * Prints what polls cost and what delay they leave on the reference workload, for
 * pace and for the two policies it replaces: plain exponential back-off and a fixed
 * interval.
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
        .sigma = 1.0,
        .kinds = ALL_KINDS,
        .limits = {2 * USEC_SEC, 2 * USEC_MINUTE},
};

/* Each interval is half as long again as the last, which makes it a function of the age. */
static usec_t exponential_next(UNUSED struct poll_interval *pace,
                               const struct poll_interval_limits *limits, usec_t now,
                               UNUSED bool running, UNUSED int progress, double random) {
        usec_t delay = MIN(limits->interval_min + now / 2, limits->interval_max);

        return (usec_t) ((double) delay * (0.9 + 0.2 * random));
}

static usec_t fixed_next(UNUSED struct poll_interval *pace,
                         UNUSED const struct poll_interval_limits *limits, UNUSED usec_t now,
                         UNUSED bool running, UNUSED int progress, double random) {
        return (usec_t) ((double) (5 * USEC_SEC) * (0.9 + 0.2 * random));
}

static const struct workload_policy exponential = {"exponential", exponential_next};
static const struct workload_policy fixed = {"fixed 5s", fixed_next};

static void row(const char *label, const struct workload *workload,
                const struct workload_policy *policy) {
        struct workload_result r = workload_run(workload, policy);

        printf("%-10s %-12s %8.2f %8.2f %8.2f %8.2f %8.2f %8.1f%%\n", label, policy->name, r.polls,
               r.median, r.mean, r.p90, r.p99, 100 * r.relative_p90);
}

static void head(const char *title) {
        printf("%s\n%-10s %-12s %8s %8s %8s %8s %8s %9s\n", title, "", "policy", "polls", "median",
               "mean", "p90", "p99", "p90/dur");
}

static void by_sigma(void) {
        static const double sigmas[] = {0.8, 1.0, 1.2, 1.5};

        head("Reference workload; sigma of ln(duration), delay in s");
        for (size_t i = 0; i < ARRAY_LEN(sigmas); i++) {
                struct workload workload = reference;
                char label[16];

                workload.sigma = sigmas[i];
                (void) snprintf(label, sizeof(label), "%.1f", sigmas[i]);
                row(label, &workload, &workload_pace);
                row(label, &workload, &exponential);
                row(label, &workload, &fixed);
        }
}

static void by_kind(void) {
        head("\nBy kind of progress, sigma 1.0");
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
        by_sigma();
        by_kind();
        long_tasks(USEC_HOUR, "\nTasks of 1 h (every 2min: 31 polls)");
        long_tasks(USEC_DAY, "\nTasks of 24 h (every 2min: 721 polls)");
        return 0;
}
