#include <limits.h>

#include "common/log-fields.h"
#include "unit/support.h"

static void test_texts_and_numbers_in_their_order(void **state) {
        struct log_fields f = {};

        (void) state;
        log_fields_add(&f, "A", "a");
        log_fields_add_number(&f, "B", 0);
        log_fields_add(&f, "C", NULL);
        log_fields_add_number(&f, "D", -1);
        log_fields_add_number(&f, "E", LONG_MAX);

        assert_int_equal(f.count, 3);
        assert_string_equal(f.list[0].name, "A");
        assert_string_equal(f.list[0].value, "a");
        assert_string_equal(f.list[1].name, "B");
        assert_string_equal(f.list[1].value, "0");
        assert_string_equal(f.list[2].name, "E");
        assert_string_equal(f.list[2].value, "9223372036854775807");
}

static void test_what_is_too_much_is_left_out(void **state) {
        struct log_fields f = {};

        (void) state;
        for (int i = 0; i < LOG_NUMBERS_MAX + 1; i++)
                log_fields_add_number(&f, "NUMBER", i);
        assert_int_equal(f.count, LOG_NUMBERS_MAX);
        for (int i = 0; i < LOG_FIELDS_MAX + 1; i++)
                log_fields_add(&f, "TEXT", "a");
        assert_int_equal(f.count, LOG_FIELDS_MAX);
        assert_string_equal(f.list[LOG_NUMBERS_MAX - 1].value, "5");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_texts_and_numbers_in_their_order),
                cmocka_unit_test(test_what_is_too_much_is_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
