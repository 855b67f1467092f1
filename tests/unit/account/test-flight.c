/* How many requests may be on their way. */
#include "koowatchd/account/flight.h"
#include "unit/support.h"

#define MOST 64

/* Sends as many as may go at now. Returns how many that were. */
static unsigned send_all(struct flight *f, usec_t now) {
        unsigned n = 0;

        for (; flight_next(f, MOST) <= now && flight_may_join(f); n++)
                flight_sent(f, now, false);
        return n;
}

static void end(struct flight *f, unsigned n, bool good) {
        for (; n > 0; n--)
                flight_ended(f, good);
}

static void test_the_first_of_all_goes_alone(void **state) {
        struct flight f = {};

        (void) state;
        assert_int_equal(flight_next(&f, MOST), 0);
        flight_sent(&f, USEC_DAY, true);
        assert_int_equal(flight_next(&f, MOST), USEC_DAY + 2 * USEC_SEC); /* not for ever */
        flight_ended(&f, false);
        assert_int_equal(flight_next(&f, MOST), 0);
}

static void test_a_server_that_is_gone(void **state) {
        struct flight f = {};

        (void) state;
        assert_int_equal(send_all(&f, 1), FLIGHT_FEW);
        assert_int_equal(flight_next(&f, MOST), 0); /* if it is slow, they follow one by one */
        end(&f, FLIGHT_FEW, false);
        assert_false(flight_may_join(&f));
        flight_sent(&f, 1, false);
        flight_ended(&f, true);
        assert_int_equal(send_all(&f, 1), FLIGHT_FEW);
}

/* Twice as many with each round trip, up to the most that is allowed. */
static void test_a_server_that_answers(void **state) {
        struct flight f = {};
        unsigned n = send_all(&f, 1), rounds = 0;

        (void) state;
        for (; f.count < MOST && rounds < 10; rounds++) {
                unsigned count = f.count;

                end(&f, count, true);
                f.count = 1; /* another one has just gone: there was no pause */
                (void) send_all(&f, 1);
                assert_in_range(f.count, MIN(2 * count, MOST), MIN(2 * count + 1, MOST));
        }
        assert_int_equal(n, FLIGHT_FEW);
        assert_in_range(rounds, 4, 5);
        assert_int_equal(flight_next(&f, MOST), USEC_INFINITY);
        flight_ended(&f, true);
        assert_int_equal(send_all(&f, 1), 1);
}

static void test_few_after_a_pause_or_a_failure(void **state) {
        struct flight f = {};

        (void) state;
        for (int failed = 0; failed < 2; failed++) {
                while (f.count < 20) {
                        (void) send_all(&f, 1);
                        flight_ended(&f, true);
                }
                if (failed) {
                        flight_ended(&f, false);
                        assert_int_equal(send_all(&f, 1), 0);
                }
                end(&f, f.count, true);
                assert_int_equal(send_all(&f, 1), FLIGHT_FEW);
        }
}

static void test_fewer_where_fewer_are_allowed(void **state) {
        struct flight f = {};

        (void) state;
        flight_sent(&f, 1, false);
        assert_int_equal(flight_next(&f, 1), USEC_INFINITY);
        assert_int_equal(flight_next(&f, 2), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_first_of_all_goes_alone),
                cmocka_unit_test(test_a_server_that_is_gone),
                cmocka_unit_test(test_a_server_that_answers),
                cmocka_unit_test(test_few_after_a_pause_or_a_failure),
                cmocka_unit_test(test_fewer_where_fewer_are_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
