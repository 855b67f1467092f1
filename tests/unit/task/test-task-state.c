/* The course of one task: what an answer makes of it, with time as an argument. */
#include "koowatchd/task/task-state.h"
#include "unit/support.h"

#define START USEC_DAY
#define MIDDLE 0.5 /* random that leaves no jitter in the middle of the range */

static const struct task_limits limits = {
        .interval = {2 * USEC_SEC, 2 * USEC_MINUTE},
        .timeout = 2 * USEC_HOUR,
        .stall_timeout = 30 * USEC_MINUTE,
};

static struct task_state course_begun(void) {
        struct task_state c;

        task_state_init(&c, START, START);
        return c;
}

static struct task_verdict observe(struct task_state *c, usec_t now,
                                   const struct koodrive_answer *answer) {
        return task_state_update(c, &limits, now, answer, MIDDLE);
}

static struct task_verdict observe_running(struct task_state *c, usec_t now, int progress) {
        return observe(c, now,
                       &(struct koodrive_answer){.status = KOODRIVE_STATUS_RUNNING,
                                                 .raw_status = KOODRIVE_STATUS_RUNNING,
                                                 .progress = progress});
}

/* A completed package download. */
static struct task_verdict observe_package(struct task_state *c, usec_t now,
                                           enum koodrive_result result, char *url) {
        return observe(c, now,
                       &(struct koodrive_answer){.status = KOODRIVE_STATUS_COMPLETED,
                                                 .type = KOODRIVE_TYPE_PACKAGE,
                                                 .result = result,
                                                 .progress = 100,
                                                 .download_url = url});
}

static const struct koodrive_disposition transient = {.class = KOODRIVE_TRANSIENT};
static const struct koodrive_disposition not_found = {
        .class = KOODRIVE_RETRY_LIMITED, .tries = 3, .span = USEC_MINUTE};
static const struct koodrive_disposition broken = {
        .class = KOODRIVE_RETRY_LIMITED, .tries = 5, .span = 10 * USEC_MINUTE};
static const struct koodrive_disposition rejected = {.class = KOODRIVE_REJECTED};

#define ANSWER(means) ((struct koodrive_answer){.disposition = *(means), .retry_after = -1})

static struct task_verdict fault(struct task_state *c, usec_t now,
                                 const struct koodrive_disposition *disposition) {
        return task_state_fail(c, &limits, now, &ANSWER(disposition), MIDDLE);
}

static void test_ends(void **state) {
        static char url[] = "https://example.com/a.zip";
        static const struct {
                struct koodrive_answer answer;
                enum outcome expected;
        } cases[] = {
                {{.status = KOODRIVE_STATUS_COMPLETED,
                  .result = KOODRIVE_RESULT_SUCCEEDED,
                  .type = 1,
                  .download_url = url},
                 OUTCOME_COMPLETED},
                {{.status = KOODRIVE_STATUS_COMPLETED,
                  .result = KOODRIVE_RESULT_PARTIAL,
                  .type = 2},
                 OUTCOME_COMPLETED},
                {{.status = KOODRIVE_STATUS_COMPLETED, .result = KOODRIVE_RESULT_FAILED, .type = 1},
                 OUTCOME_COMPLETED},
                {{.status = KOODRIVE_STATUS_COMPLETED, .progress = -1}, OUTCOME_COMPLETED},
                {{.status = KOODRIVE_STATUS_CANCELED, .progress = 40}, OUTCOME_CANCELED},
                {{.status = KOODRIVE_STATUS_CANCELED, .result = KOODRIVE_RESULT_FAILED},
                 OUTCOME_CANCELED},
                {{.status = KOODRIVE_STATUS_PENDING}, OUTCOME_NONE},
                {{.status = KOODRIVE_STATUS_RUNNING, .progress = 100}, OUTCOME_NONE},
                {{.status = KOODRIVE_STATUS_RUNNING, .result = KOODRIVE_RESULT_SUCCEEDED},
                 OUTCOME_NONE},
                {{.status = KOODRIVE_STATUS_UNKNOWN, .raw_status = 4, .progress = 100},
                 OUTCOME_NONE},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct task_state c = course_begun();
                struct task_verdict v = observe(&c, START, &cases[i].answer);

                assert_int_equal(v.outcome, cases[i].expected);
                if (v.outcome == OUTCOME_NONE)
                        assert_in_range(v.delay, limits.interval.interval_min,
                                        limits.interval.interval_max);
                assert_int_equal(c.polls, 1);
        }
}

