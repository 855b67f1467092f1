/* What is harmless on a terminal, and how wide it is. */
#include <locale.h>

#include "common/util.h"
#include "koowatchctl/text.h"
#include "unit/support.h"

static void assert_plain(const char *text, const char *expected) {
        CLEANUP(freep) char *plain = text_plain(text);

        assert_string_equal(plain, expected);
}

static void test_nothing_is_left_that_a_terminal_obeys(void **state) {
        (void) state;
        assert_plain(NULL, "");
        assert_plain("照片 é 😀", "照片 é 😀");
        assert_plain("a\033[31mb\nc\177", "a?[31mb?c?");
        assert_plain("\xc2\x9b"
                     "31m",
                     "??31m");
        assert_plain("a\xe2\x80\xae \xe2\x81\xa9\xe2\x80\xa8", "a? ?"
                                                               "?");
        assert_plain("\xff\xc3+", "?"
                                  "?+");
}

static void test_width_is_in_columns(void **state) {
        (void) state;
        assert_int_equal(text_width(""), 0);
        assert_int_equal(text_width("abc"), 3);
        assert_int_equal(text_width("照片"), 4);
        assert_int_equal(text_width("é"), 1);
        assert_int_equal(text_width("e\xcc\x81"), 1); /* a combining accent */
}

static void assert_put(const char *text, unsigned width, bool right, const char *expected) {
        CLEANUP(freep) char *written = NULL;
        size_t length;
        FILE *out = open_memstream(&written, &length);

        assert_non_null(out);
        text_put(out, text, width, right);
        (void) fclose(out);
        assert_string_equal(written, expected);
}

static void test_text_is_padded_or_cut(void **state) {
        (void) state;
        assert_put("ab", 4, false, "ab  ");
        assert_put("ab", 4, true, "  ab");
        assert_put("abcd", 4, false, "abcd");
        assert_put("abcde", 4, false, "abc…");
        assert_put("照片照片", 8, false, "照片照片");
        assert_put("照片照片", 7, false, "照片照…");
        assert_put("照片照片", 6, false, "照片… "); /* half a character is none */
        assert_put("照片", 1, false, "…");
        assert_put("照片", 0, false, "");
}

static void assert_line(const char *line, unsigned width, const char *expected) {
        CLEANUP(freep) char *written = NULL;
        size_t length;
        FILE *out = open_memstream(&written, &length);

        assert_non_null(out);
        text_put_line(out, line, strcspn(line, "\n"), width);
        (void) fclose(out);
        assert_string_equal(written, expected);
}

static void test_of_a_line_what_fits_and_its_colours(void **state) {
        (void) state;
        assert_line("照片 a\nb", 6, "照片 a\n");
        assert_line("照片 a\nb", 3, "照\n");
        assert_line("ab\033[32mcd\033[0mef\033[1m", 6, "ab\033[32mcd\033[0mef\033[1m\n");
        assert_line("ab\033[32mcd\033[0mef\033[1m", 3, "ab\033[32mc\033[0m\033[1m\n");
        assert_line("a\033[3\nb", 3, "a\033[3\n");
        assert_line("", 3, "\n");
}

static void test_json_is_escaped_where_a_terminal_would_obey(void **state) {
        CLEANUP(freep) char *written = NULL;
        size_t length;
        FILE *out = open_memstream(&written, &length);

        (void) state;
        assert_non_null(out);
        text_put_json(out, "{\"照片\":\"a\\n\xc2\x9b\x7f\xe2\x80\xae😀\"}");
        (void) fclose(out);
        assert_string_equal(written, "{\"照片\":\"a\\n\\u009b\\u007f\\u202e😀\"}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_left_that_a_terminal_obeys),
                cmocka_unit_test(test_width_is_in_columns),
                cmocka_unit_test(test_text_is_padded_or_cut),
                cmocka_unit_test(test_of_a_line_what_fits_and_its_colours),
                cmocka_unit_test(test_json_is_escaped_where_a_terminal_would_obey),
        };

        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
