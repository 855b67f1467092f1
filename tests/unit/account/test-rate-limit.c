/* The rate: what it lets through in any period, whatever the order of events. */
#include "koowatchd/account/rate-limit.h"
#include "unit/support.h"

#define SENDS 200

static int tear_down(void **state) {
        struct rate_limiter *rate = *state;

        rate_limiter_clear(rate);
        free(rate);
        return 0;
}

static int set_up(void **state) {
        *state = calloc(1, sizeof(struct rate_limiter));
        assert_non_null(*state);
        return 0;
}

static void set_limit(struct rate_limiter *rate, unsigned count, usec_t period) {
        assert_int_equal(rate_limiter_set_limit(rate, (struct rate_limit){count, period}), 0);
}

/* Sends as fast as is allowed from now on; ret has the times. */
static void send_eagerly(struct rate_limiter *rate, usec_t now, usec_t *ret, size_t n) {
        for (size_t i = 0; i < n; i++) {
                now = MAX(now, rate_limiter_next(rate, false));
                rate_limiter_take(rate, now);
                ret[i] = now;
        }
}

static void test_first_at_once(void **state) {
        struct rate_limiter *rate = *state;

        set_limit(rate, 10, USEC_SEC);
        assert_true(rate_limiter_next(rate, false) <= 0);
}

/* Also right after it has been idle, which is where a bucket of tokens lets more through. */
static void test_never_over_the_limit(void **state) {
        static const struct rate_limit limits[] = {
                {10, USEC_SEC}, {1, USEC_SEC}, {1, 30 * USEC_SEC}, {100, USEC_MINUTE}, {7, 1234567},
        };
        struct rate_limiter *rate = *state;
        usec_t sent[SENDS];

        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
                set_limit(rate, limits[i].count, limits[i].period);
                send_eagerly(rate, (usec_t) (i + 1) * USEC_DAY, sent, SENDS / 2);
                send_eagerly(rate, sent[SENDS / 2 - 1] + limits[i].period * 3 / 4, sent + SENDS / 2,
                             SENDS / 2);
                for (size_t k = limits[i].count; k < SENDS; k++)
                        assert_true(sent[k] - sent[k - limits[i].count] > limits[i].period);
        }
}

/* Polite, but not slower than it has to be. */
static void test_limit_is_used(void **state) {
        struct rate_limiter *rate = *state;
        usec_t sent[101];

        set_limit(rate, 10, USEC_SEC);
        send_eagerly(rate, USEC_DAY, sent, ARRAY_LEN(sent));
        assert_int_equal(sent[0], USEC_DAY);
        assert_true(sent[9] <= USEC_DAY + USEC_SEC / 2);
        assert_in_range(sent[100] - sent[0], 10 * USEC_SEC, 11 * USEC_SEC);
}

/* What the first requests of a burst find out stops the others. */
static void test_gap(void **state) {
        static const struct {
                struct rate_limit limit;
                usec_t gap;
        } cases[] = {
                {{10, USEC_SEC}, 50 * USEC_MSEC},     /* half of an even spacing */
                {{20, USEC_SEC}, 25 * USEC_MSEC},     /* likewise */
                {{1000, USEC_SEC}, 500},              /* likewise */
                {{2, USEC_SEC}, 50 * USEC_MSEC},      /* never more than that */
                {{100, USEC_MINUTE}, 50 * USEC_MSEC}, /* likewise */
                {{1000, USEC_MSEC}, 0},               /* less than the clock can tell */
        };
        struct rate_limiter *rate = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                usec_t now = (usec_t) (i + 1) * USEC_DAY;

                set_limit(rate, cases[i].limit.count, cases[i].limit.period);
                assert_true(rate_limiter_next(rate, false) <= now);
                rate_limiter_take(rate, now);
                assert_int_equal(rate_limiter_next(rate, false), now + cases[i].gap);
                assert_int_equal(rate_limiter_next(rate, true),
                                 now + (cases[i].gap < 5 * USEC_MSEC ? 0 : cases[i].gap));
        }
}

/* Without gaps it is the same limit. */
static void test_together_within_the_limit(void **state) {
        struct rate_limiter *rate = *state;
        usec_t now = USEC_DAY;

        set_limit(rate, 200, USEC_SEC);
        for (unsigned i = 0; i < 200; i++) {
                assert_true(rate_limiter_next(rate, true) <= now);
                rate_limiter_take(rate, now);
        }
        assert_true(rate_limiter_next(rate, true) > now + USEC_SEC);
}

/* The window alone decides when less is allowed: two at once are no burst. */
static void test_no_gap_when_halved(void **state) {
        struct rate_limiter *rate = *state;

        set_limit(rate, 10, USEC_SEC);
        rate_limiter_halve(rate);
        for (unsigned i = 0; i < 5; i++) {
                assert_true(rate_limiter_next(rate, false) <= USEC_DAY);
                rate_limiter_take(rate, USEC_DAY);
        }
        assert_true(rate_limiter_next(rate, false) > USEC_DAY + USEC_SEC);
}

static void test_time_from_zero(void **state) {
        struct rate_limiter *rate = *state;

        set_limit(rate, 2, USEC_SEC);
        rate_limiter_take(rate, 0);
        assert_int_equal(rate_limiter_next(rate, false), 50 * USEC_MSEC);
        rate_limiter_take(rate, 0);
        assert_in_range(rate_limiter_next(rate, false), USEC_SEC, USEC_SEC * 11 / 10);
}