static void test_waits_for_the_link(void **state) {
        static const enum koodrive_result results[] = {KOODRIVE_RESULT_SUCCEEDED,
                                                       KOODRIVE_RESULT_PARTIAL};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(results); i++) {
                struct task_state c = course_begun();
                usec_t now = START;
                struct task_verdict v;

                for (unsigned k = 0; k < 3; k++, now += 10 * USEC_SEC) {
                        v = observe_package(&c, now, results[i], NULL);
                        assert_int_equal(v.outcome, OUTCOME_NONE);
                        assert_int_equal(v.delay, 10 * USEC_SEC);
                        assert_false(v.stalled);
                }
                v = observe_package(&c, now, results[i], NULL);
                assert_int_equal(v.outcome, OUTCOME_COMPLETED);
        }
}

static void test_the_link_comes_late(void **state) {
        static char url[] = "https://example.com/a.zip";
        struct task_state c = course_begun();

        (void) state;
        assert_int_equal(observe_package(&c, START, KOODRIVE_RESULT_SUCCEEDED, NULL).outcome,
                         OUTCOME_NONE);
        assert_int_equal(observe_package(&c, START + 1, KOODRIVE_RESULT_SUCCEEDED, url).outcome,
                         OUTCOME_COMPLETED);
}

/* A task that is done is not late, however long its link takes. */
static void test_waits_for_the_link_past_the_deadline(void **state) {
        struct task_state c = course_begun();
        usec_t now = START + limits.timeout - USEC_SEC;

        (void) state;
        for (unsigned k = 0; k < 3; k++, now += 10 * USEC_SEC)
                assert_int_equal(observe_package(&c, now, KOODRIVE_RESULT_SUCCEEDED, NULL).outcome,
                                 OUTCOME_NONE);
        assert_int_equal(observe_package(&c, now, KOODRIVE_RESULT_SUCCEEDED, NULL).outcome,
                         OUTCOME_COMPLETED);
}

static void test_timeout(void **state) {
        struct task_state c = course_begun();

        (void) state;
        assert_int_equal(observe_running(&c, START + limits.timeout - 1, 10).outcome, OUTCOME_NONE);
        assert_int_equal(observe_running(&c, START + limits.timeout, 20).outcome, OUTCOME_NONE);
        assert_int_equal(observe_running(&c, START + limits.timeout, 20).outcome, OUTCOME_TIMEOUT);
}

/* It may be of the time before a suspend, or a daemon's first: the next one is asked for at once.
 */
static void test_no_timeout_by_one_answer(void **state) {
        usec_t late = START + 10 * limits.timeout;
        struct task_state c = course_begun();
        struct task_verdict v;

        (void) state;
        (void) observe_running(&c, START, 10);
        v = observe_running(&c, late, 10);
        assert_int_equal(v.outcome, OUTCOME_NONE);
        assert_int_equal(v.delay, limits.interval.interval_min);
        /* What is not KooDrive's word neither counts nor starts the count again. */
        assert_int_equal(fault(&c, late, &transient).outcome, OUTCOME_NONE);
        assert_int_equal(observe_running(&c, late, 10).outcome, OUTCOME_TIMEOUT);
}

/* The deadline counts from the registration, also when the daemon came later. */
static void test_timeout_after_restart(void **state) {
        struct task_state c;

        (void) state;
        task_state_init(&c, START, START + limits.timeout - USEC_MINUTE);
        assert_int_equal(observe_running(&c, START + limits.timeout - USEC_SEC, 10).outcome,
                         OUTCOME_NONE);
        (void) observe_running(&c, START + limits.timeout, 10);
        assert_int_equal(observe_running(&c, START + limits.timeout, 10).outcome, OUTCOME_TIMEOUT);
}

