/* A token that is refreshed while it is good, and accounts that never refresh. */
#include "unit/account/refresh-fixture.h"

static void test_before_expiry(void **state) {
        struct fixture *f = *state;

        (void) wait_for_refresh(f);
        refresh(f, "second", LIFETIME);
        for (unsigned i = 0; i < 5; i++) {
                usec_t begin = f->now;

                while (f->now < begin + 20 * USEC_MINUTE) {
                        ask_task(f, 0, &good);
                        f->now += USEC_MINUTE;
                }
                assert_int_equal(wait_for_refresh(f), 4 * USEC_MINUTE);
                refresh(f, i % 2 ? "odd" : "even", LIFETIME);
        }
        assert_changes(f, "");
}

/* The idle time is what counts where nothing else is known. */
static void test_lifetime_is_not_known(void **state) {
        struct fixture *f = *state;

        assert_int_equal(account_refresh_at(f->account), f->now + 15 * USEC_MINUTE);
        f->now += 10 * USEC_MINUTE;
        ask_task(f, 0, &good);
        assert_int_equal(account_refresh_at(f->account), f->now + 15 * USEC_MINUTE);
        f->now += USEC_MINUTE;
        ask_task(f, 0, &malformed); /* may never have come so far */
        assert_int_equal(account_refresh_at(f->account), f->now + 14 * USEC_MINUTE);
        (void) wait_for_refresh(f);
        refresh(f, "second", -1);
        assert_int_equal(account_refresh_at(f->account), f->now + 15 * USEC_MINUTE);
}

/* Another token than the one whose lifetime is known. */
static void test_lifetime_is_forgotten(void **state) {
        struct fixture *f = *state;

        (void) wait_for_refresh(f);
        refresh(f, "second", USEC_DAY);
        set_secret(f, "third");
        assert_int_equal(account_refresh_at(f->account), f->now + 15 * USEC_MINUTE);
}

