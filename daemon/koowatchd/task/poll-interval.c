/*
 * While nothing is known of a task's end, the interval follows its age: the delay with which
 * the end is found is bounded in proportion. Once progress moves, an end is expected, most of
 * the way to it is slept through, and what is late by much may stay so for long: past the
 * expected end, the interval follows the overrun. So progress that freezes, at 99 or at 100,
 * is an overrun too.
 *
 * Progress that moves with every answer is taken for a power of the time that has passed, whose
 * exponent two answers tell: many tasks begin fast and end slowly, or the other way round.
 * Progress that stood still while a line through what came later had risen is in steps of the
 * same length: each answer bounds the end then, and where it may be anywhere in a wide range,
 * the next poll goes to where a step is expected, which halves the range.
 *
 * Progress comes in whole percent, hence nothing is aimed at more finely than a part of the age;
 * from some hours on, that is the cap.
 */
#include "koowatchd/task/poll-interval.h"

#include <math.h>

#include "common/util.h"
#include "koowatchd/account/learnt-durations.h"

#define JITTER 0.10 /* parts the polls of tasks that started together */
#define GRAIN 0.003 /* of the age: what whole percent can resolve */

/* Of the age, while there is no more to go by. */
#define SHARE_WAITING 0.58
#define SHARE_RUNNING 0.21
#define SHARE_LATE 0.30 /* of the overrun */
#define YOUNG 10.0      /* s: so much at least, if the age is as much */

/* Of the way to the expected end. */
#define WAY_FIRST 0.60 /* by a line */
#define WAY_BENT 0.80  /* by a curve through two answers, which are ... */
#define APART 1.15     /* ... so many times the progress apart, ... */
#define MARK_MIN 5     /* ... and the first of them not too uncertain */
#define BEND_MIN 0.7
#define BEND_MAX 1.9
/* No further ahead than so many times what it has run; the first few percent tell little. */
#define AHEAD 3.75

/* Where it is known when others like it have ended. */
#define RANGE_LEAD 0.14  /* of the time between the first and the last of them: before the first */
#define RANGE_SHARE 0.13 /* of the same: from then on, while there is no more to go by */
#define LEFT_SHARE 0.50  /* of the way to the last */

#define STEP_MIN 8    /* points that progress lags behind a line when it is in steps, ... */
#define STEP_LAG 1.75 /* ... and so many times what it was */
#define WIDE 0.08     /* of the expected end: a range that is worth halving */
#define INTO 0.45     /* of the range, where the first poll goes in it; ... */
#define THROUGH 0.33  /* ... and the others follow each other */
#define BACKWARDS 4   /* points that an answer may err by */

void poll_interval_init(struct poll_interval *pace, usec_t started) {
        *pace = (struct poll_interval){.started = started, .base = started, .progress = -1};
}

struct expected_end poll_interval_expect(const struct expected_duration *expected,
                                         usec_t registered) {
        if (expected->latest == 0)
                return (struct expected_end){};
        return (struct expected_end){registered + expected->earliest,
                                     registered + expected->latest};
}

usec_t poll_interval_last(const struct poll_interval *pace) {
        return pace->base + (usec_t) (pace->last * (float) USEC_SEC);
}

static double seconds(usec_t span) {
        return (double) span / (double) USEC_SEC;
}

/* The course is measured from now on, and what was expected is void. */
static void begin_course(struct poll_interval *pace, usec_t now, int progress) {
        pace->base = now;
        pace->from = pace->progress = (int8_t) progress;
        pace->last = pace->low = pace->high = pace->mark = 0;
        pace->marked = pace->step = 0;
}

/* As if it had been even since it was started: there is no more to go by yet. */
static void begin_half_way(struct poll_interval *pace, usec_t now, int progress) {
        begin_course(pace, now, progress);
        if (progress >= MARK_MIN)
                pace->high = (float) (seconds(now - pace->started) * (100 - progress) / progress);
}

/*
 * In a queue a task does not age. It has begun to run between the last two answers: half-way,
 * unless they are so far apart that the course is better measured from now on.
 */
static void note_running(struct poll_interval *pace, usec_t now, int progress) {
        usec_t waited = pace->base, apart = now - waited;

        if (!pace->ran && pace->progress >= 0) {
                pace->started = waited + apart / 2;
                if (seconds(apart) > YOUNG)
                        begin_half_way(pace, now, progress);
                else
                        begin_course(pace, pace->started, 0);
        }
        pace->ran = true;
}

static double bend(const struct poll_interval *pace, double t, double done) {
        double ratio = log(done / (pace->marked + 0.5)), weight, bend;

        if (pace->marked == 0 || ratio < log(APART) || t <= (double) pace->mark)
                return 1;
        bend = MIN(MAX(ratio / log(t / (double) pace->mark), BEND_MIN), BEND_MAX);
        weight = ratio * pace->marked;
        return 1 + (bend - 1) * weight / (weight + 1);
}

