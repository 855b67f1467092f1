/* When a new token is asked for, and what an answer to that means. */
#include "koowatchd/account/account-pause.h"
#include "koowatchd/account/token-refresh.h"
#include "koowatchd/koodrive/answer.h"
#include "unit/support.h"

#define START USEC_DAY
#define LIFETIME (30 * USEC_MINUTE)
#define IDLE (15 * USEC_MINUTE)

static const struct koodrive_disposition refused = {.class = KOODRIVE_UNAUTHORIZED};
static const struct koodrive_disposition not_found = {.class = KOODRIVE_RETRY_LIMITED};
static const struct koodrive_disposition rejected = {.class = KOODRIVE_REJECTED};
static const struct koodrive_disposition unreachable = {.class = KOODRIVE_UNREACHABLE};
static const struct koodrive_disposition misconfigured = {.class = KOODRIVE_MISCONFIGURED};
static const struct koodrive_disposition throttled = {.class = KOODRIVE_THROTTLED};
static const struct koodrive_disposition malformed = {.class = KOODRIVE_TRANSIENT};
static const struct koodrive_disposition no_token = {.class = KOODRIVE_TASK};

static const struct koodrive_disposition *const refusals[] = {&refused, &not_found, &rejected};
static const struct koodrive_disposition *const no_refusals[] = {&unreachable, &misconfigured,
                                                                 &throttled, &malformed, &no_token};

static int set_up(void **state) {
        struct token_refresh *t = calloc(1, sizeof(*t));

        assert_non_null(t);
        assert_int_equal(token_refresh_set_secret(t, "renewal"), 1);
        *state = t;
        return 0;
}