/* The token is good as yet. */
static void test_polls_go_on(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        (void) wait_for_refresh(f);
        send_refresh(f);
        f->now += USEC_SEC;
        sent = send_one(f);
        ask_task(f, 1, &good);
        f->now += USEC_SEC;
        assert_true(refreshed(f, "second", NULL, LIFETIME));
        f->now += USEC_SEC;
        assert_int_equal(answered(f, sent, 0, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_false(may_refresh(f)); /* that spoke of the old one */
        ask_task(f, 0, &good);
        assert_changes(f, "");
}

/* Polls that are under way may end meanwhile; no other one goes. */
static void test_polls_wait_after_a_refusal(void **state) {
        struct fixture *f = *state;
        uint64_t sent = send_one(f);

        f->now += USEC_SEC;
        ask_backoff(f, 1, &refused);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        send_refresh(f);
        assert_int_equal(answered(f, sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_true(refreshed(f, "second", NULL, LIFETIME));
        send_one(f);
        send_one(f);
        assert_changes(f, "");
}

/* The old token is refused while a new one is on its way: that one is the answer to it. */
static void test_refused_while_refreshing(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        (void) wait_for_refresh(f);
        sent = send_one(f);
        send_refresh(f);
        f->now += USEC_SEC;
        assert_int_equal(answered(f, sent, 0, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_true(refreshed(f, "second", NULL, LIFETIME));
        ask_task(f, 0, &good);
        assert_changes(f, "");
        assert_true(account_refresh_at(f->account) > f->now + 20 * USEC_MINUTE);
}

static void test_refresh_counts_in_the_rate(void **state) {
        struct fixture *f = *state;

        f->settings.rate_limit = (struct rate_limit){1, 10 * USEC_SEC};
        configure(f);
        (void) wait_for_refresh(f);
        refresh(f, "second", LIFETIME);
        assert_in_range(wait_out(f), 10 * USEC_SEC, 11 * USEC_SEC);
        ask_task(f, 0, &good);
        f->now += USEC_MINUTE;
        ask_backoff(f, 0, &refused);
        assert_in_range(wait_for_refresh(f), 10 * USEC_SEC, 11 * USEC_SEC);
        refresh(f, "third", LIFETIME);
}

static void test_early_refresh_keeps_the_rate(void **state) {
        struct fixture *f = *state;

        f->settings.rate_limit = (struct rate_limit){1, 10 * USEC_SEC};
        configure(f);
        (void) wait_for_refresh(f);
        refresh(f, "second", LIFETIME);
        f->now = account_refresh_at(f->account) - USEC_SEC;
        ask_task(f, 0, &good);
        f->now += USEC_SEC;
        assert_false(may_refresh(f));
}

/* It keeps the token alive, too. */
static void test_refresh_is_a_request(void **state) {
        struct fixture *f = *state;

        (void) wait_for_refresh(f);
        refresh(f, "second", LIFETIME);
        assert_int_equal(account_keepalive(f->account), f->now + 14 * USEC_MINUTE);
}

static void test_date_of_the_refresh(void **state) {
        struct koodrive_answer answer = answer_of(&malformed);
        struct fixture *f = *state;

        answer.date = 1747708152 * USEC_SEC;
        (void) wait_for_refresh(f);
        (void) refresh_fails_with(f, &answer);
        assert_int_equal(account_date(f->account, f->now, 0), answer.date - 5 * USEC_SEC);
}

static void test_early_refresh_fails(void **state) {
        static const int pauses[] = {30, 60, 120, 240, 300, 300, 300};
        struct fixture *f = *state;

        (void) wait_for_refresh(f);
        for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
                (void) refresh_fails(f, i % 2 ? &unreachable : &malformed);
                ask_task(f, 0, &good); /* would put off a refresh by idle time */
                f->now += USEC_SEC;
                ask_task(f, 0, &malformed);
                assert_true(account_refresh_at(f->account) >= f->now + 29 * USEC_SEC);
                f->now = account_refresh_at(f->account);
                assert_true(pauses[i] > 0);
        }
        assert_changes(f, "");
}

/* Once in a row, and what is for good each time; a change of state is reported as such. */
static void test_failures_are_reported(void **state) {
        struct fixture *f = *state;

        (void) wait_for_refresh(f);
        assert_int_equal(refresh_fails(f, &unreachable), ACCOUNT_REFRESH_FAILED);
        for (unsigned i = 0; i < 3; i++) {
                (void) wait_for_refresh(f);
                assert_int_equal(refresh_fails(f, &malformed), 0);
        }
        (void) wait_for_refresh(f);
        refresh(f, "second", LIFETIME);
        (void) wait_for_refresh(f);
        assert_int_equal(refresh_fails(f, &unreachable), ACCOUNT_REFRESH_FAILED);
        (void) wait_for_refresh(f);
        assert_int_equal(refresh_fails(f, &refused), ACCOUNT_REFRESH_REFUSED);
        configure(f);
        assert_int_equal(refresh_fails(f, &refused), ACCOUNT_REFRESH_REFUSED);
        configure(f);
        ask_backoff(f, 0, &refused);
        assert_int_equal(refresh_fails(f, &unreachable), 0);
        assert_changes(f, "unauthorized(1) ");
}

/* The token is good until it is refused; then there is nothing to be done about it. */
static void test_early_refresh_is_refused(void **state) {
        static const struct koodrive_disposition *const answers[] = {&refused, &suspect, &not_found,
                                                                     &rejected};

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct fixture *f;

                assert_int_equal(set_up_renewable(state), 0);
                f = *state;
                (void) wait_for_refresh(f);
                (void) refresh_fails(f, answers[i]);
                assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
                ask_task(f, 0, &good);
                f->now += USEC_HOUR;
                ask_task(f, 0, &good);
                assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
                assert_changes(f, "");
                assert_three_attempts(f, 0);
                assert_changes(f, "unauthorized(1) ");
                assert_int_equal(tear_down(state), 0);
        }
}

/* Accounts that never refresh */

static void test_retired_never_refreshes(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        account_retire(f->account);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        configure(f);
        ask_backoff(f, 0, &refused);
        refresh(f, "second", LIFETIME);
        account_retire(f->account);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
}

static void test_app_never_refreshes(void **state) {
        struct fixture *f = *state;

        f->settings.auth = AUTH_APP;
        configure(f);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_three_attempts(f, 0);
}

static void test_nothing_to_refresh_with(void **state) {
        struct fixture *f = *state;

        set_renewal(f, NULL);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_three_attempts(f, 0);
        set_renewal(f, "renewal");
        f->settings.refresh = REFRESH_NONE;
        configure(f);
        assert_three_attempts(f, 0);
        f->settings.refresh = REFRESH_SESSION;
        configure(f);
        assert_true(may_send(f));
        ask_backoff(f, 0, &refused);
        refresh(f, "second", -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RENEWABLE(test_before_expiry),
                RENEWABLE(test_lifetime_is_not_known),
                RENEWABLE(test_lifetime_is_forgotten),
                RENEWABLE(test_polls_go_on),
                RENEWABLE(test_polls_wait_after_a_refusal),
                RENEWABLE(test_refused_while_refreshing),
                RENEWABLE(test_refresh_counts_in_the_rate),
                RENEWABLE(test_early_refresh_keeps_the_rate),
                RENEWABLE(test_refresh_is_a_request),
                RENEWABLE(test_date_of_the_refresh),
                RENEWABLE(test_early_refresh_fails),
                RENEWABLE(test_failures_are_reported),
                cmocka_unit_test(test_early_refresh_is_refused),
                RENEWABLE(test_retired_never_refreshes),
                RENEWABLE(test_app_never_refreshes),
                RENEWABLE(test_nothing_to_refresh_with),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
