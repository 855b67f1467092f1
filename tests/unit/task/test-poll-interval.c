#include <math.h>

#include "common/util.h"
#include "interval-workload.h"
#include "koowatchd/task/poll-interval.h"
#include "unit/support.h"

#define MIDDLE 0.5 /* random that leaves no jitter in the middle of the range */

static const struct poll_interval_limits limits = {2 * USEC_SEC, 2 * USEC_MINUTE};

static usec_t next(struct poll_interval *interval, usec_t now, int progress) {
        return poll_interval_next(interval, &limits, now, true, progress, MIDDLE);
}

/* Progress of a task that runs evenly from begin for duration. */
static int even(usec_t now, usec_t begin, usec_t duration) {
        return now < begin ? 0 : (int) ((now - begin) * 100 / duration);
}

/* Polls a task of even progress from now to its detection; returns the delay. */
static usec_t detect(struct poll_interval *interval, usec_t now, usec_t begin, usec_t duration,
                     unsigned max_polls) {
        for (unsigned polls = 0; now < begin + duration; polls++) {
                assert_true(polls < max_polls);
                now += poll_interval_next(interval, &limits, now, now >= begin,
                                          even(now, begin, duration), MIDDLE);
        }
        return now - begin - duration;
}

static void test_small(void **state) {
        (void) state;
        assert_true(sizeof(struct poll_interval) <= 40);
}

static void test_workload(void **state) {
        (void) state;
        for (uint64_t seed = 1; seed <= 3; seed++) {
                struct workload workload = {
                        .seed = seed,
                        .tasks = 20000,
                        .sigma = 1.5,
                        .kinds = (1U << WORKLOAD_KINDS) - 1,
                        .limits = limits,
                };
                struct workload_result result = workload_run(&workload, &workload_pace);

                assert_true(result.polls <= 11);
                assert_true(result.median <= 1.5);
                assert_true(result.p95 <= 15);
                assert_true(result.relative_p95 <= 0.22);
        }
}

/* It is made for no spread of durations in particular. */
static void test_other_spreads(void **state) {
        static const double sigmas[] = {0.3, 0.8, 1.0, 1.2};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(sigmas); i++) {
                struct workload workload = {
                        .seed = 1,
                        .tasks = 20000,
                        .sigma = sigmas[i],
                        .kinds = (1U << WORKLOAD_KINDS) - 1,
                        .limits = limits,
                };
                struct workload_result result = workload_run(&workload, &workload_pace);

                assert_true(result.polls <= 11);
                assert_true(result.median <= 1.6);
                assert_true(result.relative_p95 <= 0.22);
        }
}

static struct workload repeating(uint64_t seed, double sigma, unsigned types) {
        return (struct workload){
                .seed = seed,
                .tasks = 10000,
                .sigma = sigma,
                .types = types,
                .kinds = (1U << WORKLOAD_KINDS) - 1,
                .limits = limits,
        };
}

/* Durations that repeat are found as soon, with fewer polls. */
static void test_learns(void **state) {
        (void) state;
        for (uint64_t seed = 1; seed <= 3; seed++) {
                for (unsigned types = 1; types <= 3; types += 2) {
                        struct workload workload = repeating(seed, 0.3, types);
                        struct workload_result plain = workload_run(&workload, &workload_pace);
                        struct workload_result learnt = workload_run(&workload, &workload_learning);

                        assert_true(learnt.polls <= 7);
                        assert_true(learnt.polls <= plain.polls * 0.7);
                        assert_true(learnt.median <= plain.median);
                        assert_true(learnt.p95 <= plain.p95);
                        assert_true(learnt.relative_p95 <= plain.relative_p95);
                }
        }
}

/* Where they do not repeat, in one kind of tasks or in several. */
static void test_learning_is_never_worse(void **state) {
        static const struct {
                double sigma;
                unsigned types;
        } cases[] = {{0.1, 1}, {0.5, 1}, {0.8, 1}, {1.5, 1}, {0.8, 3}, {1.5, 3}};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct workload workload = repeating(1, cases[i].sigma, cases[i].types);
                struct workload_result plain = workload_run(&workload, &workload_pace);
                struct workload_result learnt = workload_run(&workload, &workload_learning);

                assert_true(learnt.polls <= plain.polls * 1.05);
                assert_true(learnt.median <= plain.median * 1.05);
                assert_true(learnt.p95 <= plain.p95 * 1.05);
        }
}

