/* Refreshing an account's token: before it expires, when it is refused, and when that fails. */
#include "unit/account/account-fixture.h"

#define LIFETIME (30 * USEC_MINUTE)

static int set_up_renewable(void **state) {
        struct fixture *f;

        assert_int_equal(set_up_bare(state), 0);
        f = *state;
        f->settings.refresh = REFRESH_CARRIER;
        configure(f);
        set_renewal(f, "renewal");
        set_secret(f, "first");
        pass_first(f);
        return 0;
}

#define RENEWABLE(function) cmocka_unit_test_setup_teardown(function, set_up_renewable, tear_down)

static bool may_refresh(const struct fixture *f) {
        return account_refresh_at(f->account) <= f->now;
}

/* Time goes on until the refresh is due; returns how long that took. */
static usec_t wait_for_refresh(struct fixture *f) {
        usec_t at = account_refresh_at(f->account), pause;

        assert_true(at < USEC_INFINITY);
        pause = MAX(at - f->now, 0);
        f->now += pause;
        return pause;
}

static void send_refresh(struct fixture *f) {
        assert_true(may_refresh(f));
        assert_int_equal(account_refresh_sent(f->account, f->now), 0);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
}

static unsigned refreshed(struct fixture *f, const char *token, const char *renewal,
                          usec_t lifetime) {
        CLEANUP(freep) char *token_copy = strdup(token);
        CLEANUP(freep) char *renewal_copy = renewal ? strdup(renewal) : NULL;
        const struct koodrive_session session = {
                .answer = answer_of(&good),
                .token = token_copy,
                .refresh_token = renewal_copy,
                .lifetime = lifetime,
        };

        return account_refreshed(f->account, f->now, &session);
}

static void refresh(struct fixture *f, const char *token, usec_t lifetime) {
        send_refresh(f);
        assert_true(refreshed(f, token, NULL, lifetime));
        assert_string_equal(account_secret(f->account), token);
}

/* Returns what is to be reported. */
static unsigned refresh_fails_with(struct fixture *f, const struct koodrive_answer *answer) {
        const struct koodrive_session session = {.answer = *answer, .lifetime = -1};
        unsigned result;

        send_refresh(f);
        result = account_refreshed(f->account, f->now, &session);
        assert_int_equal(result & (ACCOUNT_TOOK_TOKEN | ACCOUNT_TOOK_REFRESH_SECRET), 0);
        return result;
}

static unsigned refresh_fails(struct fixture *f, const struct koodrive_disposition *disposition) {
        struct koodrive_answer answer = answer_of(disposition);

        return refresh_fails_with(f, &answer);
}

/* Refused with no way to a new token: three attempts, then silence. */
static void assert_three_attempts(struct fixture *f, unsigned already) {
        for (unsigned i = already; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                ask_backoff(f, 0, &refused);
        }
        assert_int_equal(account_next(f->account), f->now + SILENCE);
        assert_int_equal(account_refresh_at(f->account), USEC_INFINITY);
}

/* Before the token expires */

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

/* When the token is refused */

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

/* What others do meanwhile */

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

/* A login writes both anew; the answer that was under way may still be used until then. */
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

/* Who never refreshes */

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
                RENEWABLE(test_overtaken),
                RENEWABLE(test_overtaken_and_failed),
                RENEWABLE(test_renewal_is_overtaken),
                RENEWABLE(test_refusal_of_an_overtaken_renewal),
                RENEWABLE(test_refusal_before_a_reload),
                RENEWABLE(test_reload_ends_refreshing),
                RENEWABLE(test_secret_goes_while_refreshing),
                RENEWABLE(test_secret_goes_and_refresh_fails),
                RENEWABLE(test_refresh_secret_goes),
                RENEWABLE(test_retired_never_refreshes),
                RENEWABLE(test_app_never_refreshes),
                RENEWABLE(test_nothing_to_refresh_with),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
