/* An account: its settings, its credential, and how much it lets through. */
#include "unit/account/account-fixture.h"

/* Settings */

static void test_settings_are_copied(void **state) {
        char name[] = "a", endpoint[] = "b";
        struct account_config config = {
                .name = name,
                .endpoint = endpoint,
                .rate_limit = {10, USEC_SEC},
                .max_in_flight = 3,
        };
        CLEANUP(account_freep) struct account *account = NULL;

        (void) state;
        assert_int_equal(account_new(&config, PROBE_MAX, on_changed, NULL, &account), 0);
        *name = *endpoint = 'x';
        assert_string_equal(account_name(account), "a");
        assert_string_equal(account_settings(account)->endpoint, "b");
        assert_int_equal(account_settings(account)->max_in_flight, 3);
}

static void test_starts_ok_but_silent(void **state) {
        struct fixture *f = *state;

        assert_int_equal(account_state(f->account), ACCOUNT_OK);
        assert_string_equal(account_reason(f->account), "");
        assert_null(account_secret(f->account));
        assert_null(account_refresh_secret(f->account));
        assert_null(account_identity(f->account).authorization);
        assert_false(account_is_probing(f->account));
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_int_equal(account_keepalive(f->account), USEC_INFINITY);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
        assert_int_equal(account_in_flight(f->account), 0);
        assert_true(account_is_configured(f->account));
}

static void test_retired(void **state) {
        struct fixture *f = *state;

        account_retire(f->account);
        assert_false(account_is_configured(f->account));
        configure(f);
        assert_true(account_is_configured(f->account));
        ask_task(f, 0, &good);
}

static void test_identity(void **state) {
        struct fixture *f = *state;
        struct koodrive_identity who = account_identity(f->account);

        assert_string_equal(who.endpoint, fixture_endpoint);
        assert_string_equal(who.authorization, "secret");

        /* A reload changes the word before the token that is known. */
        f->settings.token_scheme = TOKEN_SCHEME_BEARER;
        configure(f);
        assert_string_equal(account_identity(f->account).authorization, "Bearer secret");

        f->settings.auth = AUTH_APP;
        configure(f);
        who = account_identity(f->account);
        assert_null(who.authorization);
        assert_string_equal(who.app_secret, "secret");
        ask_task(f, 0, &good);
}

static void test_state_names(void **state) {
        (void) state;
        assert_string_equal(account_state_name(ACCOUNT_OK), "ok");
        assert_string_equal(account_state_name(ACCOUNT_THROTTLED), "throttled");
        assert_string_equal(account_state_name(ACCOUNT_UNREACHABLE), "unreachable");
        assert_string_equal(account_state_name(ACCOUNT_UNAUTHORIZED), "unauthorized");
}

/* The credential */

static void test_no_secret(void **state) {
        struct fixture *f = *state;

        assert_int_equal(account_set_secret(f->account, NULL, "no file", f->now), 0);
        assert_changes(f, "unauthorized(0) ");
        assert_string_equal(account_reason(f->account), "no file");
        assert_int_equal(account_next(f->account), USEC_INFINITY);

        assert_int_equal(account_set_secret(f->account, NULL, "no file", f->now), 0);
        assert_int_equal(account_set_secret(f->account, NULL, "an empty file", f->now), 1);
        assert_changes(f, "");
        assert_string_equal(account_reason(f->account), "an empty file");
        configure(f); /* corrects nothing */
        assert_int_equal(account_next(f->account), USEC_INFINITY);
}

static void test_since_when_a_secret_is_used(void **state) {
        struct fixture *f = *state;
        usec_t begun = f->now;

        assert_int_equal(account_secret_since(f->account), 0);
        set_secret(f, "secret");
        f->now += USEC_HOUR;
        set_secret(f, "secret");
        assert_int_equal(account_secret_since(f->account), begun);
        set_secret(f, "other");
        assert_int_equal(account_secret_since(f->account), begun + USEC_HOUR);
        set_secret(f, NULL);
        assert_int_equal(account_secret_since(f->account), 0);
}

