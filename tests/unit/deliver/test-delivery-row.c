/* A delivery's row: what is read of it, whoever has written it. */
#include <json-c/json.h>

#include "common/json.h"
#include "koowatchd/deliver/delivery-row.h"
#include "unit/support.h"

/* The hooks that need not run again, as a hook runner gets them; "": none. */
static void expect_settled(const char *stored, const char *expected) {
        struct delivery_row row = {};

        delivery_row_read(&row, &(struct store_delivery){.settled = stored});
        assert_string_equal(row.settled ? json_text(row.settled, JSON_C_TO_STRING_PLAIN) : "",
                            expected);
        delivery_row_clear(&row);
        assert_null(row.settled);
}

static void test_settled_hooks(void **state) {
        (void) state;
        expect_settled(NULL, "");
        expect_settled("[]", "[]");
        expect_settled("[\"finished.d\\/10-a\",\"\u00e4\"]", "[\"finished.d\\/10-a\",\"\u00e4\"]");
}

/* A runner takes nothing else, and would never run the event's hooks: they are run once more. */
static void test_what_no_runner_would_take(void **state) {
        static const char *const texts[] = {
                "",           "null",           "{}",        "[1]", "[\"a\",null]", "[[]]", "[",
                "[\"\xff\"]", "[\"a\\u0000\"]", "[\"a\"] x",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                expect_settled(texts[i], "");
}

static void test_settling(void **state) {
        struct delivery_row row = {};

        (void) state;
        delivery_row_read(&row, &(struct store_delivery){.settled = "[\"a\"]"});
        assert_false(delivery_row_settle(&row, "a"));
        assert_true(delivery_row_settle(&row, "b"));
        assert_false(delivery_row_settle(&row, "b"));
        assert_string_equal(json_text(row.settled, JSON_C_TO_STRING_PLAIN), "[\"a\",\"b\"]");
        delivery_row_clear(&row);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settled_hooks),
                cmocka_unit_test(test_what_no_runner_would_take),
                cmocka_unit_test(test_settling),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