/* Registered before the machine was started. */
static void test_registered_before_zero(void **state) {
        struct task_state c;

        (void) state;
        task_state_init(&c, -USEC_DAY, USEC_SEC);
        (void) observe_running(&c, USEC_SEC, 10);
        assert_int_equal(observe_running(&c, USEC_SEC, 10).outcome, OUTCOME_TIMEOUT);

        task_state_init(&c, -USEC_HOUR, USEC_SEC);
        assert_int_equal(observe_running(&c, USEC_HOUR - 1, 10).outcome, OUTCOME_NONE);
        (void) observe_running(&c, USEC_HOUR, 10);
        assert_int_equal(observe_running(&c, USEC_HOUR, 10).outcome, OUTCOME_TIMEOUT);
}

/* An answer is needed: what came too late is the end, if it is one. */
static void test_last_answer_wins(void **state) {
        static char url[] = "https://example.com/a.zip";
        usec_t late = START + 10 * limits.timeout;
        struct task_state c = course_begun();

        (void) state;
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(fault(&c, late, &transient).outcome, OUTCOME_NONE);
        assert_int_equal(observe_package(&c, late, KOODRIVE_RESULT_SUCCEEDED, url).outcome,
                         OUTCOME_COMPLETED);

        c = course_begun();
        assert_int_equal(
                observe(&c, late, &(struct koodrive_answer){.status = KOODRIVE_STATUS_CANCELED})
                        .outcome,
                OUTCOME_CANCELED);

        c = course_begun();
        (void) observe_running(&c, late, 10);
        assert_int_equal(
                observe(&c, late, &(struct koodrive_answer){.status = KOODRIVE_STATUS_UNKNOWN})
                        .outcome,
                OUTCOME_TIMEOUT);
}

/* The answer that passes the deadline is asked for when it is due, not an interval later. */
static void test_poll_at_the_deadline(void **state) {
        struct task_state c = course_begun();
        struct task_verdict v;

        (void) state;
        (void) observe_running(&c, START, 0);
        v = observe_running(&c, START + limits.timeout - 20 * USEC_SEC, 1);
        assert_in_range(v.delay, limits.interval.interval_min, 20 * USEC_SEC);
        v = observe_running(&c, START + limits.timeout - 1, 1);
        assert_int_equal(v.delay, limits.interval.interval_min);
}

static void test_no_timeout(void **state) {
        static const struct task_limits never = {
                .interval = {2 * USEC_SEC, 2 * USEC_MINUTE},
                .timeout = USEC_INFINITY,
                .stall_timeout = USEC_INFINITY,
        };
        struct task_state c = course_begun();

        (void) state;
        for (usec_t now = START; now < 10000 * USEC_DAY; now += 100 * USEC_DAY) {
                struct task_verdict v = task_state_update(
                        &c, &never, now,
                        &(struct koodrive_answer){.status = KOODRIVE_STATUS_RUNNING}, MIDDLE);

                assert_int_equal(v.outcome, OUTCOME_NONE);
                assert_false(v.stalled);
                assert_in_range(v.delay, never.interval.interval_min, never.interval.interval_max);
        }
}

/* As by a reload, or an edit of the task's file. */
static void test_timeout_is_changed(void **state) {
        struct task_limits shorter = limits;
        struct task_state c = course_begun();

        (void) state;
        shorter.timeout = USEC_MINUTE;
        assert_int_equal(observe_running(&c, START + USEC_HOUR, 10).outcome, OUTCOME_NONE);
        for (int i = 0; i < 2; i++)
                assert_int_equal(task_state_update(&c, &shorter, START + USEC_HOUR,
                                                   &(struct koodrive_answer){
                                                           .status = KOODRIVE_STATUS_RUNNING},
                                                   MIDDLE)
                                         .outcome,
                                 i == 0 ? OUTCOME_NONE : OUTCOME_TIMEOUT);
}

static void test_stalls_once(void **state) {
        struct task_state c = course_begun();
        unsigned stalled = 0;

        (void) state;
        for (usec_t after = 0; after < 90 * USEC_MINUTE; after += USEC_MINUTE) {
                struct task_verdict v = observe_running(&c, START + after, 10);

                assert_int_equal(v.outcome, OUTCOME_NONE);
                if (v.stalled)
                        assert_int_equal(after, limits.stall_timeout);
                stalled += v.stalled;
        }
        assert_int_equal(stalled, 1);
}

