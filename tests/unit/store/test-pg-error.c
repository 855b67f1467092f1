/* PostgreSQL errors: what an SQLSTATE means, and what is shown of a message. */
#include <errno.h>

#include "koowatchd/store-postgresql/pg-error.h"
#include "unit/support.h"

static void test_numbers(void **state) {
        static const struct {
                const char *state;
                int number;
                bool ends_connection;
        } cases[] = {
                {NULL, -ENOTCONN, true},      {"57P01", -ENOTCONN, true},
                {"57P03", -ENOTCONN, true},   {"08006", -ENOTCONN, true},
                {"25006", -EROFS, true},      {"25P02", -ENOTCONN, true},
                {"28P01", -EPERM, true},      {"53100", -ENOSPC, false},
                {"57014", -ETIMEDOUT, false}, {"55P03", -ETIMEDOUT, false},
                {"KW001", -ESTALE, true},     {"23505", -EIO, false},
                {"XX001", -EIO, false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                bool ends_connection;

                assert_int_equal(pg_error_number(cases[i].state, &ends_connection),
                                 cases[i].number);
                assert_int_equal(ends_connection, cases[i].ends_connection);
        }
}

static void test_text(void **state) {
        char wide[2 * PG_ERROR_MAX];
        struct pg_error error;

        (void) state;
        pg_error_set(&error, -EIO, "connection refused\n\tIs the server running?\n");
        assert_string_equal(error.text, "connection refused");
        assert_int_equal(error.number, -EIO);
        pg_error_set(&error, -ENOMEM, NULL);
        assert_string_equal(error.text, strerror(ENOMEM));
        pg_error_set(&error, -EIO, "a\x1b[2Jb");
        assert_string_equal(error.text, "a?[2Jb");
        /* Cut, but in no character. */
        for (size_t i = 0; i + 1 < sizeof(wide); i += 2)
                memcpy(wide + i, "é", 2);
        wide[sizeof(wide) - 2] = '\0';
        pg_error_set(&error, -EIO, wide);
        assert_int_equal(strlen(error.text), PG_ERROR_MAX - 2);
        assert_true(utf8_is_valid(error.text, strlen(error.text)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
