/*
 * One end is expected at any time, and the next poll goes by quarters of the
 * distance to it. Ahead of it, three quarters of the way are slept through, so that
 * few polls close in while the prediction gets better. Once it has passed, the
 * interval is a quarter of the overrun: what is late by much may stay so for long.
 * A task that shows no progress is the same case with its own start as the expected
 * end: the interval is a quarter of its age, which bounds the delay in proportion.
 *
 * The prediction is the straight line from the last answer before progress moved
 * through the present one. It is drawn again whenever progress changes, in either
 * direction, and kept while it does not, so progress that freezes, at 99 or at 100,
 * becomes an overrun. The first few percent predict badly, hence no prediction is
 * followed further ahead than the task is old. Progress comes in whole percent,
 * hence nothing is aimed at more finely than a hundredth of the age; from some hours
 * on, that is the cap.
 */
#include "koowatchd/task/poll-interval.h"

#include "common/util.h"

#define SHARE 0.25  /* fewer polls when larger, less delay when smaller */
#define GRAIN 0.01  /* of the age: what whole percent can resolve */
#define JITTER 0.10 /* parts the polls of tasks that started together */

void poll_interval_init(struct poll_interval *pace, usec_t started) {
        *pace = (struct poll_interval){
                .started = started,
                .base = started,
                .end = (double) started,
                .progress = -1,
        };
}

/* A task that waited in a queue is as young, when it runs at last, as one that did not. */
static void note_running(struct poll_interval *pace) {
        if (!pace->ran)
                pace->started = pace->base;
        pace->ran = true;
}

static void note_progress(struct poll_interval *pace, usec_t now, int progress) {
        bool first = pace->progress < 0;

        if (progress < pace->from || progress == 0) {
                pace->end = (double) pace->started;
                pace->base = now;
                pace->from = (int8_t) progress;
        } else if (progress > pace->from && progress != pace->progress) {
                double run = (double) (now - pace->base);

                pace->end = (double) now + run * (100 - progress) / (progress - pace->from);
        }
        /* Seen for the first time in mid-course: how old it was at registration is unknown. */
        if (first) {
                pace->base = now;
                pace->from = (int8_t) progress;
        }
        pace->progress = (int8_t) progress;
}

/* A clock that stands or goes back needs no case of its own: it ends at the floor. */
static double aim(const struct poll_interval *pace, usec_t now, usec_t interval_min) {
        double age = (double) (now - pace->started);
        double grain = MAX(GRAIN * age, (double) interval_min);
        double left = pace->end - (double) now;
        double delay;

        if (left <= 0)
                delay = SHARE * -left;
        else
                delay = MIN((1 - SHARE) * left, age);
        return MAX(delay, grain);
}

/*
 * The jitter's range is cut to the limits rather than its result: tasks at the floor
 * or at the cap, which are the many, would else stay in step.
 */
static usec_t spread(const struct poll_interval_limits *limits, double delay, double random) {
        double min = (double) limits->interval_min, max = (double) limits->interval_max;
        double low, high;

        delay = MIN(MAX(delay, min), max);
        low = MAX(delay * (1 - JITTER), min);
        high = MIN(delay * (1 + JITTER), max);
        delay = low + (high - low) * random;
        return delay < max ? (usec_t) delay : limits->interval_max;
}

usec_t poll_interval_next(struct poll_interval *pace, const struct poll_interval_limits *limits,
                          usec_t now, bool running, int progress, double random) {
        if (running)
                note_running(pace);
        if (!running)
                progress = 0;
        else if (progress < 0)
                progress = MAX(pace->progress, 0);
        note_progress(pace, now, progress);

        return spread(limits, aim(pace, now, limits->interval_min), random);
}
