/* Times for people. */
#include "common/util.h"
#include "koowatchctl/time-text.h"
#include "unit/support.h"

static void test_spans_have_one_unit(void **state) {
        static const struct {
                usec_t span;
                const char *text;
        } cases[] = {
                {-USEC_SEC, "0s"},         {0, "0s"},
                {1999 * USEC_MSEC, "1s"},  {99 * USEC_SEC, "99s"},
                {100 * USEC_SEC, "1min"},  {99 * USEC_MINUTE, "99min"},
                {100 * USEC_MINUTE, "1h"}, {47 * USEC_HOUR, "47h"},
                {48 * USEC_HOUR, "2d"},    {400 * USEC_DAY, "400d"},
        };
        char buffer[TIME_TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_string_equal(time_span_short(cases[i].span, buffer), cases[i].text);
}

static void test_what_is_to_come_is_never_said_to_be_sooner(void **state) {
        char buffer[TIME_TEXT_MAX];
        const usec_t now = 1000 * USEC_SEC;

        (void) state;
        assert_string_equal(time_until(-1, now, buffer), "-");
        assert_string_equal(time_until(now - 1, now, buffer), "now");
        assert_string_equal(time_until(now + 1, now, buffer), "1s");
        assert_string_equal(time_relative(-1, now, buffer), "-");
        assert_string_equal(time_relative(now, now, buffer), "just now");
        assert_string_equal(time_relative(now - 61 * USEC_SEC, now, buffer), "61s ago");
        assert_string_equal(time_relative(now + 61 * USEC_SEC, now, buffer), "in 61s");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_spans_have_one_unit),
                cmocka_unit_test(test_what_is_to_come_is_never_said_to_be_sooner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
