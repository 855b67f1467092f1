/*
 * Fields, in every way that they are written
 */
#include <errno.h>

#include "koowatchd/koodrive/field.h"
#include "unit/support.h"

struct field_case {
        const char *text;
        bool found;
        int64_t expected;
};

static void check(bool (*read)(json_object *object, const char *key, int64_t *ret),
                  const struct field_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                CLEANUP(freep) char *text = str_printf("{\"a\":%s}", cases[i].text);
                json_object *object = json_tokener_parse(text);
                int64_t value = -7;
                bool found;

                assert_non_null(object);
                errno = ERANGE; /* somebody else's */
                found = read(object, "a", &value);
                if (found != cases[i].found || (found && value != cases[i].expected))
                        fail_msg("%s: %d, %jd", cases[i].text, found, (intmax_t) value);
                assert_false(read(object, "b", &value));
                json_object_put(object);
        }
}

static void test_integers(void **state) {
        static const struct field_case cases[] = {
                {"0", true, 0},
                {"-1", true, -1},
                {"9223372036854775807", true, INT64_MAX},
                {"9223372036854775808", false},
                {"18446744073709551615", false},
                {"-9223372036854775808", true, INT64_MIN},
                {"2.0", true, 2},
                {"-2.0", true, -2},
                {"2.5", false},
                {"1e15", true, 1000000000000000},
                {"-1e15", true, -1000000000000000},
                {"1.000000000000001e15", false},
                {"-1.000000000000001e15", false},
                {"NaN", false},
                {"\"2\"", true, 2},
                {"\" 2\\t\\r\\n \"", true, 2},
                {"\"-2\"", true, -2},
                {"\"2.0\"", true, 2},
                {"\"2,00\"", true, 2},
                {"\"2.\"", true, 2},
                {"\"2.5\"", false},
                {"\"2,05\"", false},
                {"\"2.50\"", false},
                {"\"2.0x\"", false},
                {"\"2%\"", false},
                {"\"x\"", false},
                {"\"\"", false},
                {"\"9223372036854775807\"", true, INT64_MAX},
                {"\"9223372036854775808\"", false},
                {"null", false},
                {"true", false},
                {"{}", false},
                {"[2]", false},
        };

        (void) state;
        check(field_integer, cases, ARRAY_LEN(cases));
}

/* Nothing is rounded up, and what is beyond any integer is still a percentage. */
static void test_percents(void **state) {
        static const struct field_case cases[] = {
                {"45", true, 45},       {"45.5", true, 45},        {"99.999", true, 99},
                {"100.0", true, 100},   {"101.0", true, 100},      {"100.5", true, 100},
                {"1e300", true, 100},   {"-1e300", true, 0},       {"\"45\"", true, 45},
                {"\"45.9\"", true, 45}, {"\"45,9 % \"", true, 45}, {"\"45%\\t\"", true, 45},
                {"\"45%%\"", false},    {"\"45 x\"", false},       {"\"%\"", false},
                {"null", false},        {"true", false},
        };

        (void) state;
        check(field_percent, cases, ARRAY_LEN(cases));
}

static void test_ids(void **state) {
        static const struct {
                const char *text;
                bool is_other;
        } cases[] = {
                {"{\"a\":\"12\"}", false}, {"{\"a\":12}", false},   {"{\"a\":\"13\"}", true},
                {"{\"a\":13}", true},      {"{\"a\":\"\"}", true},  {"{\"a\":null}", false},
                {"{\"a\":12.0}", false},   {"{\"a\":[13]}", false}, {"{\"b\":\"13\"}", false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_object *object = json_tokener_parse(cases[i].text);

                if (field_is_other_id(object, "a", "12") != cases[i].is_other)
                        fail_msg("%s", cases[i].text);
                json_object_put(object);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_integers),
                cmocka_unit_test(test_percents),
                cmocka_unit_test(test_ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
