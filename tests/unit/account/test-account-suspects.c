/* Refusals of tasks that may be the failure of their account. */
#include "unit/account/account-fixture.h"

/* A dead token may look like a bad request: when one task after another meets it, it is. */
static void test_suspect_credential(void **state) {
        static const struct koodrive_disposition *const answers[] = {&suspect,
                                                                     &suspect_by_koodrive};

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct fixture *f;

                assert_int_equal(set_up(state), 0);
                f = *state;
                ask_task(f, 0, answers[i]);
                ask_task(f, 1, answers[i]);
                ask_task(f, 0, answers[i]);
                assert_changes(f, "");
                ask_backoff(f, 2, answers[i]);
                assert_changes(f, "unauthorized(1) ");
                assert_string_equal(account_reason(f->account),
                                    "several tasks in a row were refused: it says doubtful");

                /* From then on it is like any refusal. */
                for (unsigned k = 0; k < 2; k++) {
                        assert_true(wait_out(f) < USEC_MINUTE);
                        ask_backoff(f, k, answers[i]);
                }
                assert_int_equal(wait_out(f), SILENCE);
                ask_backoff(f, 0, answers[i]);
                assert_int_equal(wait_out(f), SILENCE);
                ask_task(f, 0, &good);
                assert_changes(f, "ok(3) ");
                assert_int_equal(tear_down(state), 0);
        }
}

static void test_judgement_between_suspects(void **state) {
        static const struct koodrive_disposition *const judged[] = {&good, &own_failure, &not_found,
                                                                    &rejected};
        struct fixture *f = *state;

        for (unsigned i = 0; i < 40; i++) {
                ask_task(f, i % TASKS, &suspect);
                ask_task(f, (i + 1) % TASKS, &suspect);
                ask_task(f, (i + 2) % TASKS, judged[i % ARRAY_LEN(judged)]);
        }
        assert_changes(f, "");
}

/* What no one has judged leaves the may_be_account as it is. */
static void test_no_judgement_between_suspects(void **state) {
        struct fixture *f = *state;

        ask_task(f, 0, &suspect);
        ask_task(f, 1, &malformed);
        ask_task(f, 1, &suspect);
        ask_task(f, 2, &unreachable);
        ask_backoff(f, 3, &suspect);
        assert_changes(f, "unauthorized(2) ");
}

static void test_changes_clear_the_suspects(void **state) {
        struct fixture *f = *state;

        ask_task(f, 0, &suspect);
        ask_task(f, 1, &suspect);
        set_secret(f, "other");
        ask_task(f, 2, &suspect);
        ask_task(f, 3, &suspect);
        assert_changes(f, "");
        configure(f);
        ask_task(f, 4, &suspect);
        ask_task(f, 5, &suspect);
        assert_changes(f, "");
}

/* With a new secret one refusal is its task's again. */
static void test_suspect_after_a_new_secret(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        set_secret(f, "other");
        ask_task(f, 0, &suspect);
        assert_changes(f, "ok(2) ");
}

/* The token has died, and the only task left is refused as if it were its own fault. */
static void test_suspect_alone_while_unauthorized(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        (void) wait_out(f);
        f->only_task = true;
        ask_task(f, 0, &suspect);
        assert_changes(f, "ok(2) ");
}

/* Before anything was judged it is rather a header that is missing: no task pays for that. */
static void test_suspect_settings(void **state) {
        struct fixture *f = *state;

        for (unsigned i = 0; i < 2; i++) {
                ask_backoff(f, i, &bad_parameter);
                assert_changes(f, "");
        }
        ask_backoff(f, 2, &bad_parameter);
        assert_changes(f, "unreachable(3) ");
        assert_string_equal(account_reason(f->account),
                            "every request is refused: it says rejected");
        for (unsigned i = 0; i < 30; i++) {
                assert_true(wait_out(f) <= PROBE_MAX);
                ask_backoff(f, i % TASKS, &bad_parameter);
        }
        assert_changes(f, "");

        /* One is answered: it is the tasks' own. */
        (void) wait_out(f);
        ask_task(f, 0, &good);
        ask_task(f, 1, &bad_parameter);
        assert_changes(f, "ok(30) ");
}

static void test_suspect_settings_of_one_task(void **state) {
        struct fixture *f = *state;

        for (unsigned i = 0; i < 50; i++)
                ask_backoff(f, 0, &bad_parameter);
        assert_changes(f, "");
        f->only_task = true;
        ask_task(f, 0, &bad_parameter);
}

static void test_settings_are_proven(void **state) {
        static const struct koodrive_disposition *const judged[] = {&good, &own_failure, &not_found,
                                                                    &rejected};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(judged); i++) {
                configure(f);
                ask_backoff(f, 0, &bad_parameter);
                ask_task(f, 1, judged[i]);
                ask_task(f, 0, &bad_parameter);
                set_secret(f, i % 2 ? "one" : "other");
                ask_backoff(f, 0, &bad_parameter);
        }
        assert_changes(f, "");
}

/* Nobody has judged the request here. */
static void test_settings_are_not_proven(void **state) {
        static const struct koodrive_disposition *const answers[] = {&malformed, &too_large,
                                                                     &suspect, &unreachable};

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                assert_int_equal(set_up(state), 0);
                (void) ask(*state, 0, answers[i]);
                ask_backoff(*state, 1, &bad_parameter);
                assert_changes(*state, "");
                assert_int_equal(tear_down(state), 0);
        }
}

/* A reload brings a fault in; what was sent before it says nothing of it. */
static void test_old_answer_proves_nothing(void **state) {
        struct fixture *f = *state;
        uint64_t sent = send_one(f);

        f->now += USEC_SEC;
        configure(f);
        f->now += USEC_SEC;
        assert_int_equal(answered(f, sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        ask_backoff(f, 1, &bad_parameter);
}

/* What was counted in one state is not the beginning of the next one. */
static void test_another_state_clears_the_suspects(void **state) {
        struct fixture *f = *state;

        ask_task(f, 0, &suspect);
        ask_task(f, 1, &suspect);
        ask_backoff(f, 0, &throttled);
        (void) wait_out(f);
        ask_task(f, 0, &malformed);
        assert_changes(f, "throttled(1) ok(0) ");
        ask_task(f, 2, &suspect);
        ask_task(f, 3, &suspect);
        assert_changes(f, "");
        ask_backoff(f, 4, &suspect);
        assert_changes(f, "unauthorized(1) ");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_suspect_credential),
                TEST(test_judgement_between_suspects),
                TEST(test_no_judgement_between_suspects),
                TEST(test_changes_clear_the_suspects),
                TEST(test_suspect_after_a_new_secret),
                TEST(test_suspect_alone_while_unauthorized),
                TEST(test_suspect_settings),
                TEST(test_suspect_settings_of_one_task),
                TEST(test_settings_are_proven),
                cmocka_unit_test(test_settings_are_not_proven),
                TEST(test_old_answer_proves_nothing),
                TEST(test_another_state_clears_the_suspects),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