/* The time that n sends take, with nothing noted before. */
static usec_t span_of(struct rate_limiter *rate, size_t n) {
        usec_t sent[SENDS], begin = rate_limiter_next(rate, false) + USEC_DAY;

        assert_in_range(n, 1, SENDS - 1);
        send_eagerly(rate, begin, sent, n + 1);
        return sent[n] - sent[0];
}

static void test_halves_and_recovers(void **state) {
        struct rate_limiter *rate = *state;
        usec_t whole, last;

        set_limit(rate, 64, USEC_SEC);
        last = whole = span_of(rate, 128);
        for (unsigned i = 0; i < 6; i++) {
                usec_t now;

                rate_limiter_halve(rate);
                now = span_of(rate, 128);
                assert_in_range(now, last * 19 / 10, last * 21 / 10);
                last = now;
        }
        rate_limiter_halve(rate);
        assert_int_equal(span_of(rate, 128), last);

        for (unsigned i = 0; i < 6; i++)
                rate_limiter_recover(rate);
        assert_int_equal(span_of(rate, 128), whole);
        rate_limiter_recover(rate);
        assert_int_equal(span_of(rate, 128), whole);
}

/* A limit of one cannot be halved in number. */
static void test_halves_one(void **state) {
        struct rate_limiter *rate = *state;
        usec_t last;

        set_limit(rate, 1, USEC_SEC);
        last = span_of(rate, 10);
        for (unsigned i = 0; i < 6; i++) {
                usec_t now;

                rate_limiter_halve(rate);
                now = span_of(rate, 10);
                assert_in_range(now, last * 19 / 10, last * 21 / 10);
                last = now;
        }
        assert_in_range(last, 64 * 10 * USEC_SEC, 66 * 10 * USEC_SEC);
}

/* A reload must be no way around the limit. */
static void test_new_limit_remembers(void **state) {
        static const unsigned counts[] = {1, 3, 4, 5, 8, 50};
        struct rate_limiter *rate = *state;

        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
                usec_t now = (usec_t) (i + 1) * USEC_DAY;
                unsigned allowed = 0;

                set_limit(rate, 4, USEC_SEC);
                for (unsigned k = 0; k < 4; k++)
                        rate_limiter_take(rate, now + k);
                set_limit(rate, counts[i], USEC_SEC);
                while (rate_limiter_next(rate, false) < now + USEC_SEC) {
                        rate_limiter_take(rate, MAX(now + 4, rate_limiter_next(rate, false)));
                        allowed++;
                }
                assert_int_equal(allowed, counts[i] > 4 ? counts[i] - 4 : 0);
        }
}

static void test_new_period(void **state) {
        struct rate_limiter *rate = *state;

        set_limit(rate, 1, USEC_SEC);
        rate_limiter_take(rate, USEC_DAY);
        set_limit(rate, 1, USEC_MINUTE);
        assert_in_range(rate_limiter_next(rate, false), USEC_DAY + USEC_MINUTE,
                        USEC_DAY + USEC_MINUTE * 11 / 10);
}

static void test_new_limit_stays_throttled(void **state) {
        struct rate_limiter *rate = *state;
        usec_t half;

        set_limit(rate, 10, USEC_SEC);
        rate_limiter_halve(rate);
        half = span_of(rate, 50);
        set_limit(rate, 20, 2 * USEC_SEC);
        assert_in_range(span_of(rate, 50), half * 8 / 10, half * 12 / 10);
}

/* Also where the ring has been written round, and the next one is not at its begin. */
static void test_new_limit_remembers_in_order(void **state) {
        static const unsigned counts[] = {2, 3, 5};
        struct rate_limiter *rate = *state;

        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
                usec_t now = (usec_t) (i + 1) * USEC_DAY, first = now + 2 * 10 * USEC_SEC;

                set_limit(rate, 4, USEC_MINUTE);
                for (unsigned k = 0; k < 6; k++)
                        rate_limiter_take(rate, now + k * 10 * USEC_SEC);
                /* Of 2 it is the oldest of the last two that has to leave the window, ... */
                set_limit(rate, counts[i], USEC_MINUTE);
                if (counts[i] < 4)
                        first = now + (6 - counts[i]) * 10 * USEC_SEC;
                if (counts[i] <= 4)
                        assert_in_range(rate_limiter_next(rate, false), first + USEC_MINUTE,
                                        first + USEC_MINUTE * 11 / 10);
                else /* ... of 5 there is one left */
                        assert_true(rate_limiter_next(rate, false) <= now + USEC_MINUTE);
                rate_limiter_clear(rate);
        }
}

static void test_cleared_twice(void **state) {
        struct rate_limiter *rate = *state;

        set_limit(rate, 4, USEC_MINUTE);
        rate_limiter_take(rate, USEC_DAY);
        rate_limiter_clear(rate);
        rate_limiter_clear(rate);
        set_limit(rate, 1, USEC_SEC); /* as new */
        assert_true(rate_limiter_next(rate, false) <= 0);
}

/* A network may shorten what lies between two requests: 2 % are left to it. */
static void test_the_window_is_wider(void **state) {
        struct rate_limiter *rate = *state;

        set_limit(rate, 1, USEC_MINUTE);
        rate_limiter_take(rate, USEC_DAY);
        assert_int_equal(rate_limiter_next(rate, false), USEC_DAY + USEC_MINUTE + USEC_MINUTE / 50);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_first_at_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_never_over_the_limit, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_limit_is_used, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_together_within_the_limit, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_gap, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_gap_when_halved, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_time_from_zero, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_halves_and_recovers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_halves_one, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_new_limit_remembers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_new_period, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_new_limit_stays_throttled, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_new_limit_remembers_in_order, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_cleared_twice, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_window_is_wider, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