static void test_movement_is_no_stall(void **state) {
        struct task_state c = course_begun();
        usec_t now = START;

        (void) state;
        for (int progress = 0; progress < 4; progress++, now += 29 * USEC_MINUTE)
                assert_false(observe_running(&c, now, progress).stalled);

        /* Status counts as well, and progress that goes back. */
        c = course_begun();
        now = START;
        assert_false(observe(&c, now, &(struct koodrive_answer){.progress = 5}).stalled);
        now += 29 * USEC_MINUTE;
        assert_false(observe_running(&c, now, 5).stalled);
        now += 29 * USEC_MINUTE;
        assert_false(observe_running(&c, now, 4).stalled);
}

/* It stands still, moves, and stands still again: the second time is news, too. */
static void test_stalls_again(void **state) {
        struct task_state c = course_begun();

        (void) state;
        (void) observe_running(&c, START, 10);
        assert_true(observe_running(&c, START + 30 * USEC_MINUTE, 10).stalled);
        assert_false(observe_running(&c, START + 31 * USEC_MINUTE, 11).stalled);
        assert_false(observe_running(&c, START + 60 * USEC_MINUTE, 11).stalled);
        assert_true(observe_running(&c, START + 61 * USEC_MINUTE, 11).stalled);
}

/* How long it has stood still before the daemon came is not known. */
static void test_stall_counts_from_the_start_of_watching(void **state) {
        struct task_state c;

        (void) state;
        task_state_init(&c, START, START + USEC_HOUR);
        assert_false(observe_running(&c, START + USEC_HOUR, 10).stalled);
        assert_false(observe_running(&c, START + 89 * USEC_MINUTE, 10).stalled);
        assert_true(observe_running(&c, START + 90 * USEC_MINUTE, 10).stalled);
}

static void test_status_changes(void **state) {
        static const struct {
                enum koodrive_status status;
                bool changed;
        } cases[] = {
                {KOODRIVE_STATUS_PENDING, true},  {KOODRIVE_STATUS_PENDING, false},
                {KOODRIVE_STATUS_RUNNING, true},  {KOODRIVE_STATUS_RUNNING, false},
                {KOODRIVE_STATUS_UNKNOWN, true},  {KOODRIVE_STATUS_RUNNING, true},
                {KOODRIVE_STATUS_CANCELED, true},
        };
        struct task_state c = course_begun();

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_int_equal(observe(&c, START + (usec_t) i,
                                         &(struct koodrive_answer){.status = cases[i].status})
                                         .status_changed,
                                 cases[i].changed);
        assert_int_equal(c.polls, ARRAY_LEN(cases));
}

static void test_unknown_status_is_reported_once(void **state) {
        static const struct koodrive_answer unknown = {.status = KOODRIVE_STATUS_UNKNOWN,
                                                       .raw_status = 4};
        struct task_state c = course_begun();

        (void) state;
        assert_false(observe_running(&c, START, 0).unknown_status);
        assert_true(observe(&c, START, &unknown).unknown_status);
        assert_false(observe(&c, START, &unknown).unknown_status);
        assert_false(observe_running(&c, START, 0).unknown_status);
        assert_false(observe(&c, START, &unknown).unknown_status);
}

static void test_faults_back_off(void **state) {
        struct task_state c = course_begun();
        usec_t last = 0;

        (void) state;
        for (unsigned i = 0; i < 100; i++) {
                struct task_verdict v = fault(&c, START + i * USEC_HOUR, &transient);

                assert_int_equal(v.outcome, OUTCOME_NONE);
                assert_false(v.status_changed || v.stalled || v.unknown_status);
                assert_in_range(v.delay, last, limits.interval.interval_max);
                if (i == 0)
                        assert_int_equal(v.delay, limits.interval.interval_min);
                else if (last < limits.interval.interval_max)
                        assert_true(v.delay > last);
                last = v.delay;
        }
        assert_int_equal(last, limits.interval.interval_max);
        assert_int_equal(c.polls, 0);

        /* A good answer ends the row. */
        (void) observe_running(&c, START, 10);
        assert_int_equal(fault(&c, START, &transient).delay, limits.interval.interval_min);
}

