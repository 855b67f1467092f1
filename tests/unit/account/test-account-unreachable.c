/* An account that nobody answers. */
#include "unit/account/account-fixture.h"

static void test_three_failures_of_two_tasks(void **state) {
        struct fixture *f = *state;

        ask_task(f, 0, &unreachable);
        ask_task(f, 1, &unreachable);
        assert_changes(f, "");
        ask_backoff(f, 0, &unreachable);
        assert_changes(f, "unreachable(3) ");
        assert_string_equal(account_reason(f->account), "it says unreachable");
}

static void test_failures_of_the_only_task(void **state) {
        struct fixture *f = *state;

        f->only_task = true;
        ask_task(f, 0, &unreachable);
        ask_task(f, 0, &unreachable);
        assert_changes(f, "");
        ask_backoff(f, 0, &unreachable);
        assert_changes(f, "unreachable(3) ");
}

static void test_settings_that_lead_nowhere(void **state) {
        struct koodrive_answer answer = answer_of(&misconfigured);
        struct fixture *f = *state;

        answer.disposition.advice = "check Endpoint=";
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(ask_for(f, i, &answer),
                                 i < 2 ? ACCOUNT_VERDICT_NOT_ACCOUNT : ACCOUNT_VERDICT_BACKOFF);
        assert_changes(f, "unreachable(3) ");
        assert_string_equal(account_reason(f->account), "it says misconfigured; check Endpoint=");
}

static void test_failures_not_in_a_row(void **state) {
        static const struct koodrive_disposition *const between[] = {
                &good, &malformed, &own_failure, &not_found, &rejected, &too_large, &suspect};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(between); i++) {
                ask_task(f, 0, &unreachable);
                ask_task(f, 1, &unreachable);
                ask_task(f, 0, between[i]);
                ask_task(f, 0, &unreachable);
                ask_task(f, 1, &unreachable);
                assert_changes(f, "");
                ask_task(f, 0, &good);
        }
}

/* A little longer each time, and no longer than is allowed. */
static void test_probes(void **state) {
        static const double randoms[] = {0, 0.5, MOST_RANDOM};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(randoms); i++) {
                usec_t least = 3 * USEC_SEC;

                f->random = randoms[i];
                make_unreachable(f);
                for (unsigned k = 0; k < 80; k++, least = MIN(least + 2 * USEC_SEC, PROBE_MAX)) {
                        assert_in_range(wait_out(f), least, least * 11 / 10);
                        send_one(f);
                        assert_int_equal(account_next(f->account), USEC_INFINITY);
                        assert_int_equal(answered(f, f->sent, k % 2, &unreachable),
                                         ACCOUNT_VERDICT_BACKOFF);
                }
                assert_int_equal(least, PROBE_MAX);
                assert_changes(f, "");

                (void) wait_out(f);
                ask_task(f, 0, &good);
                assert_changes(f, "ok(80) ");
                send_one(f);
                send_one(f);
                account_abandoned(f->account);
                account_abandoned(f->account);
        }
}

/* As KooDrive's own page has it, a 400 is "authentication not passed": when it lasts, it is. */
static void test_suspect_that_lasts(void **state) {
        static const struct koodrive_disposition not_passed = {
                .class = KOODRIVE_UNREACHABLE, .may_be_account = KOODRIVE_MAYBE_CREDENTIAL};
        struct fixture *f = *state;

        ask_task(f, 0, &not_passed);
        ask_task(f, 1, &not_passed);
        ask_backoff(f, 0, &not_passed);
        assert_changes(f, "unauthorized(3) ");
        for (unsigned i = 0; i < 2; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, i, &not_passed);
        }
        assert_int_equal(wait_out(f), SILENCE);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(2) ");
}

/* What another failure had to wait for is not what this one begins with. */
static void test_probes_after_other_pauses(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &quota_used);
        assert_int_equal(wait_out(f), quota_used.pause);
        for (unsigned i = 0; account_state(f->account) == ACCOUNT_THROTTLED; i++)
                (void) ask(f, i, &unreachable);
        assert_int_equal(wait_out(f), 3 * USEC_SEC);
        ask_backoff(f, 0, &unreachable);
        assert_int_equal(wait_out(f), 5 * USEC_SEC);
        ask_backoff(f, 0, &throttled);
        assert_int_equal(wait_out(f), 5 * USEC_SEC);
}

/* Somebody is there, and answers. */
static void test_any_answer_ends_unreachable(void **state) {
        static const struct koodrive_disposition *const answers[] = {
                &good, &malformed, &own_failure, &not_found, &rejected, &too_large, &suspect};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                make_unreachable(f);
                (void) wait_out(f);
                ask_task(f, 0, answers[i]);
                assert_changes(f, "ok(0) ");
        }
}

/* What was under way when the account became unreachable is no probe. */
static void test_unreachable_counts_probes_only(void **state) {
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                sent = send_one(f);
        f->now += USEC_SEC;
        for (unsigned i = 0; i < 3; i++)
                (void) answered(f, sent, i % 2, &unreachable);
        assert_changes(f, "unreachable(3) ");
        f->now += USEC_SEC;
        while (account_in_flight(f->account) > 0)
                assert_int_equal(answered(f, sent, 0, &unreachable), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(wait_out(f), 2 * USEC_SEC);
        assert_changes(f, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_three_failures_of_two_tasks),
                TEST(test_failures_of_the_only_task),
                TEST(test_settings_that_lead_nowhere),
                TEST(test_failures_not_in_a_row),
                TEST(test_probes),
                TEST(test_suspect_that_lasts),
                TEST(test_probes_after_other_pauses),
                TEST(test_any_answer_ends_unreachable),
                TEST(test_unreachable_counts_probes_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
