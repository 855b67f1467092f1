/* Spans and stamps as text. */
#include <errno.h>

#include "common/timespan.h"
#include "common/util.h"
#include "unit/support.h"

static void test_parse_valid(void **state) {
        static const struct {
                const char *text;
                usec_t span;
        } cases[] = {
                {"0", 0},
                {"90", 90 * USEC_SEC},
                {"1500ms", 1500 * USEC_MSEC},
                {"2min 30s", 150 * USEC_SEC},
                {"2min30s", 150 * USEC_SEC},
                {"2 min 30 s", 150 * USEC_SEC},
                {"  1h\t", USEC_HOUR},
                {"2min 30", 150 * USEC_SEC},
                {"5 10", 15 * USEC_SEC},
                {"1.5h", 90 * USEC_MINUTE},
                {".5s", 500 * USEC_MSEC},
                {"0.1s", 100 * USEC_MSEC},
                {"0.000001s", 1},
                {"0.0000019s", 1},
                {"7usec", 7},
                {"7us", 7},
                {"7\xC2\xB5s", 7},
                {"7\xCE\xBCs", 7},
                {"7msec", 7 * USEC_MSEC},
                {"7s", 7 * USEC_SEC},
                {"7sec", 7 * USEC_SEC},
                {"1second", USEC_SEC},
                {"7seconds", 7 * USEC_SEC},
                {"7m", 7 * USEC_MINUTE},
                {"7min", 7 * USEC_MINUTE},
                {"7minute", 7 * USEC_MINUTE},
                {"7minutes", 7 * USEC_MINUTE},
                {"7h", 7 * USEC_HOUR},
                {"7hr", 7 * USEC_HOUR},
                {"7hour", 7 * USEC_HOUR},
                {"7hours", 7 * USEC_HOUR},
                {"7d", 7 * USEC_DAY},
                {"7day", 7 * USEC_DAY},
                {"7days", 7 * USEC_DAY},
                {"2w", 14 * USEC_DAY},
                {"2week", 14 * USEC_DAY},
                {"2weeks", 14 * USEC_DAY},
                {"1M", 2629800 * USEC_SEC},
                {"1month", 2629800 * USEC_SEC},
                {"12months", 31557600 * USEC_SEC},
                {"1y", 31557600 * USEC_SEC},
                {"1year", 31557600 * USEC_SEC},
                {"2years", 2 * 31557600 * USEC_SEC},
                {"9223372036854775806us", INT64_MAX - 1},
                {"infinity", USEC_INFINITY},
                {" infinity ", USEC_INFINITY},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                usec_t span = -1;
                int r = timespan_parse(cases[i].text, &span);

                if (r != 0 || span != cases[i].span)
                        fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long) span);
        }
}

static void test_parse_invalid(void **state) {
        static const struct {
                const char *text;
                int error;
        } cases[] = {
                {"", -EINVAL},
                {" ", -EINVAL},
                {"-1", -EINVAL},
                {"+1", -EINVAL},
                {"s", -EINVAL},
                {"5x", -EINVAL},
                {"5S", -EINVAL},
                {"5.", -EINVAL},
                {"5.s", -EINVAL},
                {".", -EINVAL},
                {"1.3.1s", -EINVAL},
                {"1,5s", -EINVAL},
                {"1s-2s", -EINVAL},
                {"2min s", -EINVAL},
                {"infinity 5s", -EINVAL},
                {"5s infinity", -EINVAL},
                {"infinityx", -EINVAL},
                {"0x10", -EINVAL},
                {"9223372036854775807us", -ERANGE}, /* infinity, but not by name */
                {"9223372036854775808us", -ERANGE},
                {"99999999999999999999", -ERANGE},
                {"9223372036855", -ERANGE},
                {"300000y", -ERANGE},
                {"200000y 200000y", -ERANGE},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                usec_t span = 42;
                int r = timespan_parse(cases[i].text, &span);

                if (r != cases[i].error || span != 42)
                        fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long) span);
        }
}