/* A silent task that is expected is asked about rarely before, often around, as ever after. */
static void test_expected_end(void **state) {
        static const struct poll_interval_limits waiting = {
                .interval_min = 2 * USEC_SEC,
                .interval_max = USEC_HOUR,
                .expected = {16 * USEC_MINUTE, 22 * USEC_MINUTE},
        };
        static const struct poll_interval_limits plain = {2 * USEC_SEC, USEC_HOUR};
        struct poll_interval interval, other;
        usec_t now = 0;

        (void) state;
        poll_interval_init(&interval, 0);
        now += poll_interval_next(&interval, &waiting, now, false, 0, MIDDLE);
        assert_in_range(now, 14 * USEC_MINUTE, 16 * USEC_MINUTE);
        while (now < 22 * USEC_MINUTE) {
                usec_t delay = poll_interval_next(&interval, &waiting, now, true, 0, MIDDLE);

                assert_in_range(delay, 2 * USEC_SEC, USEC_MINUTE);
                now += delay;
        }
        other = interval;
        assert_int_equal(poll_interval_next(&interval, &waiting, now, true, 0, MIDDLE),
                         poll_interval_next(&other, &plain, now, true, 0, MIDDLE));
}

/* However wrong: the cap holds, and progress that nears its end is believed. */
static void test_wrong_expectation(void **state) {
        static const struct poll_interval_limits wrong = {
                .interval_min = 2 * USEC_SEC,
                .interval_max = 2 * USEC_MINUTE,
                .expected = {USEC_DAY, 2 * USEC_DAY},
        };
        struct poll_interval interval;
        usec_t now = 0, duration = 10 * USEC_MINUTE;

        (void) state;
        poll_interval_init(&interval, 0);
        assert_int_equal(poll_interval_next(&interval, &wrong, 0, true, 0, 1), 2 * USEC_MINUTE);
        while (now < duration)
                now += poll_interval_next(&interval, &wrong, now, true, even(now, 0, duration),
                                          MIDDLE);
        assert_true(now - duration <= 10 * USEC_SEC);
}

/* Whatever the progress, a day costs little more than the cap alone would. */
static void test_day(void **state) {
        (void) state;
        for (unsigned kind = 0; kind < WORKLOAD_KINDS; kind++) {
                struct workload workload = {
                        .seed = 1,
                        .tasks = 100,
                        .duration = USEC_DAY,
                        .kinds = 1U << kind,
                        .limits = limits,
                };
                struct workload_result result = workload_run(&workload, &workload_pace);
                double at_cap = (double) (USEC_DAY / limits.interval_max);

                assert_true(result.polls <= at_cap / 0.95 + 30);
        }
}

/* What the head of poll-interval.c says, answer by answer; times in seconds. */
static void test_courses(void **state) {
        static const struct poll_interval_limits wide = {2 * USEC_SEC, 10 * USEC_HOUR};
        static const struct {
                const char *what;
                struct {
                        double at;
                        int progress; /* -2: it waits in the queue */
                        double delay;
                } answers[5];
        } cases[] = {
                {"a queue: in proportion to its age", {{100, -2, 58}, {200, -2, 116}}},
                {"young", {{5, 0, 5}, {9, 0, 9}, {20, 0, 10}, {100, 0, 21}}},
                {"soon after the queue", {{100, -2, 58}, {110, 0, 5}, {130, 10, 93.75}}},
                {"long after the queue", {{100, -2, 58}, {111, 20, 13.2}, {131, 30, 79.43}}},
                {"silent after the queue", {{100, -2, 58}, {120, -1, 10}, {140, 30, 27.34}}},
                {"back in the queue",
                 {{0, 0, 2.1}, {40, 20, 93.07}, {100, -2, 58}, {120, 10, 37.5}}},
                {"the first of what runs for long", {{60, 40, 54}, {80, 50, 56.57}}},
                {"even", {{0, 0, 2.1}, {40, 20, 93.07}, {80, 40, 96.44}, {160, 80, 31.46}}},
                {"a few percent", {{0, 0, 2.1}, {40, 1, 150}, {80, 4, 300}, {100, 5, 375}}},
                {"from five percent on", {{0, 0, 2.1}, {40, 5, 150}, {80, 20, 91.92}}},
                {"fast, then slow",
                 {{0, 0, 2.1}, {40, 40, 35.26}, {80, 56, 77.29}, {160, 80, 45.7}}},
                {"slow, then fast", {{0, 0, 2.1}, {40, 6, 150}, {80, 24, 75.83}, {120, 54, 37.65}}},
                {"near each other",
                 {{0, 0, 2.1}, {40, 40, 35.26}, {44, 45, 31.62}, {45, 46, 31.06}}},
                {"just far enough apart", {{0, 0, 2.1}, {40, 40, 35.26}, {44, 47, 21.16}}},
                {"at 100", {{0, 0, 2.1}, {40, 40, 35.26}, {90, 100, 2.1}, {120, 100, 9}}},
                {"late", {{0, 0, 2.1}, {40, 40, 35.26}, {120, 40, 6.37}, {240, 40, 42.37}}},
                {"quarters",
                 {{0, 0, 2.1}, {40, 25, 70.12}, {70, 25, 52.12}, {80, 50, 32.5}, {120, 75, 29}}},
                {"halves",
                 {{0, 0, 2.1}, {50, 0, 10.5}, {100, 50, 33}, {190, 50, 3.3}, {300, 50, 99}}},
                {"tenths, then a fifth",
                 {{0, 0, 2.1},
                  {30, 10, 112.5},
                  {50, 10, 141.43},
                  {60, 30, 86.67},
                  {100, 30, 113.33}}},
                {"fifths of what had begun before",
                 {{100, -2, 58}, {111, 20, 13.2}, {141, 20, 2.4}, {161, 40, 70}}},
                {"back a little", {{0, 0, 2.1}, {40, 40, 35.26}, {50, 36, 29.26}, {60, 35, 12.6}}},
                {"silent in between",
                 {{0, 0, 2.1}, {40, 40, 35.26}, {60, -1, 23.26}, {70, 60, 55.08}}},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct poll_interval interval;

                poll_interval_init(&interval, 0);
                for (size_t k = 0; k < ARRAY_LEN(cases[i].answers); k++) {
                        double at = cases[i].answers[k].at, delay;
                        int progress = cases[i].answers[k].progress;

                        if (k > 0 && at == 0)
                                break;
                        delay = (double) poll_interval_next(
                                        &interval, &wide, (usec_t) (at * (double) USEC_SEC),
                                        progress > -2, MAX(progress, -1), MIDDLE) /
                                (double) USEC_SEC;
                        if (fabs(delay - cases[i].answers[k].delay) > 0.01)
                                fail_msg("%s: %.2f s after answer %zu", cases[i].what, delay, k);
                }
        }
}

