/* An account in trouble: throttled, unreachable, unauthorized, and what looks like the latter. */
#include "unit/account/account-fixture.h"

/* Throttled */

static void ask_throttled(struct fixture *f, usec_t retry_after, usec_t window) {
        struct koodrive_answer answer = answer_of(&throttled);

        answer.retry_after = retry_after;
        answer.window = window;
        assert_int_equal(ask_for(f, 0, &answer), ACCOUNT_VERDICT_BACKOFF);
}

static void test_throttled_as_asked(void **state) {
        struct fixture *f = *state;

        ask_throttled(f, 30 * USEC_SEC, USEC_SEC); /* what is asked for comes before the window */
        assert_changes(f, "throttled(1) ");
        assert_string_equal(account_reason(f->account), "it says throttled");
        assert_int_equal(wait_out(f), 30 * USEC_SEC);
        assert_false(account_is_probing(f->account));
        send_one(f);
        send_one(f);
        assert_int_equal(answered(f, f->sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_changes(f, "ok(0) ");
        assert_int_equal(answered(f, f->sent, 1, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_changes(f, "");
}

static void test_throttled_without_hint(void **state) {
        struct fixture *f = *state;

        for (usec_t pause = 5 * USEC_SEC; pause < USEC_HOUR; pause *= 2) {
                ask_throttled(f, -1, -1);
                assert_int_equal(wait_out(f), pause);
        }
        for (unsigned i = 0; i < 5; i++) {
                ask_throttled(f, -1, -1);
                assert_int_equal(wait_out(f), USEC_HOUR);
        }
        assert_changes(f, "throttled(1) ");
        ask_task(f, 0, &good);
        ask_throttled(f, -1, -1);
        assert_int_equal(wait_out(f), 5 * USEC_SEC);
}

/* All that were under way are refused: that is one throttling, not eight. */
static void test_throttled_burst_counts_once(void **state) {
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                sent = send_one(f);
        f->now += 100 * USEC_MSEC;
        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                assert_int_equal(answered(f, sent, i, &throttled), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(wait_out(f), 5 * USEC_SEC);
        ask_backoff(f, 0, &throttled);
        assert_int_equal(wait_out(f), 10 * USEC_SEC);
        ask_task(f, 0, &good);
        assert_changes(f, "throttled(1) ok(8) ");
}

/* Nor are those after the pause: it is doubled once. */
static void test_throttled_again_counts_once(void **state) {
        struct fixture *f = *state;
        uint64_t sent = 0;

        ask_throttled(f, -1, -1);
        assert_int_equal(wait_out(f), 5 * USEC_SEC);
        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                sent = send_one(f);
        f->now += 100 * USEC_MSEC;
        for (unsigned i = 0; i < f->settings.max_in_flight; i++)
                assert_int_equal(answered(f, sent, i, &throttled), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(wait_out(f), 10 * USEC_SEC);
}

/* An answer to what was sent before must not end the silence. */
static void test_throttled_silence_holds(void **state) {
        static const struct koodrive_disposition *const answers[] = {
                &good, &refused, &unreachable, &malformed, &own_failure, &suspect, &bad_parameter};
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (size_t i = 0; i < ARRAY_LEN(answers); i++)
                sent = send_one(f);
        f->now += USEC_SEC;
        ask_throttled(f, USEC_MINUTE, -1);
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                (void) answered(f, sent, (unsigned) i, answers[i]);
                assert_changes(f, i == 0 ? "throttled(1) " : "");
        }
        assert_int_equal(wait_out(f), USEC_MINUTE);
}

/* How many go in two seconds; each is answered well. */
static unsigned sends_in_two_seconds(struct fixture *f) {
        usec_t end = f->now + 2 * USEC_SEC;
        unsigned sent = 0;

        for (; wait_out(f) >= 0 && f->now < end; sent++)
                ask_task(f, 0, &good);
        return sent;
}

static void test_throttled_rate_recovers(void **state) {
        struct fixture *f = *state;
        unsigned whole, last;
        usec_t begin;

        f->settings.rate_limit = (struct rate_limit){64, USEC_SEC};
        configure(f);
        whole = sends_in_two_seconds(f);
        assert_in_range(whole, 120, 128);
        for (unsigned i = 0; i < 3; i++) {
                (void) wait_out(f);
                ask_throttled(f, USEC_SEC, -1);
        }
        (void) wait_out(f);
        begin = f->now;
        last = sends_in_two_seconds(f);
        assert_in_range(last, whole / 8, whole / 8 + 8);
        while (last < whole * 9 / 10) {
                unsigned now = sends_in_two_seconds(f);

                assert_in_range(now, last - last / 8 - 1, 2 * last + 8);
                assert_true(f->now - begin < 2 * USEC_MINUTE);
                last = now;
        }
        assert_true(f->now - begin >= 20 * USEC_SEC);
        for (unsigned i = 0; i < 30; i++)
                assert_in_range(sends_in_two_seconds(f), whole - 2, whole + 2);
}

/* Three of these are trouble; a throttling before is none of them. */
static void test_throttled_then_unreachable(void **state) {
        struct fixture *f = *state;

        f->only_task = true;
        for (unsigned i = 0; i < 2; i++) {
                ask_throttled(f, USEC_SEC, -1);
                (void) wait_out(f);
        }
        assert_changes(f, "throttled(1) ");
        ask_task(f, 0, &unreachable);
        ask_task(f, 0, &unreachable);
        assert_changes(f, "");
        ask_backoff(f, 0, &unreachable);
        assert_changes(f, "unreachable(4) ");
}

/* Unreachable */

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

/* What another trouble had to wait for is not what this one begins with. */
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

/* Unauthorized */

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

/* One of several that went out together after the pause is answered, the next one is not. */
static void test_throttled_once_more_behind_a_good_answer(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        ask_backoff(f, 0, &throttled);
        (void) wait_out(f);
        sent = send_one(f);
        f->now = MAX(f->now, account_next(f->account));
        sent = send_one(f);
        f->now += USEC_MSEC;
        assert_int_equal(answered(f, sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_int_equal(answered(f, sent, 1, &throttled), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(account_state(f->account), ACCOUNT_THROTTLED);
        assert_true(wait_out(f) >= 5 * USEC_SEC);
}

/* Others are answered with the same credential: told once, then it is that task's own. */
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

/* Suspicion */

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
                                    "one task after another is refused: it says doubtful");

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
        assert_string_equal(account_reason(f->account), "every task is refused: it says rejected");
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

/* What was in flight when the state changed */

static void enter_ok(struct fixture *f) {
        configure(f);
}

static void enter_throttled(struct fixture *f) {
        ask_throttled(f, USEC_MINUTE, -1);
}

static void enter_unauthorized(struct fixture *f) {
        ask_backoff(f, 1, &refused);
}

static void enter_unauthorized_without_secret(struct fixture *f) {
        set_secret(f, NULL);
}

/* An account in that state, with a request that went out before, at the same instant. */
static struct fixture *set_up_outdated(void **state, void (*enter)(struct fixture *f),
                                       uint64_t *ret_sent) {
        struct fixture *f;

        assert_int_equal(set_up(state), 0);
        f = *state;
        *ret_sent = send_one(f);
        enter(f);
        f->changes[0] = '\0';
        return f;
}

/* The answer to it changes no more than if there had been none. */
static void assert_outdated(void (*enter)(struct fixture *f),
                            const struct koodrive_disposition *disposition,
                            enum account_verdict expected) {
        void *states[2];
        uint64_t sent;
        struct fixture *without = set_up_outdated(&states[0], enter, &sent);
        struct fixture *f = set_up_outdated(&states[1], enter, &sent);
        struct koodrive_answer answer = answer_of(disposition);

        account_abandoned(without->account);
        answer.retry_after = USEC_HOUR;
        answer.date = USEC_DAY;
        assert_int_equal(answered_with(f, sent, 0, &answer), expected);
        assert_changes(f, "");
        assert_int_equal(account_state(f->account), account_state(without->account));
        assert_string_equal(account_reason(f->account), account_reason(without->account));
        assert_int_equal(account_next(f->account), account_next(without->account));
        assert_int_equal(account_in_flight(f->account), 0);
        assert_int_equal(account_date(f->account, f->now, 0),
                         account_date(without->account, f->now, 0));

        /* Nor is it the first of several. */
        for (unsigned i = 1; i < 3 && account_secret(f->account); i++) {
                assert_int_equal(wait_out(f), wait_out(without));
                assert_int_equal(ask(f, i, &unreachable), ask(without, i, &unreachable));
                assert_int_equal(account_state(f->account), account_state(without->account));
                assert_int_equal(account_next(f->account), account_next(without->account));
        }
        assert_int_equal(tear_down(&states[0]), 0);
        assert_int_equal(tear_down(&states[1]), 0);
}

static void test_outdated_answers_in_each_state(void **state) {
        static void (*const enter[])(struct fixture * f) = {enter_ok, enter_throttled,
                                                            make_unreachable, enter_unauthorized,
                                                            enter_unauthorized_without_secret};
        static const struct {
                const struct koodrive_disposition *disposition;
                enum account_verdict expected;
        } cases[] = {
                {&good, ACCOUNT_VERDICT_NOT_ACCOUNT},
                {&malformed, ACCOUNT_VERDICT_NOT_ACCOUNT},
                {&own_failure, ACCOUNT_VERDICT_NOT_ACCOUNT},
                {&not_found, ACCOUNT_VERDICT_NOT_ACCOUNT},
                {&rejected, ACCOUNT_VERDICT_NOT_ACCOUNT},
                {&too_large, ACCOUNT_VERDICT_NOT_ACCOUNT},
                {&suspect, ACCOUNT_VERDICT_BACKOFF},
                {&suspect_by_koodrive, ACCOUNT_VERDICT_BACKOFF},
                {&bad_parameter, ACCOUNT_VERDICT_BACKOFF},
                {&refused, ACCOUNT_VERDICT_BACKOFF},
                {&locked, ACCOUNT_VERDICT_BACKOFF},
                {&throttled, ACCOUNT_VERDICT_BACKOFF},
                {&quota_used, ACCOUNT_VERDICT_BACKOFF},
                {&unreachable, ACCOUNT_VERDICT_BACKOFF},
                {&misconfigured, ACCOUNT_VERDICT_BACKOFF},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(enter); i++)
                for (size_t k = 0; k < ARRAY_LEN(cases); k++)
                        assert_outdated(enter[i], cases[k].disposition, cases[k].expected);
}

/* They are counted as failed while the state lasted, unless they may be their task's own. */
static void test_outdated_answers_are_counted(void **state) {
        static const struct koodrive_disposition *const answers[] = {
                &refused, &throttled, &unreachable, &malformed, &good, &suspect};
        struct fixture *f = *state;
        uint64_t sent = 0;

        for (size_t i = 0; i < ARRAY_LEN(answers); i++)
                sent = send_one(f);
        ask_throttled(f, USEC_MINUTE, -1);
        assert_changes(f, "throttled(1) ");
        for (size_t i = 0; i < ARRAY_LEN(answers); i++)
                (void) answered(f, sent, (unsigned) i, answers[i]);
        assert_int_equal(wait_out(f), USEC_MINUTE);
        ask_task(f, 0, &good);
        assert_changes(f, "ok(3) ");
}

/* A request that goes out after the change is news, also at the same instant. */
static void test_request_after_the_change_is_news(void **state) {
        struct fixture *f = *state;
        uint64_t before = send_one(f), after;

        set_secret(f, "other");
        after = send_one(f);
        assert_true(after > before);
        assert_int_equal(answered(f, after, 1, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_changes(f, "unauthorized(1) ");
        assert_int_equal(answered(f, before, 0, &refused), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(account_next(f->account), f->now + 2 * USEC_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_throttled_as_asked),
                TEST(test_throttled_without_hint),
                TEST(test_throttled_burst_counts_once),
                TEST(test_throttled_again_counts_once),
                TEST(test_throttled_silence_holds),
                TEST(test_throttled_rate_recovers),
                TEST(test_throttled_then_unreachable),
                TEST(test_three_failures_of_two_tasks),
                TEST(test_failures_of_the_only_task),
                TEST(test_settings_that_lead_nowhere),
                TEST(test_failures_not_in_a_row),
                TEST(test_probes),
                TEST(test_suspect_that_lasts),
                TEST(test_probes_after_other_pauses),
                TEST(test_any_answer_ends_unreachable),
                TEST(test_unreachable_counts_probes_only),
                TEST(test_three_attempts_then_silence),
                TEST(test_refused_burst_counts_once),
                TEST(test_locked),
                TEST(test_unreachable_while_unauthorized),
                TEST(test_malformed_while_unauthorized),
                TEST(test_judgement_ends_unauthorized),
                TEST(test_throttled_while_unauthorized),
                TEST(test_throttled_between_refusals),
                TEST(test_refused_alone_among_others),
                TEST(test_throttled_once_more_behind_a_good_answer),
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
                cmocka_unit_test(test_outdated_answers_in_each_state),
                TEST(test_outdated_answers_are_counted),
                TEST(test_request_after_the_change_is_news),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
