/* An account whose credential is refused. */
#include "unit/account/account-fixture.h"

static void test_three_attempts_then_silence(void **state) {
        struct fixture *f = *state;
        usec_t begin = f->now;

        for (unsigned i = 0; i < 3; i++) {
                (void) wait_out(f);
                ask_backoff(f, i % 2, &refused);
        }
        assert_changes(f, "unauthorized(1) ");
        assert_string_equal(account_reason(f->account), "it says unauthorized; take a new one");
        assert_in_range(f->now - begin, 2 * USEC_SEC, USEC_MINUTE);

        /* Then one attempt at a time: five in a row would lock the key. */
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(wait_out(f), SILENCE);
                ask_backoff(f, 0, &refused);
        }
        assert_changes(f, "");
        assert_int_equal(wait_out(f), SILENCE);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(5) ");
}

static void test_refused_burst_counts_once(void **state) {
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                sent = send_one(f);
        f->now += USEC_SEC;
        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                assert_int_equal(answered(f, sent, i, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_changes(f, "unauthorized(1) ");
        assert_true(wait_out(f) < USEC_MINUTE);
        send_one(f);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
}

/* The gateway says itself that it is locked: no three attempts. */
static void test_locked(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &locked);
        assert_int_equal(wait_out(f), SILENCE);
        ask_task(f, 0, &good);
        assert_changes(f, "unauthorized(1) ok(0) ");
}

/* A probe that gets no answer says nothing of the credential: no attempt, and no hurry. */
static void test_unreachable_while_unauthorized(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        assert_int_equal(wait_out(f), SILENCE);
        for (unsigned i = 0; i < 3; i++) {
                ask_backoff(f, 0, &unreachable);
                assert_in_range(wait_out(f), 3 * USEC_SEC, PROBE_MAX);
        }
        ask_backoff(f, 0, &refused);
        assert_int_equal(wait_out(f), SILENCE);
        assert_changes(f, "");
}

/* Something in front of the one that refuses answers nonsense: as good as a refusal. */
static void test_malformed_while_unauthorized(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        assert_true(wait_out(f) < USEC_MINUTE);
        ask_task(f, 0, &malformed);
        assert_true(wait_out(f) < USEC_MINUTE);
        ask_task(f, 1, &malformed);
        assert_int_equal(wait_out(f), SILENCE);
        assert_changes(f, "unauthorized(1) ");
}

/* KooDrive itself has judged the request, so that the credential was good. */
static void test_judgement_ends_unauthorized(void **state) {
        static const struct koodrive_disposition *const answers[] = {&good, &own_failure,
                                                                     &not_found, &rejected};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                make_silent(f);
                (void) wait_out(f);
                ask_task(f, 0, answers[i]);
                assert_changes(f, "ok(2) ");
        }
}

static void test_throttled_while_unauthorized(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        (void) wait_out(f);
        ask_backoff(f, 0, &throttled);
        assert_changes(f, "throttled(3) ");
        assert_int_equal(wait_out(f), 5 * USEC_SEC);
        ask_backoff(f, 0, &refused);
        assert_changes(f, "unauthorized(1) ");
}

/* The gateway counts on, whatever else it says between: five refusals lock the key. */
static void test_throttled_between_refusals(void **state) {
        struct koodrive_answer answer = answer_of(&throttled);
        struct fixture *f = *state;
        usec_t begin = f->now;
        unsigned refusals = 0;

        answer.retry_after = USEC_SEC;
        for (unsigned i = 0; f->now < begin + SILENCE; i++) {
                if (i % 3 == 2) {
                        assert_int_equal(ask_for(f, 0, &answer), ACCOUNT_VERDICT_BACKOFF);
                } else {
                        ask_backoff(f, 0, &refused);
                        refusals++;
                }
                (void) wait_out(f);
        }
        assert_in_range(refusals, 1, 3);
}

/* Others are answered with the same credential: reported once, then it is that task's own. */
static void test_refused_alone_among_others(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 1, &refused);
        assert_changes(f, "unauthorized(1) ");
        (void) wait_out(f);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(0) ");
        for (unsigned i = 0; i < 10; i++) {
                ask_task(f, 1, &refused);
                ask_task(f, 0, &good);
        }
        assert_changes(f, "");

        /* But not for ever: once it was answered, and when the others are refused too. */
        ask_backoff(f, 0, &refused);
        assert_changes(f, "unauthorized(11) ");
        (void) wait_out(f);
        ask_task(f, 1, &good);
        (void) wait_out(f);
        ask_backoff(f, 1, &refused);
        assert_changes(f, "ok(0) unauthorized(1) ");
}

/* Several such tasks are refused in a burst: that is one refusal, not four. */
static void test_burst_of_exempt_tasks_counts_once(void **state) {
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (unsigned i = 1; i < 5; i++) {
                ask_backoff(f, i, &refused);
                (void) wait_out(f);
                ask_task(f, 0, &good);
        }
        f->changes[0] = '\0';
        for (unsigned i = 1; i < 5; i++)
                sent = send_one(f);
        for (unsigned i = 1; i < 5; i++)
                (void) answered(f, sent, i, &refused);
        ask_task(f, 1, &refused);
        assert_changes(f, "");
        ask_backoff(f, 2, &refused); /* the third in a row */
        assert_changes(f, "unauthorized(6) ");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_three_attempts_then_silence),
                TEST(test_refused_burst_counts_once),
                TEST(test_locked),
                TEST(test_unreachable_while_unauthorized),
                TEST(test_malformed_while_unauthorized),
                TEST(test_judgement_ends_unauthorized),
                TEST(test_throttled_while_unauthorized),
                TEST(test_throttled_between_refusals),
                TEST(test_refused_alone_among_others),
                TEST(test_burst_of_exempt_tasks_counts_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