static int tear_down(void **state) {
        token_refresh_clear(*state);
        free(*state);
        return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void send_for(struct token_refresh *t, const char *token) {
        assert_int_equal(token_refresh_sent(t, token, REFRESH_CARRIER), 0);
        assert_true(t->in_flight);
}

/* A request with "token" brings another one, which is used. */
static void replace_token(struct token_refresh *t, usec_t now, usec_t lifetime) {
        send_for(t, "token");
        assert_false(token_refresh_succeeded(t, NULL, REFRESH_CARRIER));
        assert_false(t->in_flight);
        assert_true(token_refresh_wants_token(t, "token", REFRESH_CARRIER));
        token_refresh_token_changed(t);
        token_refresh_token_replaced(t, now, lifetime);
}

static enum token_refresh_failure failed(struct token_refresh *t, usec_t now,
                                         const struct koodrive_disposition *disposition,
                                         usec_t retry_after) {
        const struct koodrive_answer answer = {.disposition = *disposition,
                                               .retry_after = retry_after};
        enum token_refresh_failure failure = token_refresh_failed(t, now, &answer, REFRESH_CARRIER);

        assert_false(t->in_flight);
        return failure;
}

static enum token_refresh_failure fail_once(struct token_refresh *t, usec_t now,
                                            const struct koodrive_disposition *disposition) {
        send_for(t, "token");
        return failed(t, now, disposition, -1);
}

/* The secret */

static void test_secret(void **state) {
        struct token_refresh t = {};

        (void) state;
        assert_false(token_refresh_is_possible(&t));
        assert_int_equal(token_refresh_set_secret(&t, NULL), 0);
        assert_int_equal(token_refresh_set_secret(&t, "one"), 1);
        assert_true(token_refresh_is_possible(&t));
        assert_string_equal(t.secret, "one");
        assert_int_equal(token_refresh_set_secret(&t, "one"), 0);
        assert_int_equal(token_refresh_set_secret(&t, "two"), 1);
        assert_string_equal(t.secret, "two");
        assert_int_equal(token_refresh_set_secret(&t, NULL), 1);
        assert_false(token_refresh_is_possible(&t));
        assert_null(t.secret);
}

/* When to refresh */

static void test_four_fifths_of_the_lifetime(void **state) {
        struct token_refresh *t = *state;

        replace_token(t, START, LIFETIME);
        assert_int_equal(token_refresh_early_at(t, START), START + 24 * USEC_MINUTE);
        assert_int_equal(token_refresh_early_at(t, START + 20 * USEC_MINUTE),
                         START + 24 * USEC_MINUTE);
}

static void test_lifetime_is_not_known(void **state) {
        static const usec_t lifetimes[] = {-1, 0};
        struct token_refresh *t = *state;

        assert_int_equal(token_refresh_early_at(t, START), START + IDLE);
        for (size_t i = 0; i < ARRAY_LEN(lifetimes); i++) {
                replace_token(t, START, lifetimes[i]);
                assert_int_equal(token_refresh_early_at(t, START + USEC_MINUTE),
                                 START + USEC_MINUTE + IDLE);
        }
}

/* Another token than the one whose lifetime is known. */
static void test_lifetime_is_forgotten(void **state) {
        struct token_refresh *t = *state;

        replace_token(t, START, USEC_DAY);
        token_refresh_token_changed(t);
        assert_int_equal(token_refresh_early_at(t, START), START + IDLE);
}

static void test_short_lifetime(void **state) {
        static const usec_t lifetimes[] = {1, USEC_MSEC, USEC_SEC};
        struct token_refresh *t = *state;

        for (size_t i = 0; i < ARRAY_LEN(lifetimes); i++) {
                replace_token(t, START, lifetimes[i]);
                assert_int_equal(token_refresh_early_at(t, START), START + USEC_SEC);
        }
}

/* Refused tokens */

static void test_refused_is_refreshed(void **state) {
        struct token_refresh *t = *state;

        assert_true(token_refresh_token_refused(t, START));
        assert_true(t->token_refused);
        replace_token(t, START, LIFETIME);
        assert_false(t->token_refused);
}

/* It would bring the like. */
static void test_new_token_is_refused(void **state) {
        struct token_refresh *t = *state;

        assert_true(token_refresh_token_refused(t, START));
        replace_token(t, START, LIFETIME);
        assert_false(token_refresh_token_refused(t, START));
        assert_false(token_refresh_token_refused(t, START + ACCOUNT_PAUSE_REFUSED - 1));
        assert_false(t->token_refused);
        assert_true(token_refresh_token_refused(t, START + ACCOUNT_PAUSE_REFUSED));
}

/* Also where the refresh was an early one. */
static void test_early_token_is_refused(void **state) {
        struct token_refresh *t = *state;

        replace_token(t, START, LIFETIME);
        assert_false(token_refresh_token_refused(t, START + USEC_SEC));
        token_refresh_token_accepted(t);
        assert_true(token_refresh_token_refused(t, START + USEC_SEC));
}

static void test_new_token_is_accepted_first(void **state) {
        struct token_refresh *t = *state;

        assert_true(token_refresh_token_refused(t, START));
        replace_token(t, START, LIFETIME);
        token_refresh_token_accepted(t);
        assert_true(token_refresh_token_refused(t, START + 1));
}

/* Accepted for one task, refused for another: the refreshes become rare, and once more often. */
static void test_gap_between_refreshes(void **state) {
        static const int gaps[] = {0, 3, 6, 12, 24, 48, 96, 192, 360, 360};
        struct token_refresh *t = *state;
        usec_t now = START;

        for (unsigned round = 0; round < 2; round++) {
                for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
                        assert_true(token_refresh_token_refused(t, now));
                        replace_token(t, now, LIFETIME);
                        token_refresh_token_accepted(t);
                        if (gaps[i] > 0)
                                assert_false(token_refresh_token_refused(
                                        t, now + gaps[i] * USEC_SEC - 1));
                        now += gaps[i] * USEC_SEC;
                }
                now += 10 * USEC_MINUTE; /* after so long without one */
        }
}

static void test_reset_allows_another_refresh(void **state) {
        struct token_refresh *t = *state;

        assert_true(token_refresh_token_refused(t, START));
        replace_token(t, START, LIFETIME);
        assert_false(token_refresh_token_refused(t, START));
        token_refresh_reset(t);
        assert_true(token_refresh_token_refused(t, START));
        token_refresh_reset(t);
        assert_false(t->token_refused); /* it is tried again first */
}

/* Whether there is another secret, or none any more. */
static void test_another_secret_ends_the_wait(void **state) {
        static const char *const secrets[] = {"another", NULL};
        struct token_refresh *t = *state;

        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                assert_true(token_refresh_token_refused(t, START));
                assert_int_equal(token_refresh_set_secret(t, secrets[i]), 1);
                assert_false(t->token_refused);
        }
}

/* Failures */