static void test_starts_at_floor(void **state) {
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 7 * USEC_DAY);
        assert_in_range(next(&interval, 7 * USEC_DAY, 0), limits.interval_min,
                        limits.interval_min * 11 / 10);
}

/* Polls of progress that is the same for ever, until the interval is at the cap. */
static unsigned polls_to_cap(struct poll_interval *interval, usec_t now, int progress) {
        bool growing = false;
        usec_t last = USEC_INFINITY;
        unsigned polls = 0;

        for (; last != limits.interval_max * 95 / 100; polls++) {
                usec_t delay = next(interval, now, progress);

                /* At most one turn: closing in on the predicted end, then past it. */
                if (growing)
                        assert_true(delay >= last);
                growing |= delay > last;
                assert_true(polls < 60);
                last = delay;
                now += delay;
        }
        for (unsigned i = 0; i < 100; i++, now += last)
                assert_int_equal(next(interval, now, progress), last);
        return polls;
}

static void test_silent_grows(void **state) {
        static const int silent[] = {-1, 0};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
                usec_t first, now = USEC_HOUR;
                struct poll_interval interval;

                poll_interval_init(&interval, now);
                first = next(&interval, now, silent[i]);
                /* Never back, so from the first on. */
                assert_true(next(&interval, now + first, silent[i]) >= first);
                assert_in_range(polls_to_cap(&interval, now + first, silent[i]), 5, 30);
        }
}

/* Be it half-way, shortly before the end or at 100. */
static void test_frozen_grows(void **state) {
        static const int frozen[] = {50, 99, 100};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(frozen); i++) {
                usec_t now = 0;
                struct poll_interval interval;

                poll_interval_init(&interval, 0);
                while (even(now, 0, USEC_MINUTE) < frozen[i])
                        now += next(&interval, now, even(now, 0, USEC_MINUTE));
                (void) next(&interval, now, frozen[i]);
                assert_in_range(polls_to_cap(&interval, now, frozen[i]), 5, 40);
        }
}

/* The shortest interval at an age: the floor or what whole percent resolve, plus jitter. */
static usec_t shortest(usec_t age) {
        return MAX(limits.interval_min, age / 100) * 11 / 10;
}

static void test_closes_in(void **state) {
        static const usec_t durations[] = {20 * USEC_SEC, USEC_MINUTE, 3 * USEC_MINUTE,
                                           10 * USEC_MINUTE};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
                usec_t now = 0, delay = 0, last = 0;
                struct poll_interval interval;

                poll_interval_init(&interval, 0);
                for (unsigned polls = 0; now < durations[i]; polls++) {
                        delay = next(&interval, now, even(now, 0, durations[i]));
                        if (now > durations[i] * 2 / 3)
                                assert_true(delay <= MAX(last, shortest(now)));
                        assert_true(polls < 16);
                        last = delay;
                        now += delay;
                }
                assert_true(now - durations[i] <= shortest(durations[i]));
        }
}

