/* A token that is refused, and refreshed. */
#include "unit/account/refresh-fixture.h"

static void test_refused_is_refreshed(void **state) {
        struct fixture *f = *state;

        ask_task(f, 0, &good);
        ask_backoff(f, 0, &refused);
        refresh(f, "second", LIFETIME);
        assert_string_equal(account_identity(f->account).authorization, "second");
        ask_task(f, 0, &good);
        assert_changes(f, "");

        /* And again when that one has been good for a while. */
        f->now += USEC_MINUTE;
        ask_backoff(f, 0, &refused);
        refresh(f, "third", LIFETIME);
        ask_task(f, 0, &good);
        assert_changes(f, "");
}

static void test_refused_burst_is_refreshed_once(void **state) {
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (unsigned i = 0; i < TASKS; i++)
                sent = send_one(f);
        f->now += USEC_SEC;
        for (unsigned i = 0; i < TASKS / 2; i++)
                assert_int_equal(answered(f, sent, i, &refused), ACCOUNT_VERDICT_BACKOFF);
        refresh(f, "second", LIFETIME);
        f->now += USEC_SEC;
        for (unsigned i = TASKS / 2; i < TASKS; i++)
                assert_int_equal(answered(f, sent, i, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_false(may_refresh(f));
        assert_changes(f, "");
        ask_task(f, 0, &good);
}

static void test_suspects_are_refreshed(void **state) {
        struct fixture *f = *state;

        ask_task(f, 0, &suspect);
        ask_task(f, 1, &suspect);
        assert_false(may_refresh(f));
        ask_backoff(f, 2, &suspect);
        refresh(f, "second", LIFETIME);
        ask_task(f, 0, &suspect);
        ask_task(f, 1, &suspect);
        assert_changes(f, "");
        ask_backoff(f, 2, &suspect);
        assert_changes(f, "unauthorized(2) ");
}

/* The word that the token brings along is its own, also for one that was refreshed. */
static void test_scheme_of_a_new_token(void **state) {
        struct fixture *f = *state;

        f->settings.token_scheme = TOKEN_SCHEME_BEARER;
        configure(f);
        ask_backoff(f, 0, &refused);
        refresh(f, "AT 3b91", LIFETIME);
        assert_string_equal(account_identity(f->account).authorization, "AT 3b91");
        ask_task(f, 0, &good);
        f->now += USEC_MINUTE;
        ask_backoff(f, 0, &refused);
        refresh(f, "3b91", LIFETIME);
        assert_string_equal(account_identity(f->account).authorization, "Bearer 3b91");
}

static void test_new_refresh_secret_is_kept(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        assert_true(refreshed(f, "second", "renewal-2", LIFETIME));
        assert_string_equal(account_refresh_secret(f->account), "renewal-2");
        (void) wait_for_refresh(f);
        refresh(f, "third", LIFETIME); /* brings none */
        assert_string_equal(account_refresh_secret(f->account), "renewal-2");
}

/* No second refresh: it would bring the like. */
static void test_new_token_is_refused(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        refresh(f, "second", LIFETIME);
        for (unsigned i = 0; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, 0, &refused);
        }
        assert_changes(f, "unauthorized(2) ");
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_int_equal(wait_out(f), SILENCE);

        /* Once more after that, and no silence before the one that comes. */
        ask_backoff(f, 0, &refused);
        refresh(f, "third", LIFETIME);
        ask_backoff(f, 0, &refused);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_int_equal(wait_out(f), SILENCE);
        ask_backoff(f, 0, &refused);
        refresh(f, "fourth", LIFETIME);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(5) ");
}

/* Unless somebody has changed something. */
static void test_reload_allows_another_refresh(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        refresh(f, "second", LIFETIME);
        configure(f);
        ask_backoff(f, 0, &refused);
        refresh(f, "third", LIFETIME);
        set_renewal(f, "renewal-2");
        ask_backoff(f, 0, &refused);
        refresh(f, "fourth", LIFETIME);
        assert_changes(f, "");
}

/* Nor because an answer of the old one comes late. */
static void test_old_tokens_answer_proves_nothing(void **state) {
        struct fixture *f = *state;
        uint64_t sent = send_one(f);

        f->now += USEC_SEC;
        ask_backoff(f, 1, &refused);
        refresh(f, "second", LIFETIME);
        f->now += USEC_SEC;
        assert_int_equal(answered(f, sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        ask_backoff(f, 1, &refused);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_changes(f, "unauthorized(2) ");
}

/* One share that is always refused must not wear out the login of all the others. */
static void test_refused_for_one_task_alone(void **state) {
        struct fixture *f = *state;
        usec_t end = f->now + USEC_HOUR;
        unsigned refreshes = 0;

        for (unsigned i = 0; f->now < end; i++) {
                if (may_refresh(f)) {
                        refresh(f, i % 2 ? "odd" : "even", LIFETIME);
                        refreshes++;
                }
                (void) wait_out(f);
                (void) ask(f, i % 2, i % 2 ? &refused : &good);
                f->now += USEC_SEC;
        }
        assert_in_range(refreshes, 1, 60);
}

static void test_refresh_secret_is_refused(void **state) {
        static const struct koodrive_disposition *const answers[] = {&refused, &suspect, &not_found,
                                                                     &rejected};

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct fixture *f;

                assert_int_equal(set_up_renewable(state), 0);
                f = *state;
                ask_backoff(f, 0, &refused);
                (void) refresh_fails(f, answers[i]);
                assert_changes(f, "unauthorized(1) ");
                assert_reason_has(f, "the token was refused and cannot be refreshed: it says ");
                assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
                for (unsigned k = 0; k < 3; k++) {
                        assert_int_equal(wait_out(f), SILENCE);
                        ask_backoff(f, 0, &refused);
                }
                assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
                assert_changes(f, "");
                assert_int_equal(tear_down(state), 0);
        }
}

static void test_new_refresh_secret_ends_silence(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        (void) refresh_fails(f, &refused);
        set_renewal(f, "renewal"); /* the same one: nothing new */
        assert_int_equal(account_next(f->account), f->now + SILENCE);

        set_renewal(f, "renewal-2");
        assert_true(wait_out(f) < USEC_MINUTE);
        ask_backoff(f, 0, &refused);
        refresh(f, "second", LIFETIME);
        ask_task(f, 0, &good);
        assert_changes(f, "unauthorized(1) ok(2) ");
}

static void test_new_token_ends_silence(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        (void) refresh_fails(f, &refused);
        set_secret(f, "second");
        ask_task(f, 0, &good);
        assert_changes(f, "unauthorized(1) ok(1) ");
        assert_true(account_refresh_at(f->account) < USEC_INFINITY);
}

/* Nobody has said no: three attempts, silence, and another one. Polls wait for all of that. */
static void test_refresh_is_not_answered(void **state) {
        static const struct koodrive_disposition *const answers[] = {&unreachable, &malformed,
                                                                     &throttled};

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct fixture *f;

                assert_int_equal(set_up_renewable(state), 0);
                f = *state;
                ask_backoff(f, 0, &refused);
                for (unsigned k = 0; k < 3; k++) {
                        assert_true(wait_for_refresh(f) < USEC_MINUTE);
                        (void) refresh_fails(f, answers[i]);
                        assert_int_equal(account_next(f->account), USEC_INFINITY);
                }
                assert_changes(f, "unauthorized(1) ");
                for (unsigned k = 0; k < 3; k++) {
                        assert_int_equal(wait_for_refresh(f), SILENCE);
                        (void) refresh_fails(f, answers[i]);
                }
                assert_int_equal(wait_for_refresh(f), SILENCE);
                refresh(f, "second", LIFETIME);
                ask_task(f, 0, &good);
                assert_changes(f, "ok(6) ");
                assert_int_equal(tear_down(state), 0);
        }
}

static void test_refresh_is_throttled(void **state) {
        struct koodrive_answer answer = answer_of(&throttled);
        struct fixture *f = *state;

        answer.retry_after = 20 * USEC_SEC;
        ask_backoff(f, 0, &refused);
        for (unsigned i = 0; i < 2; i++) {
                (void) refresh_fails_with(f, &answer);
                assert_int_equal(wait_for_refresh(f), 20 * USEC_SEC);
        }
        (void) refresh_fails_with(f, &answer);
        assert_int_equal(wait_for_refresh(f), SILENCE);
}

static void test_refresh_is_throttled_by_meaning(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        (void) refresh_fails(f, &quota_used);
        assert_true(wait_for_refresh(f) >= quota_used.pause);
}

/* Probing as well: the token is known to be refused. */
static void test_refused_while_unreachable(void **state) {
        struct fixture *f = *state;

        make_unreachable(f);
        (void) wait_out(f);
        ask_backoff(f, 0, &refused);
        refresh(f, "second", LIFETIME);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(1) ");
}

/* Whoever is not well waits with what may wait. */
static void test_no_early_refresh_in_trouble(void **state) {
        struct fixture *f = *state;

        make_unreachable(f);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        (void) wait_out(f);
        ask_task(f, 0, &good);
        assert_int_equal(account_refresh_at(f->account), f->now + 15 * USEC_MINUTE);
        ask_backoff(f, 0, &throttled);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RENEWABLE(test_refused_is_refreshed),
                RENEWABLE(test_refused_burst_is_refreshed_once),
                RENEWABLE(test_suspects_are_refreshed),
                RENEWABLE(test_scheme_of_a_new_token),
                RENEWABLE(test_new_refresh_secret_is_kept),
                RENEWABLE(test_new_token_is_refused),
                RENEWABLE(test_reload_allows_another_refresh),
                RENEWABLE(test_old_tokens_answer_proves_nothing),
                RENEWABLE(test_refused_for_one_task_alone),
                cmocka_unit_test(test_refresh_secret_is_refused),
                RENEWABLE(test_new_refresh_secret_ends_silence),
                RENEWABLE(test_new_token_ends_silence),
                cmocka_unit_test(test_refresh_is_not_answered),
                RENEWABLE(test_refresh_is_throttled),
                RENEWABLE(test_refresh_is_throttled_by_meaning),
                RENEWABLE(test_refused_while_unreachable),
                RENEWABLE(test_no_early_refresh_in_trouble),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