static void test_faults_keep_the_limits(void **state) {
        static const struct task_limits equal = {.interval = {5 * USEC_SEC, 5 * USEC_SEC}};
        static const struct koodrive_disposition *const dispositions[] = {&transient, &not_found,
                                                                          &broken};
        static const double randoms[] = {0, 0.25, 0.5, 0.75, 0.999999};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(randoms) * ARRAY_LEN(dispositions); i++) {
                const struct koodrive_disposition *disposition =
                        dispositions[i / ARRAY_LEN(randoms)];
                double random = randoms[i % ARRAY_LEN(randoms)];
                struct task_state c = course_begun();

                for (unsigned k = 0; k < 100; k++) {
                        usec_t now = START + k * USEC_MINUTE;

                        assert_in_range(
                                task_state_fail(&c, &limits, now, &ANSWER(disposition), random)
                                        .delay,
                                limits.interval.interval_min, limits.interval.interval_max);
                        assert_int_equal(
                                task_state_fail(&c, &equal, now, &ANSWER(disposition), random)
                                        .delay,
                                5 * USEC_SEC);
                }
        }
}

static void test_faults_are_spread(void **state) {
        struct task_state a = course_begun(), b = course_begun();

        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                (void) task_state_fail(&a, &limits, START, &ANSWER(&transient), 0);
                (void) task_state_fail(&b, &limits, START, &ANSWER(&transient), 0);
        }
        assert_true(task_state_fail(&a, &limits, START, &ANSWER(&transient), 0.1).delay <
                    task_state_fail(&b, &limits, START, &ANSWER(&transient), 0.9).delay);
}

/* Nobody was there, or has judged: it can go on like this for as long as it takes. */
static void test_transient_never_rejects(void **state) {
        static const enum koodrive_class classes[] = {KOODRIVE_TRANSIENT, KOODRIVE_UNREACHABLE,
                                                      KOODRIVE_MISCONFIGURED};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
                const struct koodrive_disposition disposition = {.class = classes[i], .tries = 1};
                struct task_state c = course_begun();

                for (unsigned k = 0; k < 1000; k++)
                        assert_int_equal(fault(&c, START + k * USEC_HOUR, &disposition).outcome,
                                         OUTCOME_NONE);
        }
}

/* KooDrive's own word, and what is of its type, is not waited for past the deadline. */
static void test_overdue(void **state) {
        static const struct koodrive_disposition overdue = {.class = KOODRIVE_TRANSIENT,
                                                            .overdue = true};
        static const struct koodrive_disposition refused = {
                .class = KOODRIVE_RETRY_LIMITED, .overdue = true, .tries = 100, .span = USEC_DAY};
        static const struct koodrive_disposition *const dispositions[] = {&overdue, &refused};
        const struct task_limits some = {.interval = limits.interval, .timeout = USEC_HOUR};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(dispositions); i++) {
                const struct koodrive_answer answer = ANSWER(dispositions[i]);
                struct task_state c = course_begun();

                for (unsigned k = 0; k < 5; k++)
                        assert_int_equal(
                                task_state_fail(&c, &some, START + USEC_HOUR - 1, &answer, 0)
                                        .outcome,
                                OUTCOME_NONE);
                assert_int_equal(task_state_fail(&c, &some, START + USEC_HOUR, &answer, 0).outcome,
                                 OUTCOME_NONE);
                assert_int_equal(task_state_fail(&c, &some, START + USEC_HOUR, &answer, 0).outcome,
                                 OUTCOME_TIMEOUT);

                c = course_begun();
                for (unsigned k = 0; k < 2; k++)
                        assert_int_equal(
                                task_state_fail(&c, &some, START + 2 * USEC_HOUR, &answer, 0)
                                        .outcome,
                                OUTCOME_NONE);
                assert_int_equal(
                        task_state_fail(&c, &some, START + 2 * USEC_HOUR, &answer, 0).outcome,
                        OUTCOME_TIMEOUT);
        }
}

static void test_pause_asked_for(void **state) {
        struct koodrive_answer answer = ANSWER(&transient);
        struct task_state c = course_begun();

        (void) state;
        answer.retry_after = 20 * USEC_MINUTE;
        assert_int_equal(task_state_fail(&c, &limits, START, &answer, 0).delay, 20 * USEC_MINUTE);
        answer.retry_after = 0;
        assert_true(task_state_fail(&c, &limits, START, &answer, 0).delay >=
                    limits.interval.interval_min);
}