/* An early prediction is not followed over the end of a task that gets faster. */
static void test_distrusts_first_percent(void **state) {
        struct poll_interval interval;
        usec_t now = 4 * USEC_SEC;

        (void) state;
        poll_interval_init(&interval, 0);
        (void) next(&interval, 0, 0);
        assert_true(next(&interval, now, 1) <= 4 * now);
}

static void test_queue_is_not_age(void **state) {
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 0);
        assert_true(detect(&interval, 0, 3 * USEC_HOUR, 5 * USEC_MINUTE, 140) <= 5 * USEC_SEC);
}

static void test_pending_tells_no_progress(void **state) {
        struct poll_interval a, b, c;
        usec_t now = 0;

        (void) state;
        poll_interval_init(&a, 0);
        poll_interval_init(&b, 0);
        poll_interval_init(&c, 0);
        for (int progress = 0; progress <= 30; progress++) {
                usec_t delay = poll_interval_next(&a, &limits, now, false, 0, MIDDLE);

                assert_int_equal(poll_interval_next(&b, &limits, now, false, -1, MIDDLE), delay);
                assert_int_equal(poll_interval_next(&c, &limits, now, false, progress, MIDDLE),
                                 delay);
                now += delay;
        }
}

/* A daemon that restarts meets tasks of old registration in mid-course. */
static void test_restart(void **state) {
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 0);
        assert_true(detect(&interval, 9 * USEC_MINUTE, 0, 10 * USEC_MINUTE, 8) <= 10 * USEC_SEC);
}

/* The age at registration is unknown, so the line cannot start at zero then. */
static void test_late_registration(void **state) {
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 54 * USEC_MINUTE);
        assert_true(detect(&interval, 54 * USEC_MINUTE, 0, USEC_HOUR, 30) <= 10 * USEC_SEC);
}

static void test_backwards(void **state) {
        static const struct { int first, back_to; } cases[] = {{0, 0}, {0, 40}, {60, 0}, {60, 20}};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                usec_t duration = 10 * USEC_MINUTE, now = duration * cases[i].first / 100;
                struct poll_interval interval;

                poll_interval_init(&interval, now);
                while (even(now, 0, duration) < 80)
                        now += next(&interval, now, even(now, 0, duration));
                assert_true(detect(&interval, now, now - duration * cases[i].back_to / 100,
                                   duration, 30) <= 15 * USEC_SEC);
        }
}

/* What a course predicted is void when the task begins again. */
static void test_back_to_start(void **state) {
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 0);
        (void) next(&interval, 0, 0);
        assert_true(next(&interval, 40 * USEC_SEC, 10) >= 20 * USEC_SEC);
        assert_in_range(next(&interval, 60 * USEC_SEC, 0), 11 * USEC_SEC, 14 * USEC_SEC);
}

static void test_progress_vanishes(void **state) {
        usec_t now = 0, duration = 5 * USEC_MINUTE;
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 0);
        for (unsigned polls = 0; now < duration; polls++) {
                assert_true(polls < 20);
                now += next(&interval, now, polls % 2 ? -1 : even(now, 0, duration));
        }
        assert_true(now - duration <= 10 * USEC_SEC);
}

static void test_gap(void **state) {
        usec_t now = 0, duration = 2 * USEC_HOUR;
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 0);
        while (now < duration / 4)
                now += next(&interval, now, even(now, 0, duration));
        now += duration / 2;
        assert_true(detect(&interval, now, 0, duration, 30) <= shortest(duration));
}

static void test_clock_stands(void **state) {
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, USEC_HOUR);
        for (int progress = -1; progress <= 100; progress++)
                assert_in_range(next(&interval, USEC_HOUR, progress), limits.interval_min,
                                limits.interval_min * 11 / 10);
        assert_in_range(next(&interval, 0, 50), limits.interval_min, limits.interval_max);
}

static void assert_spread(usec_t now, usec_t low, usec_t high) {
        usec_t least = USEC_INFINITY, most = 0;
        uint64_t seed = 1;

        for (unsigned i = 0; i < 1000; i++) {
                struct poll_interval interval;
                usec_t delay;

                poll_interval_init(&interval, 0);
                delay = poll_interval_next(&interval, &limits, now, true, 0,
                                           workload_random(&seed));
                assert_in_range(delay, low, high);
                least = MIN(least, delay);
                most = MAX(most, delay);
        }
        assert_true(least <= low + (high - low) / 20);
        assert_true(most >= high - (high - low) / 20);
}

