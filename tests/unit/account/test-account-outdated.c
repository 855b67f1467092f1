/* Answers to requests that were in flight when the account changed. */
#include "unit/account/account-fixture.h"

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
                cmocka_unit_test(test_outdated_answers_in_each_state),
                TEST(test_outdated_answers_are_counted),
                TEST(test_request_after_the_change_is_news),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