/* Where progress is at t, another than before: what moves smoothly ends there. */
static void expect_end(struct poll_interval *pace, double t, int done, int total) {
        double middle = done + 0.5; /* of what the percent may stand for */

        pace->low = pace->high =
                (float) (t / pow(MIN(middle / total, 1), 1 / bend(pace, t, middle)));
        if (pace->marked == 0 && done >= MARK_MIN) {
                pace->marked = (int8_t) done;
                pace->mark = (float) t;
        }
}

/* It stood still while a line would have risen. */
static void note_step(struct poll_interval *pace, double t, int done, int total) {
        int before = pace->progress - pace->from, step = done - before;
        double line = done * (double) pace->last / t;

        if (pace->last <= 0 || line < before + STEP_MIN || line < STEP_LAG * before ||
            (pace->step > 0 && step >= pace->step))
                return;
        pace->step = (int8_t) step;
        pace->low = pace->last * (float) total / (float) (before + step);
        pace->high = HUGE_VALF;
}

static void bound_end(struct poll_interval *pace, double t, int done, int total) {
        float low = (float) (t * total / (done + pace->step)), high = (float) (t * total / done);

        pace->low = MAX(pace->low, low);
        pace->high = MIN(pace->high, high);
        if (pace->low >= pace->high) {
                pace->low = low;
                pace->high = high;
        }
}

static void note_progress(struct poll_interval *pace, usec_t now, int progress) {
        double t = MAX(seconds(now - pace->base), 1e-6);
        int total = 100 - pace->from, done = progress - pace->from;

        if (pace->progress < 0 || progress < pace->progress - BACKWARDS) {
                double age = seconds(now - pace->started);
                bool is_first = pace->progress < 0;

                begin_course(pace, now, progress);
                if (is_first && progress > 0) /* as if it had begun when it was registered */
                        pace->high = (float) (age * (100 - progress) / progress);
                return;
        }
        if (progress > pace->progress) {
                note_step(pace, t, done, total);
                if (pace->step == 0)
                        expect_end(pace, t, done, total);
                pace->progress = (int8_t) progress;
        }
        if (pace->step > 0)
                bound_end(pace, t, MAX(done, pace->progress - pace->from), total);
        pace->last = (float) t;
}

/* Seconds until the next poll of progress in steps. */
static double aim_at_step(const struct poll_interval *pace, double t, double least) {
        int total = 100 - pace->from;
        double low = (double) pace->low, high = (double) pace->high, width = high - low;
        double middle = (low + high) / 2;

        if (width > MAX(2 * least, WIDE * middle))
                for (int at = total - pace->step; at > 0; at -= pace->step)
                        if (at * middle / total > t + least)
                                return at * middle / total - t;
        if (t < low)
                return low + INTO * width - t;
        return t < high ? THROUGH * width : SHARE_LATE * (t - middle);
}

static double aim_at_end(const struct poll_interval *pace, double t, double age) {
        int done = pace->progress - pace->from;
        double left = (double) pace->high - t;
        bool bent = pace->marked > 0 && done + 0.5 > APART * (pace->marked + 0.5);

        if (left <= 0)
                return SHARE_LATE * -left;
        return MIN((bent ? WAY_BENT : WAY_FIRST) * left, AHEAD * age);
}

/*
 * Others like it have ended between earliest and latest: until shortly before there is nothing to
 * find. From then on the range says how often to ask or, where progress tells more, how far ahead
 * that is believed. What outlives the others is not like them.
 */
static double aim_at_expected(const struct poll_interval *pace, const struct expected_end *expected,
                              usec_t now, double delay) {
        double left = seconds(expected->latest - now);
        double range = seconds(expected->latest - expected->earliest);
        bool is_blind = !pace->ran || (pace->step == 0 && pace->high <= 0);

        if (left <= 0)
                return delay;
        if (is_blind && left > (1 + RANGE_LEAD) * range)
                return left - (1 + RANGE_LEAD) * range;
        return MIN(delay, is_blind ? RANGE_SHARE * range : LEFT_SHARE * left);
}

/* A clock that stands or goes back needs no case of its own: it ends at the floor. */
static double aim(const struct poll_interval *pace, const struct poll_interval_limits *limits,
                  usec_t now) {
        double age = seconds(now - pace->started), t = seconds(now - pace->base);
        double delay, least = seconds(limits->interval_min);

        if (!pace->ran)
                delay = SHARE_WAITING * age;
        else if (pace->step > 0)
                delay = aim_at_step(pace, t, least);
        else if (pace->high > 0)
                delay = aim_at_end(pace, t, age);
        else
                delay = MIN(age, MAX(SHARE_RUNNING * age, YOUNG));
        delay = aim_at_expected(pace, &limits->expected, now, delay);
        return MAX(delay, MAX(GRAIN * age, least));
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
        if (running) {
                note_running(pace, now, MAX(progress, 0));
                if (progress >= 0 || pace->progress <= 0) /* else it tells nothing new */
                        note_progress(pace, now, MAX(progress, 0));
        } else if (!pace->ran) {
                pace->base = now; /* the last answer before it ran */
                pace->progress = 0;
        } else { /* back in the queue */
                pace->ran = false;
                begin_course(pace, now, 0);
        }
        return spread(limits, aim(pace, limits, now) * (double) USEC_SEC, random);
}