/* Not each answer says it, and one that says what is not documented is believed too. */
static void test_type(void **state) {
        static const struct {
                int said, kept;
        } cases[] = {{0, 0}, {2, 2}, {0, 2}, {1, 1}, {31, 31}, {32, 31}, {999, 31}};
        struct task_state c = course_begun();

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                (void) observe(&c, START,
                               &(struct koodrive_answer){.status = KOODRIVE_STATUS_RUNNING,
                                                         .type = cases[i].said});
                assert_int_equal(c.type, cases[i].kept);
        }
}

#define AT(seconds) (START + (seconds) *USEC_SEC)

/* One that goes on at 10 s, and has ended at 14 s. */
static void test_detection_delay(void **state) {
        static const struct {
                usec_t ended, expected;
        } cases[] = {
                {-1, 4 * USEC_SEC},           {AT(10), 4 * USEC_SEC},
                {AT(13), USEC_SEC},           {AT(14), 0},
                {AT(9), 4 * USEC_SEC},        /* it went on then */
                {AT(15), 4 * USEC_SEC},       /* that is to come */
                {AT(8 * 3600), 4 * USEC_SEC}, /* of another time zone */
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct task_state c = course_begun();

                (void) observe_running(&c, AT(10), 20);
                (void) observe(&c, AT(14),
                               &(struct koodrive_answer){.status = KOODRIVE_STATUS_CANCELED});
                assert_int_equal(task_state_detection_delay(&c, cases[i].ended, AT(14)),
                                 cases[i].expected);
        }
}

/* It was ended at the first answer: perhaps long before it was registered. */
static void test_detection_delay_of_one_that_was_never_seen_going_on(void **state) {
        struct task_state c = course_begun();

        (void) state;
        (void) observe_package(&c, AT(3), KOODRIVE_RESULT_SUCCEEDED, NULL);
        assert_int_equal(task_state_detection_delay(&c, -1, AT(3)), -1);
        assert_int_equal(task_state_detection_delay(&c, AT(-5), AT(3)), -1);
        assert_int_equal(task_state_detection_delay(&c, AT(2), AT(3)), USEC_SEC);
        (void) observe_package(&c, AT(13), KOODRIVE_RESULT_SUCCEEDED, NULL);
        assert_int_equal(task_state_detection_delay(&c, -1, AT(13)), -1);
        assert_int_equal(task_state_detection_delay(&c, AT(2), AT(13)), USEC_SEC);
}

/* The wait for its link comes after. */
static void test_detection_delay_before_the_link(void **state) {
        static char url[] = "https://example.com/a.zip";
        struct task_state c = course_begun();

        (void) state;
        (void) observe_running(&c, AT(10), 20);
        for (int i = 0; i < 3; i++)
                (void) observe_package(&c, AT(14 + 10 * i), KOODRIVE_RESULT_SUCCEEDED, NULL);
        (void) observe_package(&c, AT(44), KOODRIVE_RESULT_SUCCEEDED, url);
        assert_int_equal(task_state_detection_delay(&c, -1, AT(44)), 4 * USEC_SEC);
        assert_int_equal(task_state_detection_delay(&c, AT(12), AT(44)), 2 * USEC_SEC);
}

static void test_rejected_at_once(void **state) {
        struct task_state c = course_begun();

        (void) state;
        assert_int_equal(fault(&c, START, &rejected).outcome, OUTCOME_REJECTED);
        assert_int_equal(c.polls, 0);
}

/*
 * Asked as it says, with a slow answer each time: returns how many refusals it took. *ret_span
 * is how long.
 */
static unsigned refusals_until_rejected(const struct task_limits *use,
                                        const struct koodrive_disposition *disposition,
                                        double random, usec_t *ret_span) {
        struct task_state c = course_begun();
        usec_t now = START;

        for (unsigned n = 1;; n++) {
                struct task_verdict v = task_state_fail(&c, use, now, &ANSWER(disposition), random);

                *ret_span = now - START;
                if (v.outcome == OUTCOME_REJECTED)
                        return n;
                assert_int_equal(v.outcome, OUTCOME_NONE);
                assert_in_range(n, 1, 1000);
                now += v.delay + USEC_MSEC;
        }
}