/* It comes later: tried at once, and one request at a time until it has proved good. */
static void test_secret_comes(void **state) {
        struct fixture *f = *state;

        set_secret(f, NULL);
        assert_changes(f, "unauthorized(0) ");
        f->now += USEC_HOUR;
        set_secret(f, "secret");
        send_one(f);
        assert_true(account_is_probing(f->account));
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_int_equal(answered(f, f->sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_changes(f, "ok(0) ");
}

static void test_secret_goes(void **state) {
        struct fixture *f = *state;
        uint64_t sent = send_one(f);

        f->now += USEC_SEC;
        set_secret(f, NULL);
        assert_changes(f, "unauthorized(0) ");
        assert_null(account_secret(f->account));
        assert_null(account_identity(f->account).authorization);
        f->now += USEC_SEC;
        assert_int_equal(answered(f, sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_changes(f, "");
        assert_int_equal(account_next(f->account), USEC_INFINITY);

        /* The same one again is a new one now. */
        set_secret(f, "secret");
        ask_task(f, 0, &good);
        assert_changes(f, "ok(0) ");
}

/* Whatever comes back of a probe that went out before: it needs a secret to go on. */
static void test_secret_goes_while_a_probe_is_out(void **state) {
        static const struct koodrive_disposition *const answers[] = {
                &good, &refused, &unreachable, &malformed, &rejected, &suspect};

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct fixture *f;
                uint64_t sent;

                assert_int_equal(set_up(state), 0);
                f = *state;
                make_silent(f);
                assert_int_equal(wait_out(f), SILENCE);
                sent = send_one(f);
                f->now += USEC_SEC;
                set_secret(f, NULL);
                f->now += USEC_SEC;
                (void) answered(f, sent, 0, answers[i]);
                assert_int_equal(account_next(f->account), USEC_INFINITY);
                assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
                f->now += USEC_SEC;
                set_secret(f, "other");
                assert_true(may_send(f));
                assert_int_equal(tear_down(state), 0);
        }
}

/* And of it is said that there were too many requests. */
static void test_secret_goes_while_a_throttled_probe_is_out(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        make_silent(f);
        assert_int_equal(wait_out(f), SILENCE);
        sent = send_one(f);
        f->now += USEC_SEC;
        set_secret(f, NULL);
        f->now += USEC_SEC;
        (void) answered(f, sent, 0, &throttled);
        f->now += USEC_SEC;
        set_secret(f, "other");
        assert_true(account_next(f->account) <= f->now + 2 * USEC_HOUR);
}

/* What it was refused for may have been corrected. */
static void test_reload_ends_silence(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        configure(f);
        for (unsigned i = 0; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, 0, &refused);
        }
        assert_int_equal(wait_out(f), SILENCE);
        assert_changes(f, "");
}

static void test_reload_ends_the_pause_of_a_probe(void **state) {
        struct fixture *f = *state;

        make_unreachable(f);
        assert_false(may_send(f));
        configure(f);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(0) ");
}

static void test_reload_keeps_the_asked_pause(void **state) {
        struct koodrive_answer answer = answer_of(&throttled);
        struct fixture *f = *state;

        answer.retry_after = USEC_MINUTE;
        assert_int_equal(ask_for(f, 0, &answer), ACCOUNT_VERDICT_BACKOFF);
        configure(f);
        assert_int_equal(wait_out(f), USEC_MINUTE);
}

static void test_new_secret_ends_silence(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        set_secret(f, "secret"); /* the same one: nothing new */
        assert_int_equal(account_next(f->account), f->now + SILENCE);

        set_secret(f, "other");
        assert_string_equal(account_identity(f->account).authorization, "other");
        ask_task(f, 0, &good);
        assert_changes(f, "ok(2) ");
}

static void test_new_secret_ends_every_pause(void **state) {
        struct fixture *f = *state;

        make_unreachable(f);
        set_secret(f, "other");
        ask_task(f, 0, &good);
        ask_backoff(f, 0, &quota_used);
        set_secret(f, "another");
        ask_task(f, 0, &good);
}

/* And has three attempts of its own. */
static void test_new_secret_is_refused(void **state) {
        struct fixture *f = *state;

        make_silent(f);
        set_secret(f, "other");
        for (unsigned i = 0; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, 0, &refused);
        }
        assert_int_equal(wait_out(f), SILENCE);
        assert_changes(f, "");
}

/* What is still under way speaks of the old one. */
static void test_old_secrets_refusal_is_no_news(void **state) {
        struct fixture *f = *state;
        uint64_t sent = send_one(f);

        f->now += USEC_SEC;
        set_secret(f, "other");
        f->now += USEC_SEC;
        assert_int_equal(answered(f, sent, 0, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_changes(f, "");
        send_one(f);
        send_one(f);
}

static void test_old_secrets_suspects_are_no_news(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        send_one(f);
        sent = send_one(f);
        f->now += USEC_SEC;
        set_secret(f, "other");
        f->now += USEC_SEC;
        (void) answered(f, sent, 0, &suspect);
        (void) answered(f, sent, 1, &suspect);
        ask_task(f, 2, &suspect);
        assert_changes(f, "");
}

/* A burst of malformed answers from before is no attempt with the new one. */
static void test_old_secrets_faults_are_no_attempt(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        make_silent(f);
        (void) wait_out(f);
        sent = send_one(f);
        f->now += USEC_SEC;
        set_secret(f, "other");
        f->now += USEC_SEC;
        (void) answered(f, sent, 0, &malformed);
        assert_true(may_send(f));
}

/* How much is let through */

/* It tells the time, and whether the credential is good: the others wait, but not for ever. */
static void test_first_goes_alone(void **state) {
        struct fixture *f = *state;

        set_secret(f, "secret");
        send_one(f);
        assert_int_equal(account_next(f->account), f->now + 2 * USEC_SEC);
        (void) wait_out(f);
        send_one(f);
        send_one(f);
}

static void test_first_is_answered(void **state) {
        struct fixture *f = *state;

        set_secret(f, "secret");
        send_one(f);
        assert_false(may_send(f));
        assert_int_equal(answered(f, f->sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        send_one(f);
        send_one(f);
}

static void test_first_is_abandoned(void **state) {
        struct fixture *f = *state;

        set_secret(f, "secret");
        send_one(f);
        account_abandoned(f->account);
        send_one(f);
        send_one(f);
}

static void test_max_in_flight(void **state) {
        struct fixture *f = *state;

        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                send_one(f);
        assert_int_equal(account_in_flight(f->account), f->settings.max_in_flight);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        account_abandoned(f->account);
        send_one(f);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        assert_int_equal(answered(f, f->sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        send_one(f);
        assert_int_equal(account_in_flight(f->account), f->settings.max_in_flight);
}

static void test_rate(void **state) {
        struct fixture *f = *state;
        usec_t begin = f->now += USEC_MINUTE;

        f->settings.rate_limit = (struct rate_limit){5, USEC_SEC};
        configure(f);
        for (unsigned i = 0; i < 5; i++) {
                (void) wait_out(f);
                send_one(f);
        }
        assert_in_range(f->now - begin, 0, USEC_SEC / 2);
        (void) wait_out(f);
        assert_in_range(f->now - begin, USEC_SEC, USEC_SEC * 11 / 10);
}

/* Whatever has become of them. */
static void test_recent_requests(void **state) {
        struct fixture *f = *state;

        f->now += USEC_HOUR;
        assert_int_equal(account_recent_requests(f->account, f->now), 0);
        ask_task(f, 0, &good);
        send_one(f);
        account_abandoned(f->account);
        assert_int_equal(account_refresh_sent(f->account, f->now), 0);
        assert_int_equal(account_recent_requests(f->account, f->now), 3);
        assert_int_equal(account_recent_requests(f->account, f->now + USEC_MINUTE), 0);
}

/* A probe that nobody waits for any more gives its place to another one. */
static void test_probe_is_abandoned(void **state) {
        struct fixture *f = *state;

        make_unreachable(f);
        (void) wait_out(f);
        send_one(f);
        assert_int_equal(account_next(f->account), USEC_INFINITY);
        account_abandoned(f->account);
        ask_task(f, 1, &good);
        assert_changes(f, "ok(0) ");
}

/* Keeping the token alive */

static void test_keepalive(void **state) {
        struct fixture *f = *state;

        set_secret(f, "secret");
        assert_int_equal(account_keepalive(f->account), USEC_INFINITY);
        ask_task(f, 0, &good);
        assert_int_equal(account_keepalive(f->account), f->now + 14 * USEC_MINUTE);
        f->now += USEC_MINUTE;
        ask_task(f, 0, &malformed);
        assert_int_equal(account_keepalive(f->account), f->now + 14 * USEC_MINUTE);

        ask_backoff(f, 0, &refused);
        assert_int_equal(account_keepalive(f->account), USEC_INFINITY);
        (void) wait_out(f);
        ask_task(f, 0, &good);
        assert_int_equal(account_keepalive(f->account), f->now + 14 * USEC_MINUTE);

        f->settings.auth = AUTH_APP; /* there is no session to keep */
        configure(f);
        assert_int_equal(account_keepalive(f->account), USEC_INFINITY);
}

static void test_free_nothing(void **state) {
        (void) state;
        account_free(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settings_are_copied),
                BARE(test_starts_ok_but_silent),
                TEST(test_retired),
                TEST(test_identity),
                cmocka_unit_test(test_state_names),
                TEST(test_no_secret),
                BARE(test_since_when_a_secret_is_used),
                TEST(test_secret_comes),
                TEST(test_secret_goes),
                cmocka_unit_test(test_secret_goes_while_a_probe_is_out),
                TEST(test_secret_goes_while_a_throttled_probe_is_out),
                TEST(test_reload_ends_silence),
                TEST(test_reload_ends_the_pause_of_a_probe),
                TEST(test_reload_keeps_the_asked_pause),
                TEST(test_new_secret_ends_silence),
                TEST(test_new_secret_ends_every_pause),
                TEST(test_new_secret_is_refused),
                TEST(test_old_secrets_refusal_is_no_news),
                TEST(test_old_secrets_suspects_are_no_news),
                TEST(test_old_secrets_faults_are_no_attempt),
                BARE(test_first_goes_alone),
                BARE(test_first_is_answered),
                BARE(test_first_is_abandoned),
                TEST(test_max_in_flight),
                TEST(test_rate),
                TEST(test_recent_requests),
                TEST(test_probe_is_abandoned),
                BARE(test_keepalive),
                cmocka_unit_test(test_free_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