static void test_jitter(void **state) {
        (void) state;
        /* A share of the age, then the floor and the cap, where one side is cut off. */
        assert_spread(100 * USEC_SEC, 189 * USEC_SEC / 10, 231 * USEC_SEC / 10);
        assert_spread(0, limits.interval_min, limits.interval_min * 11 / 10);
        assert_spread(USEC_DAY, limits.interval_max * 9 / 10, limits.interval_max);
}

static void test_limits_equal(void **state) {
        static const struct poll_interval_limits equal = {5 * USEC_SEC, 5 * USEC_SEC};
        struct poll_interval interval;
        uint64_t seed = 1;

        (void) state;
        poll_interval_init(&interval, 0);
        for (usec_t now = 0; now < 5 * USEC_MINUTE; now += equal.interval_min)
                assert_int_equal(poll_interval_next(&interval, &equal, now, true,
                                                    even(now, 0, 5 * USEC_MINUTE),
                                                    workload_random(&seed)),
                                 equal.interval_min);
}

static usec_t log_uniform(uint64_t *seed, unsigned bits) {
        unsigned shift = (unsigned) (workload_random(seed) * bits);

        return (usec_t) ((1 + workload_random(seed)) * (double) (UINT64_C(1) << shift));
}

/* Any answers at any times, with the limits changed under way as by a reload. */
static void test_always_within_limits(void **state) {
        uint64_t seed = 42;

        (void) state;
        for (unsigned task = 0; task < 500; task++) {
                usec_t now = log_uniform(&seed, 50);
                struct poll_interval interval;

                poll_interval_init(&interval, now);
                for (unsigned poll = 0; poll < 100; poll++) {
                        struct poll_interval_limits any = {.interval_min = log_uniform(&seed, 30)};
                        int progress = (int) (workload_random(&seed) * 102) - 1;
                        bool running = workload_random(&seed) < 0.8;
                        usec_t delay;

                        any.interval_max = any.interval_min + log_uniform(&seed, 40) - 1;
                        any.expected.earliest = log_uniform(&seed, 50);
                        any.expected.latest = any.expected.earliest + log_uniform(&seed, 50) - 1;
                        delay = poll_interval_next(&interval, &any, now, running, progress,
                                                   workload_random(&seed));
                        assert_in_range(delay, any.interval_min, any.interval_max);
                        if (workload_random(&seed) < 0.9)
                                now += log_uniform(&seed, 45);
                        else
                                now -= MIN(now, log_uniform(&seed, 35));
                }
        }
}

static void test_extreme_limits(void **state) {
        static const struct poll_interval_limits widest = {1, USEC_INFINITY};
        static const struct poll_interval_limits never = {USEC_INFINITY, USEC_INFINITY};
        struct poll_interval interval;

        (void) state;
        poll_interval_init(&interval, 0);
        assert_int_equal(poll_interval_next(&interval, &widest, 0, true, 0, MIDDLE), 1);
        assert_true(poll_interval_next(&interval, &widest, USEC_INFINITY, true, 1, MIDDLE) >
                    USEC_DAY);
        assert_int_equal(poll_interval_next(&interval, &never, USEC_DAY, true, 2, MIDDLE),
                         USEC_INFINITY);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small),
                cmocka_unit_test(test_workload),
                cmocka_unit_test(test_other_spreads),
                cmocka_unit_test(test_learns),
                cmocka_unit_test(test_learning_is_never_worse),
                cmocka_unit_test(test_expected_end),
                cmocka_unit_test(test_wrong_expectation),
                cmocka_unit_test(test_day),
                cmocka_unit_test(test_courses),
                cmocka_unit_test(test_starts_at_floor),
                cmocka_unit_test(test_silent_grows),
                cmocka_unit_test(test_frozen_grows),
                cmocka_unit_test(test_closes_in),
                cmocka_unit_test(test_distrusts_first_percent),
                cmocka_unit_test(test_queue_is_not_age),
                cmocka_unit_test(test_pending_tells_no_progress),
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_late_registration),
                cmocka_unit_test(test_backwards),
                cmocka_unit_test(test_back_to_start),
                cmocka_unit_test(test_progress_vanishes),
                cmocka_unit_test(test_gap),
                cmocka_unit_test(test_clock_stands),
                cmocka_unit_test(test_jitter),
                cmocka_unit_test(test_limits_equal),
                cmocka_unit_test(test_always_within_limits),
                cmocka_unit_test(test_extreme_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