/* Both so often and for so long, and not much longer. */
static void test_refusals_are_bounded(void **state) {
        static const struct task_limits fast = {.interval = {100 * USEC_MSEC, USEC_SEC}};
        static const struct task_limits slow = {.interval = {10 * USEC_MINUTE, USEC_HOUR}};
        static const struct koodrive_disposition *const dispositions[] = {&not_found, &broken};
        static const double randoms[] = {0, 0.5, 0.999999};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(dispositions) * ARRAY_LEN(randoms); i++) {
                const struct koodrive_disposition *disposition =
                        dispositions[i / ARRAY_LEN(randoms)];
                double random = randoms[i % ARRAY_LEN(randoms)];
                usec_t span;

                assert_in_range(refusals_until_rejected(&limits, disposition, random, &span),
                                disposition->tries, 15);
                assert_in_range(span, disposition->span, disposition->span + 3 * USEC_SEC);
                assert_true(refusals_until_rejected(&fast, disposition, random, &span) >
                            disposition->tries);
                assert_in_range(span, disposition->span, disposition->span + USEC_SEC);
                assert_int_equal(refusals_until_rejected(&slow, disposition, random, &span),
                                 disposition->tries);
                assert_true(span >= (disposition->tries - 1) * slow.interval.interval_min);
        }
}

/* Another try late, when the account was in trouble of its own in between, is one try. */
static void test_time_alone_does_not_reject(void **state) {
        struct task_state c = course_begun();

        (void) state;
        assert_int_equal(fault(&c, START, &not_found).outcome, OUTCOME_NONE);
        assert_int_equal(fault(&c, START + USEC_DAY, &not_found).outcome, OUTCOME_NONE);
        assert_int_equal(fault(&c, START + USEC_DAY + USEC_SEC, &not_found).outcome,
                         OUTCOME_REJECTED);
}

static void test_number_alone_does_not_reject(void **state) {
        struct task_state c = course_begun();

        (void) state;
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(fault(&c, START + USEC_MINUTE - 1, &not_found).outcome,
                                 OUTCOME_NONE);
        /* The first one is remembered by the second, rounded up. */
        assert_int_equal(fault(&c, START + 2 * USEC_MINUTE - 1, &not_found).outcome, OUTCOME_NONE);
        assert_int_equal(fault(&c, START + 2 * USEC_MINUTE, &not_found).outcome, OUTCOME_REJECTED);
}

/* What is no refusal neither counts nor clears the count. */
static void test_transient_between_refusals(void **state) {
        struct task_state c = course_begun();

        (void) state;
        (void) fault(&c, START, &not_found);
        for (unsigned i = 0; i < 10; i++)
                (void) fault(&c, START + USEC_HOUR, &transient);
        assert_int_equal(fault(&c, START + USEC_HOUR, &not_found).outcome, OUTCOME_NONE);
        assert_int_equal(fault(&c, START + USEC_HOUR, &not_found).outcome, OUTCOME_REJECTED);
}

/* The refusals of two kinds are one row; the kind that came last says how long it may be. */
static void test_refusals_of_two_kinds(void **state) {
        struct task_state c = course_begun();

        (void) state;
        (void) fault(&c, START, &broken);
        (void) fault(&c, START + USEC_MINUTE, &broken);
        assert_int_equal(fault(&c, START + 2 * USEC_MINUTE, &not_found).outcome, OUTCOME_REJECTED);
}

static void test_an_answer_ends_the_refusals(void **state) {
        struct task_state c = course_begun();
        usec_t now = START;

        (void) state;
        for (unsigned i = 0; i < 20; i++, now += USEC_HOUR) {
                assert_int_equal(fault(&c, now, &not_found).outcome, OUTCOME_NONE);
                assert_int_equal(fault(&c, now + USEC_MINUTE, &not_found).outcome, OUTCOME_NONE);
                assert_int_equal(c.refusals, 2);
                (void) observe(&c, now, &(struct koodrive_answer){.progress = -1});
        }
}

static void test_forgiven(void **state) {
        struct task_state c = course_begun();

        (void) state;
        for (unsigned i = 0; i < 2; i++)
                (void) fault(&c, START, &not_found);
        task_state_reset_failures(&c);
        assert_int_equal(fault(&c, START + USEC_DAY, &not_found).delay,
                         limits.interval.interval_min);
        assert_int_equal(fault(&c, START + 2 * USEC_DAY, &not_found).outcome, OUTCOME_NONE);
        assert_int_equal(fault(&c, START + 2 * USEC_DAY, &not_found).outcome, OUTCOME_REJECTED);
}

