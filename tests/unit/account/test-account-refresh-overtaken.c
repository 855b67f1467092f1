/* Secrets and settings that change while a refresh is in flight. */
#include "unit/account/refresh-fixture.h"

static void test_overtaken(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        set_secret(f, "admins");
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY); /* still one in flight */
        assert_int_equal(refreshed(f, "second", "renewal-2", LIFETIME),
                         ACCOUNT_TOOK_REFRESH_SECRET);
        assert_string_equal(account_secret(f->account), "admins");
        assert_string_equal(account_refresh_secret(f->account),
                            "renewal-2"); /* that one is used up */
        ask_task(f, 0, &good);
        assert_changes(f, "");
        assert_int_equal(account_refresh_at(f->account), f->now + 15 * USEC_MINUTE);

        /* The next one counts again. */
        ask_backoff(f, 0, &refused);
        refresh(f, "third", LIFETIME);
}

static void test_overtaken_and_failed(void **state) {
        struct koodrive_session session = {.answer = answer_of(&refused), .lifetime = -1};
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        set_secret(f, "admins");
        assert_false(account_refreshed(f->account, f->now, &session));
        assert_changes(f, "");
        ask_task(f, 0, &good);
        assert_true(account_refresh_at(f->account) < USEC_INFINITY);
}

/* A login writes both again; the answer that was in flight may still be used until then. */
static void test_renewal_is_overtaken(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        set_renewal(f, "admins");
        assert_int_equal(refreshed(f, "second", "renewal-2", LIFETIME), ACCOUNT_TOOK_TOKEN);
        assert_string_equal(account_secret(f->account), "second");
        assert_string_equal(account_refresh_secret(f->account), "admins");

        /* The next one counts again. */
        (void) wait_for_refresh(f);
        send_refresh(f);
        assert_int_equal(refreshed(f, "third", "admins-2", LIFETIME),
                         ACCOUNT_TOOK_TOKEN | ACCOUNT_TOOK_REFRESH_SECRET);
        assert_string_equal(account_refresh_secret(f->account), "admins-2");
        assert_changes(f, "");
}

static unsigned refusal_comes(struct fixture *f) {
        const struct koodrive_session session = {.answer = answer_of(&refused), .lifetime = -1};

        return account_refreshed(f->account, f->now, &session);
}

/* What was refused is not what there is now: that one is tried at once. */
static void test_refusal_of_an_overtaken_renewal(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        set_renewal(f, "admins");
        ask_backoff(f, 0, &refused); /* the token is as dead as before */
        assert_int_equal(refusal_comes(f), 0);
        assert_changes(f, "");
        refresh(f, "second", LIFETIME);
        ask_task(f, 0, &good);
        assert_changes(f, "");
}

/* It came from where one asked before the reload. */
static void test_refusal_before_a_reload(void **state) {
        struct fixture *f = *state;

        (void) wait_for_refresh(f);
        send_refresh(f);
        configure(f);
        assert_int_equal(refusal_comes(f), 0);
        refresh(f, "second", LIFETIME);
        assert_changes(f, "");
}

static void test_reload_ends_refreshing(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        f->settings.refresh = REFRESH_NONE;
        configure(f);
        assert_false(refreshed(f, "second", NULL, LIFETIME));
        assert_string_equal(account_secret(f->account), "first");
        assert_three_attempts(f, 0);
        assert_changes(f, "unauthorized(2) ");
}

/* The token's file goes while a new token is on its way: that one is as good. */
static void test_secret_goes_while_refreshing(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        set_secret(f, NULL);
        assert_changes(f, "unauthorized(1) ");
        assert_true(refreshed(f, "second", NULL, LIFETIME));
        ask_task(f, 0, &good);
        assert_changes(f, "ok(0) ");
}

static void test_secret_goes_and_refresh_fails(void **state) {
        struct koodrive_session session = {.answer = answer_of(&unreachable), .lifetime = -1};
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        send_refresh(f);
        set_secret(f, NULL);
        assert_false(account_refreshed(f->account, f->now, &session));
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        set_secret(f, "second");
        ask_task(f, 0, &good);
        assert_int_equal(account_state(f->account), ACCOUNT_OK);
}

static void test_refresh_secret_goes(void **state) {
        struct fixture *f = *state;

        ask_backoff(f, 0, &refused);
        set_renewal(f, NULL);
        assert_null(account_refresh_secret(f->account));
        assert_three_attempts(f, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RENEWABLE(test_overtaken),
                RENEWABLE(test_overtaken_and_failed),
                RENEWABLE(test_renewal_is_overtaken),
                RENEWABLE(test_refusal_of_an_overtaken_renewal),
                RENEWABLE(test_refusal_before_a_reload),
                RENEWABLE(test_reload_ends_refreshing),
                RENEWABLE(test_secret_goes_while_refreshing),
                RENEWABLE(test_secret_goes_and_refresh_fails),
                RENEWABLE(test_refresh_secret_goes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