static void test_early_refresh_is_tried_again(void **state) {
        static const int pauses[] = {30, 60, 120, 240, 300, 300, 300};
        struct token_refresh *t = *state;
        usec_t now = START;

        replace_token(t, now, LIFETIME);
        now = token_refresh_early_at(t, now);
        for (unsigned round = 0; round < 3; round++) {
                for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
                        const struct koodrive_disposition *why =
                                no_refusals[i % ARRAY_LEN(no_refusals)];

                        assert_int_equal(fail_once(t, now, why), TOKEN_REFRESH_EARLY);
                        assert_int_equal(t->failures, i + 1);
                        assert_true(token_refresh_is_possible(t));
                        assert_int_equal(token_refresh_early_at(t, now),
                                         now + pauses[i] * USEC_SEC);
                        now = token_refresh_early_at(t, now);
                }
                if (round == 0) {
                        replace_token(t, now, LIFETIME);
                        now = token_refresh_early_at(t, now);
                } else {
                        token_refresh_reset(t); /* what was wrong may have been corrected */
                        assert_true(token_refresh_early_at(t, now) <= now);
                }
        }
}

/* A poll that is accepted meanwhile puts it off further, where the lifetime is not known. */
static void test_pause_and_idle_time(void **state) {
        struct token_refresh *t = *state;
        usec_t now = START + IDLE;

        assert_int_equal(fail_once(t, now, &malformed), TOKEN_REFRESH_EARLY);
        assert_int_equal(token_refresh_early_at(t, START), now + 30 * USEC_SEC);
        assert_int_equal(token_refresh_early_at(t, now), now + IDLE);
}

static void test_pause_as_asked(void **state) {
        static const struct koodrive_disposition quota_used = {.class = KOODRIVE_THROTTLED,
                                                               .pause = 20 * USEC_MINUTE};
        struct token_refresh *t = *state;

        replace_token(t, START, USEC_SEC);
        send_for(t, "token");
        assert_int_equal(failed(t, START, &throttled, 10 * USEC_MINUTE), TOKEN_REFRESH_EARLY);
        assert_int_equal(token_refresh_early_at(t, START), START + 10 * USEC_MINUTE);
        send_for(t, "token");
        assert_int_equal(failed(t, START, &quota_used, 10 * USEC_MINUTE), TOKEN_REFRESH_EARLY);
        assert_int_equal(token_refresh_early_at(t, START), START + 20 * USEC_MINUTE);
}

static void test_secret_is_refused(void **state) {
        struct token_refresh *t = *state;

        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
                assert_int_equal(fail_once(t, START, refusals[i]), TOKEN_REFRESH_EARLY);
                assert_true(t->secret_refused);
                assert_false(token_refresh_is_possible(t));
                token_refresh_reset(t);
                assert_true(token_refresh_is_possible(t));
        }
}

/* The token was refused before: nobody has said no, so it is tried again. */
static void test_refused_token_cannot_be_refreshed(void **state) {
        struct token_refresh *t = *state;

        assert_true(token_refresh_token_refused(t, START));
        for (size_t i = 0; i < ARRAY_LEN(no_refusals); i++) {
                assert_int_equal(fail_once(t, START, no_refusals[i]), TOKEN_REFRESH_FAILED);
                assert_true(t->token_refused);
                assert_true(token_refresh_is_possible(t));
        }
        assert_int_equal(t->failures, 0);
}

/* Neither is good any more: polls try whether that has changed. */
static void test_both_are_refused(void **state) {
        struct token_refresh *t = *state;

        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
                token_refresh_reset(t);
                assert_true(token_refresh_token_refused(t, START));
                assert_int_equal(fail_once(t, START, refusals[i]), TOKEN_REFRESH_FAILED);
                assert_false(t->token_refused);
                assert_false(token_refresh_is_possible(t));
        }
}

/* What changes while a request is in flight */

static void test_new_secret_is_kept(void **state) {
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_true(token_refresh_succeeded(t, "renewal-2", REFRESH_CARRIER));
        assert_string_equal(t->secret, "renewal-2");
        send_for(t, "token");
        assert_false(token_refresh_succeeded(t, NULL, REFRESH_CARRIER));
        assert_string_equal(t->secret, "renewal-2");
}

static void test_token_is_replaced_meanwhile(void **state) {
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_false(token_refresh_wants_token(t, "admins", REFRESH_CARRIER));
        assert_true(token_refresh_wants_token(t, "token", REFRESH_CARRIER));
        assert_true(token_refresh_wants_token(t, NULL, REFRESH_CARRIER)); /* its file has gone */
        /* The refresh secret was used up all the same. */
        assert_true(token_refresh_succeeded(t, "renewal-2", REFRESH_CARRIER));
}

static void test_secret_is_replaced_meanwhile(void **state) {
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_int_equal(token_refresh_set_secret(t, "admins"), 1);
        assert_false(token_refresh_succeeded(t, "renewal-2", REFRESH_CARRIER));
        assert_string_equal(t->secret, "admins");
        assert_true(token_refresh_wants_token(t, "token", REFRESH_CARRIER));

        /* The next one counts again. */
        send_for(t, "token");
        assert_true(token_refresh_succeeded(t, "admins-2", REFRESH_CARRIER));
        assert_string_equal(t->secret, "admins-2");
}