/* The task's own deadline wants an answer; refusals end it by themselves. */
static void test_faults_do_not_time_out(void **state) {
        struct task_state c = course_begun();

        (void) state;
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(fault(&c, START + 2 * limits.timeout, &transient).outcome,
                                 OUTCOME_NONE);
        (void) observe_running(&c, START + 2 * limits.timeout, 10);
        assert_int_equal(observe_running(&c, START + 2 * limits.timeout, 10).outcome,
                         OUTCOME_TIMEOUT);
}

static void test_outcome_names(void **state) {
        (void) state;
        assert_string_equal(outcome_name(OUTCOME_COMPLETED), "completed");
        assert_string_equal(outcome_name(OUTCOME_CANCELED), "canceled");
        assert_string_equal(outcome_name(OUTCOME_TIMEOUT), "timeout");
        assert_string_equal(outcome_name(OUTCOME_REJECTED), "rejected");
}

/* The pause is the policy's, which counts progress for one that runs alone. */
static void test_the_pause_is_by_status_and_progress(void **state) {
        static const enum koodrive_status statuses[] = {KOODRIVE_STATUS_PENDING,
                                                        KOODRIVE_STATUS_RUNNING};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                struct task_state c = course_begun();
                struct poll_interval own;

                poll_interval_init(&own, START);
                for (int k = 1; k < 9; k++) {
                        usec_t now = START + k * USEC_MINUTE;
                        const struct koodrive_answer answer = {.status = statuses[i],
                                                               .raw_status = statuses[i],
                                                               .progress = 10 * k};

                        assert_int_equal(observe(&c, now, &answer).delay,
                                         poll_interval_next(&own, &limits.interval, now,
                                                            statuses[i] == KOODRIVE_STATUS_RUNNING,
                                                            10 * k, MIDDLE));
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ends),
                cmocka_unit_test(test_waits_for_the_link),
                cmocka_unit_test(test_the_link_comes_late),
                cmocka_unit_test(test_waits_for_the_link_past_the_deadline),
                cmocka_unit_test(test_timeout),
                cmocka_unit_test(test_no_timeout_by_one_answer),
                cmocka_unit_test(test_timeout_after_restart),
                cmocka_unit_test(test_registered_before_zero),
                cmocka_unit_test(test_last_answer_wins),
                cmocka_unit_test(test_poll_at_the_deadline),
                cmocka_unit_test(test_no_timeout),
                cmocka_unit_test(test_timeout_is_changed),
                cmocka_unit_test(test_stalls_once),
                cmocka_unit_test(test_movement_is_no_stall),
                cmocka_unit_test(test_stalls_again),
                cmocka_unit_test(test_stall_counts_from_the_start_of_watching),
                cmocka_unit_test(test_status_changes),
                cmocka_unit_test(test_unknown_status_is_reported_once),
                cmocka_unit_test(test_faults_back_off),
                cmocka_unit_test(test_faults_keep_the_limits),
                cmocka_unit_test(test_faults_are_spread),
                cmocka_unit_test(test_transient_never_rejects),
                cmocka_unit_test(test_overdue),
                cmocka_unit_test(test_pause_asked_for),
                cmocka_unit_test(test_type),
                cmocka_unit_test(test_detection_delay),
                cmocka_unit_test(test_detection_delay_of_one_that_was_never_seen_going_on),
                cmocka_unit_test(test_detection_delay_before_the_link),
                cmocka_unit_test(test_rejected_at_once),
                cmocka_unit_test(test_refusals_are_bounded),
                cmocka_unit_test(test_time_alone_does_not_reject),
                cmocka_unit_test(test_number_alone_does_not_reject),
                cmocka_unit_test(test_transient_between_refusals),
                cmocka_unit_test(test_refusals_of_two_kinds),
                cmocka_unit_test(test_an_answer_ends_the_refusals),
                cmocka_unit_test(test_forgiven),
                cmocka_unit_test(test_faults_do_not_time_out),
                cmocka_unit_test(test_outcome_names),
                cmocka_unit_test(test_the_pause_is_by_status_and_progress),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
