/* Recent requests: against a list of all that there were. */
#include "common/util.h"
#include "koowatchd/account/recent-requests.h"
#include "unit/support.h"

#define START (5 * USEC_DAY + 123456)

static void test_none(void **state) {
        const struct recent_requests recent = {};

        (void) state;
        assert_int_equal(recent_requests_count(&recent, 0), 0);
        assert_int_equal(recent_requests_count(&recent, START), 0);
}

static void test_they_are_forgotten_after_a_minute(void **state) {
        struct recent_requests recent = {};

        (void) state;
        for (unsigned i = 0; i < 3; i++)
                recent_requests_add(&recent, START);
        recent_requests_add(&recent, START + 30 * USEC_SEC);
        assert_int_equal(recent_requests_count(&recent, START + 59 * USEC_SEC), 4);
        assert_int_equal(recent_requests_count(&recent, START + 60 * USEC_SEC), 1);
        assert_int_equal(recent_requests_count(&recent, START + 90 * USEC_SEC), 0);
        assert_int_equal(recent_requests_count(&recent, START + USEC_DAY), 0);
}

static void test_the_first_minute_of_the_machine(void **state) {
        struct recent_requests recent = {};

        (void) state;
        recent_requests_add(&recent, 0);
        recent_requests_add(&recent, 2 * USEC_SEC);
        assert_int_equal(recent_requests_count(&recent, 2 * USEC_SEC), 2);
        assert_int_equal(recent_requests_count(&recent, 61 * USEC_SEC), 1);
}

/* Pauses of all lengths, those of more than a minute among them. */
static void test_as_many_as_a_list_has(void **state) {
        static const usec_t pauses[] = {0,
                                        20 * USEC_MSEC,
                                        700 * USEC_MSEC,
                                        3 * USEC_SEC,
                                        59 * USEC_SEC,
                                        60 * USEC_SEC,
                                        USEC_HOUR};
        struct recent_requests recent = {};
        usec_t sent[2000], now = START;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
                unsigned wanted = 0;

                now += pauses[i * i % 11 % ARRAY_LEN(pauses)];
                sent[i] = now;
                recent_requests_add(&recent, now);
                for (size_t k = 0; k <= i; k++)
                        wanted += now / USEC_SEC - sent[k] / USEC_SEC < 60;
                assert_int_equal(recent_requests_count(&recent, now), wanted);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_none),
                cmocka_unit_test(test_they_are_forgotten_after_a_minute),
                cmocka_unit_test(test_the_first_minute_of_the_machine),
                cmocka_unit_test(test_as_many_as_a_list_has),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
