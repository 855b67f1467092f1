#include "interval-workload.h"

#include <math.h>

#include "common/util.h"
#include "koowatchd/account/learnt-durations.h"

#define WAITING ((double) (5 * USEC_SEC)) /* median, with a sigma of 1 */
#define RUNNING ((double) USEC_MINUTE)    /* median */
#define RUNNING_MAX (6 * USEC_HOUR)
#define POWER_MIN 0.7 /* of smooth progress: x to the power of ... */
#define POWER_MAX 1.3
#define STEPS 5
#define TYPES_MAX 8
#define TYPE_FACTOR 3 /* between the medians of two types; theirs is that of the middle one */

static const double kind_share[WORKLOAD_KINDS] = {0.60, 0.25, 0.15};

struct workload_task {
        enum workload_kind kind;
        unsigned type;
        usec_t waiting, running; /* from registration to the start, and from there to the end */
        bool absent;             /* no progress field where there is nothing to tell */
        double power;
};

/* splitmix64 */
double workload_random(uint64_t *seed) {
        uint64_t z = *seed += 0x9e3779b97f4a7c15;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double normal(uint64_t *seed) {
        double radius = sqrt(-2 * log(1 - workload_random(seed)));

        return radius * cos(2 * M_PI * workload_random(seed));
}

static enum workload_kind draw_kind(uint64_t *seed, unsigned kinds) {
        for (;;) {
                double u = workload_random(seed);
                unsigned kind = 0;

                while (kind + 1 < WORKLOAD_KINDS && u >= kind_share[kind])
                        u -= kind_share[kind++];
                if (kinds & 1U << kind)
                        return kind;
        }
}

static usec_t log_normal(uint64_t *seed, double median, double sigma) {
        return (usec_t) (median * exp(sigma * normal(seed)));
}

static struct workload_task draw_task(const struct workload *workload, uint64_t *seed) {
        struct workload_task task = {
                .kind = draw_kind(seed, workload->kinds),
                .waiting = log_normal(seed, WAITING, 1),
                .running = MIN(log_normal(seed, RUNNING, workload->sigma), RUNNING_MAX),
                .absent = workload_random(seed) < 0.5,
                .power = POWER_MIN + (POWER_MAX - POWER_MIN) * workload_random(seed),
        };

        if (workload->types > 1) {
                task.type = (unsigned) (workload_random(seed) * workload->types);
                task.running = (usec_t) ((double) task.running *
                                         pow(TYPE_FACTOR,
                                             (double) task.type - (workload->types - 1) / 2.0));
        }
        if (workload->duration) {
                task.waiting = 0;
                task.running = workload->duration;
        }
        return task;
}

/* Of a running task; part is that of the run which has passed, in [0, 1). */
static int progress_at(const struct workload_task *task, double part) {
        switch (task->kind) {
        case WORKLOAD_SMOOTH:
                return (int) (100 * pow(part, task->power));
        case WORKLOAD_STEPS:
                return 100 / STEPS * (int) (STEPS * part);
        default:
                return task->absent ? -1 : 0;
        }
}

/* Polls it until its end is found. Returns the delay of that. */
static usec_t poll_task(const struct workload_task *task, const struct workload *workload,
                        const struct workload_policy *policy, struct learnt_durations *learnt,
                        uint64_t *seed, size_t *polls) {
        usec_t now = 0, last = 0, end = task->waiting + task->running;
        struct poll_interval_limits limits = workload->limits;
        struct poll_interval pace;

        if (policy->learns)
                limits.expected = poll_interval_expect(&learnt->expected, 0);

        poll_interval_init(&pace, 0);
        for (*polls += 1; now < end; *polls += 1) {
                usec_t ran = now - task->waiting;
                int progress = task->absent ? -1 : 0;

                if (ran >= 0)
                        progress = progress_at(task, (double) ran / (double) task->running);
                last = now;
                now += policy->next(&pace, &limits, now, ran >= 0, progress, workload_random(seed));
        }
        learnt_durations_add(learnt, last, now);
        return now - end;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

struct workload_result workload_run(const struct workload *workload,
                                    const struct workload_policy *policy) {
        CLEANUP(freep) double *delays = calloc(workload->tasks, sizeof(*delays));
        CLEANUP(freep) double *relative = calloc(workload->tasks, sizeof(*relative));
        uint64_t seed = workload->seed;
        size_t polls = 0, n = workload->tasks;
        struct learnt_durations learnt[TYPES_MAX] = {};
        double sum = 0;

        if (!delays || !relative)
                abort();
        for (size_t i = 0; i < n; i++) {
                struct workload_task task = draw_task(workload, &seed);
                double delay = (double) poll_task(&task, workload, policy, &learnt[task.type],
                                                  &seed, &polls);

                delays[i] = delay / (double) USEC_SEC;
                relative[i] = delay / (double) (task.waiting + task.running);
                sum += delays[i];
        }
        qsort(delays, n, sizeof(*delays), compare);
        qsort(relative, n, sizeof(*relative), compare);

        return (struct workload_result){
                .polls = (double) polls / (double) n,
                .median = delays[n / 2],
                .mean = sum / (double) n,
                .p95 = delays[n * 95 / 100],
                .p99 = delays[n * 99 / 100],
                .relative_p95 = relative[n * 95 / 100],
        };
}

const struct workload_policy workload_pace = {"pace", false, poll_interval_next};
const struct workload_policy workload_learning = {"learning", true, poll_interval_next};