static void test_secret_is_removed_meanwhile(void **state) {
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_int_equal(token_refresh_set_secret(t, NULL), 1);
        assert_false(token_refresh_succeeded(t, "renewal-2", REFRESH_CARRIER));
        assert_null(t->secret);
}

/* Replaced and put back: what was asked for with is what there is. */
static void test_secret_is_put_back_meanwhile(void **state) {
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_int_equal(token_refresh_set_secret(t, "admins"), 1);
        assert_int_equal(token_refresh_set_secret(t, NULL), 1);
        assert_int_equal(token_refresh_set_secret(t, "renewal"), 1);
        assert_true(token_refresh_succeeded(t, "renewal-2", REFRESH_CARRIER));
}

/* Another kind takes another secret: a refresh token is no session id. */
static void test_kind_is_changed_meanwhile(void **state) {
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_false(token_refresh_succeeded(t, "renewal-2", REFRESH_SESSION));
        assert_string_equal(t->secret, "renewal");
        assert_true(token_refresh_wants_token(t, "token", REFRESH_SESSION));
        assert_false(token_refresh_wants_token(t, "token", REFRESH_NONE));
        assert_false(token_refresh_wants_token(t, NULL, REFRESH_NONE));
}

/* A refusal of what was replaced since means nothing, whatever the token is worth. */
static void test_refusal_is_outdated(void **state) {
        struct token_refresh *t = *state;

        for (unsigned token_refused = 0; token_refused < 2; token_refused++) {
                send_for(t, "token");
                token_refresh_reset(t);
                if (token_refused)
                        assert_true(token_refresh_token_refused(t, START));
                assert_int_equal(failed(t, START, &refused, -1), TOKEN_REFRESH_OUTDATED);
                assert_true(token_refresh_is_possible(t));
                assert_int_equal(t->token_refused, token_refused);

                /* The next one counts again. */
                assert_int_equal(fail_once(t, START, &refused),
                                 token_refused ? TOKEN_REFRESH_FAILED : TOKEN_REFRESH_EARLY);
                assert_false(token_refresh_is_possible(t));
        }
}

/* That nobody answered is no matter of a secret, and its pause is kept. */
static void test_failure_is_not_outdated(void **state) {
        struct token_refresh *t = *state;

        replace_token(t, START, USEC_SEC);
        send_for(t, "token");
        token_refresh_reset(t);
        assert_int_equal(failed(t, START, &throttled, USEC_MINUTE), TOKEN_REFRESH_EARLY);
        assert_int_equal(token_refresh_early_at(t, START), START + USEC_MINUTE);
}

static void test_refreshing_is_switched_off_meanwhile(void **state) {
        struct koodrive_answer answer = {.disposition = unreachable, .retry_after = -1};
        struct token_refresh *t = *state;

        send_for(t, "token");
        assert_int_equal(token_refresh_failed(t, START, &answer, REFRESH_NONE),
                         TOKEN_REFRESH_OUTDATED);
        assert_false(t->in_flight);
        assert_int_equal(t->failures, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_secret),
                TEST(test_four_fifths_of_the_lifetime),
                TEST(test_lifetime_is_not_known),
                TEST(test_lifetime_is_forgotten),
                TEST(test_short_lifetime),
                TEST(test_refused_is_refreshed),
                TEST(test_new_token_is_refused),
                TEST(test_early_token_is_refused),
                TEST(test_new_token_is_accepted_first),
                TEST(test_gap_between_refreshes),
                TEST(test_reset_allows_another_refresh),
                TEST(test_another_secret_ends_the_wait),
                TEST(test_early_refresh_is_tried_again),
                TEST(test_pause_and_idle_time),
                TEST(test_pause_as_asked),
                TEST(test_secret_is_refused),
                TEST(test_refused_token_cannot_be_refreshed),
                TEST(test_both_are_refused),
                TEST(test_new_secret_is_kept),
                TEST(test_token_is_replaced_meanwhile),
                TEST(test_secret_is_replaced_meanwhile),
                TEST(test_secret_is_removed_meanwhile),
                TEST(test_secret_is_put_back_meanwhile),
                TEST(test_kind_is_changed_meanwhile),
                TEST(test_refusal_is_outdated),
                TEST(test_failure_is_not_outdated),
                TEST(test_refreshing_is_switched_off_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
