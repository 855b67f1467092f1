#include "interval-workload.h"

#include <math.h>

#include "common/util.h"

#define MEDIAN_DURATION ((double) (60 * USEC_SEC))
#define PENDING_SHARE 0.3 /* of tasks that wait before they run, */
#define PENDING_MAX 0.25  /* at most this part of their duration */
#define BOW 0.03          /* progress runs ahead or behind by up to 3 points, */
#define NOISE 0.01        /* and each answer errs by up to one more */

static const double kind_share[WORKLOAD_KINDS] = {0.60, 0.25, 0.15};

struct workload_task {
        enum workload_kind kind;
        usec_t duration, pending; /* from registration to the end; and to the start of the run */
        bool absent;              /* no progress field where there is nothing to tell */
        double bow, noise;        /* of smooth progress: departure from the line */
        int steps;                /* of stepped progress */
        double step_at[5];        /* parts of the run */
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

static double symmetric(uint64_t *seed, double limit) {
        return limit * (2 * workload_random(seed) - 1);
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

/* One to five jumps, at irregular times, none of them at the very start or end. */
static void draw_steps(struct workload_task *task, uint64_t *seed) {
        double sum = 0, total;

        task->steps = 1 + (int) (5 * workload_random(seed));
        for (int i = 0; i < task->steps; i++) {
                sum += 0.3 + workload_random(seed);
                task->step_at[i] = sum;
        }
        total = sum + 0.3 + workload_random(seed);
        for (int i = 0; i < task->steps; i++)
                task->step_at[i] /= total;
}

static struct workload_task draw_task(const struct workload *workload, uint64_t *seed) {
        struct workload_task task = {.kind = draw_kind(seed, workload->kinds)};

        task.duration = workload->duration;
        if (!task.duration)
                task.duration = (usec_t) (MEDIAN_DURATION * exp(workload->sigma * normal(seed)));
        if (workload_random(seed) < PENDING_SHARE)
                task.pending =
                        (usec_t) (PENDING_MAX * workload_random(seed) * (double) task.duration);
        task.absent = workload_random(seed) < 0.5;
        task.bow = symmetric(seed, BOW);
        task.noise = NOISE;
        draw_steps(&task, seed);
        return task;
}

/* Of a running task; part is that of the run which has passed, in [0, 1). */
static int progress_at(const struct workload_task *task, double part, uint64_t *seed) {
        int percent = 0;

        switch (task->kind) {
        case WORKLOAD_SMOOTH:
                part += task->bow * 4 * part * (1 - part) + symmetric(seed, task->noise);
                percent = (int) floor(100 * part);
                return MIN(MAX(percent, 0), 100);
        case WORKLOAD_STEPS:
                for (int i = 0; i < task->steps; i++)
                        if (part >= task->step_at[i])
                                percent = 100 * (i + 1) / (task->steps + 1);
                return percent;
        default:
                return task->absent ? -1 : 0;
        }
}

static usec_t poll_task(const struct workload_task *task, const struct workload *workload,
                        const struct workload_policy *policy, uint64_t *seed, size_t *polls) {
        struct poll_interval pace;
        usec_t now = 0;

        poll_interval_init(&pace, 0);
        for (*polls += 1; now < task->duration; *polls += 1) {
                bool running = now >= task->pending;
                int progress = task->absent ? -1 : 0;

                if (running)
                        progress = progress_at(task,
                                               (double) (now - task->pending) /
                                                       (double) (task->duration - task->pending),
                                               seed);
                now += policy->next(&pace, &workload->limits, now, running, progress,
                                    workload_random(seed));
        }
        return now - task->duration;
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
        double sum = 0;

        if (!delays || !relative)
                abort();
        for (size_t i = 0; i < n; i++) {
                struct workload_task task = draw_task(workload, &seed);
                double delay = (double) poll_task(&task, workload, policy, &seed, &polls);

                delays[i] = delay / (double) USEC_SEC;
                relative[i] = delay / (double) task.duration;
                sum += delays[i];
        }
        qsort(delays, n, sizeof(*delays), compare);
        qsort(relative, n, sizeof(*relative), compare);

        return (struct workload_result){
                .polls = (double) polls / (double) n,
                .median = delays[n / 2],
                .mean = sum / (double) n,
                .p90 = delays[n * 9 / 10],
                .p99 = delays[n * 99 / 100],
                .relative_p90 = relative[n * 9 / 10],
        };
}

const struct workload_policy workload_pace = {"pace", poll_interval_next};
