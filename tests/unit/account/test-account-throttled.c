/* An account that is throttled: pauses, and a rate that recovers. */
#include "unit/account/account-fixture.h"

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

/* The first ten seconds of good answers are at half the rate, and then it is whole. */
static void test_throttled_half_the_rate_for_ten_seconds(void **state) {
        struct fixture *f = *state;
        usec_t begin;
        unsigned halved = 0, whole;

        f->settings.rate_limit = (struct rate_limit){64, USEC_SEC};
        configure(f);
        (void) wait_out(f);
        ask_throttled(f, USEC_SEC, -1);
        (void) wait_out(f);
        ask_task(f, 0, &good);
        begin = f->now;
        for (; wait_out(f) >= 0 && f->now < begin + 10 * USEC_SEC; halved++)
                ask_task(f, 0, &good);
        assert_in_range(halved, 310, 352);
        ask_task(f, 0, &good);
        whole = sends_in_two_seconds(f);
        assert_in_range(whole, 64 + 48, 64 + 72);
}

/* Three failures make it unreachable; a throttling before is none of them. */
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

/* One of several that went out together after the pause is answered, the next one is not. */
static void test_throttled_once_more_behind_a_good_answer(void **state) {
        struct fixture *f = *state;
        uint64_t sent;

        ask_backoff(f, 0, &throttled);
        (void) wait_out(f);
        send_one(f);
        f->now = MAX(f->now, account_next(f->account));
        sent = send_one(f);
        f->now += USEC_MSEC;
        assert_int_equal(answered(f, sent, 0, &good), ACCOUNT_VERDICT_NOT_ACCOUNT);
        assert_int_equal(answered(f, sent, 1, &throttled), ACCOUNT_VERDICT_BACKOFF);
        assert_int_equal(account_state(f->account), ACCOUNT_THROTTLED);
        assert_true(wait_out(f) >= 5 * USEC_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_throttled_as_asked),
                TEST(test_throttled_without_hint),
                TEST(test_throttled_burst_counts_once),
                TEST(test_throttled_again_counts_once),
                TEST(test_throttled_silence_holds),
                TEST(test_throttled_rate_recovers),
                TEST(test_throttled_half_the_rate_for_ten_seconds),
                TEST(test_throttled_then_unreachable),
                TEST(test_throttled_once_more_behind_a_good_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