/* Cut, where there is too little room, and nothing behind it is written. */
static void test_format_without_room(void **state) {
        static const char whole[] = "1d 2h 3min 4s 5ms 6us";
        const usec_t span =
                USEC_DAY + 2 * USEC_HOUR + 3 * USEC_MINUTE + 4 * USEC_SEC + 5 * USEC_MSEC + 6;

        (void) state;
        for (size_t size = 1; size <= sizeof(whole); size++) {
                CLEANUP(freep) char *exact = malloc(size);

                assert_non_null(exact);
                assert_ptr_equal(timespan_format(span, exact, size), exact);
                assert_int_equal(strlen(exact), size - 1);
                assert_memory_equal(exact, whole, size - 1);
        }
}

static void test_format(void **state) {
        static const struct {
                usec_t span;
                const char *text;
        } cases[] = {
                {0, "0s"},
                {1, "1us"},
                {1500 * USEC_MSEC, "1s 500ms"},
                {150 * USEC_SEC, "2min 30s"},
                {90 * USEC_MINUTE, "1h 30min"},
                {7 * USEC_DAY, "7d"},
                {USEC_INFINITY, "infinity"},
                {INT64_MAX - 1, "106751991d 4h 54s 775ms 806us"},
        };
        char buffer[64];

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                usec_t again = -1;

                assert_string_equal(timespan_format(cases[i].span, buffer, sizeof(buffer)),
                                    cases[i].text);
                assert_int_equal(timespan_parse(buffer, &again), 0);
                assert_true(again == cases[i].span);
        }
}

static void test_add(void **state) {
        (void) state;
        assert_true(usec_add(1, 2) == 3);
        assert_true(usec_add(USEC_INFINITY, 0) == USEC_INFINITY);
        assert_true(usec_add(5, USEC_INFINITY) == USEC_INFINITY);
        assert_true(usec_add(USEC_INFINITY - 1, 2) == USEC_INFINITY);
}

static void test_timestamp(void **state) {
        char buffer[32];

        (void) state;
        assert_string_equal(
                timestamp_format(1747708152 * USEC_SEC + 999999, buffer, sizeof(buffer)),
                "2025-05-20T02:29:12Z");
        assert_string_equal(timestamp_format(0, buffer, sizeof(buffer)), "1970-01-01T00:00:00Z");
        assert_non_null(strchr(timestamp_format(INT64_MAX, buffer, sizeof(buffer)), 'Z'));
}

static void test_clocks(void **state) {
        usec_t boot = clock_boot();

        (void) state;
        assert_true(boot > 0);
        assert_true(clock_boot() >= boot);
        assert_true(clock_wall() > 1700000000 * USEC_SEC);
}

/* The last one that there is, and what would be beyond. */
static void test_the_last_microsecond(void **state) {
        char buffer[8];
        usec_t span;

        (void) state;
        assert_int_equal(timespan_parse("9223372036854.775806s", &span), 0);
        assert_int_equal(span, INT64_MAX - 1);
        assert_int_equal(timespan_parse("9223372036854.999999s", &span), -ERANGE);
        assert_string_equal(timestamp_format(0, buffer, sizeof(buffer)), ""); /* no room */
}

static void test_timestamps_are_read_as_utc(void **state) {
        (void) state;
        assert_int_equal(timestamp_parse("1970-01-01T00:00:01Z"), USEC_SEC);
        assert_int_equal(timestamp_parse("2025-05-20T02:29:12Z"), 1747708152 * USEC_SEC);
        assert_int_equal(timestamp_parse("1970-01-01T00:00:01.25Z"), 1250000);
        assert_int_equal(timestamp_parse(NULL), -1);
        assert_int_equal(timestamp_parse(""), -1);
        assert_int_equal(timestamp_parse("2025-05-20T02:29:12"), -1);
        assert_int_equal(timestamp_parse("2025-05-20T02:29:12+01:00"), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_timestamps_are_read_as_utc),
                cmocka_unit_test(test_parse_valid),
                cmocka_unit_test(test_parse_invalid),
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_format_without_room),
                cmocka_unit_test(test_add),
                cmocka_unit_test(test_timestamp),
                cmocka_unit_test(test_clocks),
                cmocka_unit_test(test_the_last_microsecond),
                cmocka_unit_test(test_clocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
