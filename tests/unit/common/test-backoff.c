#include "common/backoff.h"
#include "unit/support.h"

static void test_pause_doubles_up_to_the_limit(void **state) {
        static const usec_t expected[] = {10, 20, 40, 80, 90, 90};

        (void) state;
        for (unsigned i = 0; i < ARRAY_LEN(expected); i++)
                assert_int_equal(backoff_pause(i + 1, 10, 90), expected[i]);
}

static void test_first_pause_is_within_the_limit(void **state) {
        (void) state;
        assert_int_equal(backoff_pause(1, 10, 7), 7);
        assert_int_equal(backoff_pause(5, 10, 10), 10);
}

static void test_many_failures_do_not_overflow(void **state) {
        (void) state;
        assert_int_equal(backoff_pause(63, 1, INT64_MAX), INT64_C(1) << 62);
        assert_int_equal(backoff_pause(64, 1, INT64_MAX), INT64_MAX);
        assert_int_equal(backoff_pause(UINT32_MAX, 3, INT64_MAX), INT64_MAX);
        assert_int_equal(backoff_pause(UINT32_MAX, 10, USEC_HOUR), USEC_HOUR);
}

static void test_jitter_goes_from_low_to_high(void **state) {
        (void) state;
        assert_int_equal(backoff_jitter(1000, 0.5, 1.5, 0), 500);
        assert_int_equal(backoff_jitter(1000, 0.5, 1.5, 0.5), 1000);
        assert_int_equal(backoff_jitter(1000, 0.5, 1.5, 0.999), 1499);
        assert_int_equal(backoff_jitter(1000, 1, 1.25, 0), 1000);
        assert_int_equal(backoff_jitter(1000, 1, 1.25, 0.5), 1125);
        assert_int_equal(backoff_jitter(0, 0.5, 1.5, 0.9), 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pause_doubles_up_to_the_limit),
                cmocka_unit_test(test_first_pause_is_within_the_limit),
                cmocka_unit_test(test_many_failures_do_not_overflow),
                cmocka_unit_test(test_jitter_goes_from_low_to_high),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
