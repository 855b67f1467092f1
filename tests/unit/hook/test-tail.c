/* The last of what a hook has printed: whole lines, valid UTF-8, and never too much. */
#include "koowatch-hook/tail.h"
#include "unit/support.h"

static char written[TAIL_MAX + 1];

static void add(struct tail *t, const char *text) {
        tail_add(t, text, strlen(text));
}

static const char *text_of(const struct tail *t) {
        tail_write(t, written);
        return written;
}

static void test_little_is_kept_as_it_is(void **state) {
        struct tail t = {};

        (void) state;
        assert_string_equal(text_of(&t), "");
        add(&t, "one\n");
        assert_string_equal(text_of(&t), "one");
        add(&t, "\ntwo é");
        assert_string_equal(text_of(&t), "one\n\ntwo é");
        add(&t, "\n\n");
        assert_string_equal(text_of(&t), "one\n\ntwo é");
}

static void test_of_much_the_last_lines_are_kept(void **state) {
        struct tail t = {};
        char line[32];

        (void) state;
        for (unsigned i = 0; i < 10000; i++) {
                (void) snprintf(line, sizeof(line), "line %06u\n", i); /* 12 bytes */
                add(&t, line);
                assert_non_null(str_after(text_of(&t), "line "));
                assert_true(strlen(written) <= TAIL_MAX);
        }
        assert_int_equal(strlen(written), 12 * 170 - 1);
        assert_true(str_ends_with(written, "\nline 009999"));
        assert_non_null(str_after(written, "line 009830\n"));
}

/* Where it is cut there may be a line's end already. */
static void test_lines_that_fill_it(void **state) {
        struct tail t = {};

        (void) state;
        for (unsigned i = 0; i < 1000; i++)
                add(&t, i % 2 ? "odd line 123456\n" : "even line 12345\n"); /* 16 bytes */
        add(&t, "x"); /* with its newline the last one is outside */
        assert_int_equal(strlen(text_of(&t)), TAIL_MAX - 15);
        add(&t, "234567890123456");
        assert_int_equal(strlen(text_of(&t)), TAIL_MAX);
        assert_non_null(str_after(written, "odd line"));
}

/* A line that is longer than all is begins within a character nowhere. */
static void test_a_long_line_is_cut_between_characters(void **state) {
        char line[8192];

        (void) state;
        for (size_t shift = 0; shift < 4; shift++) {
                struct tail t = {};

                add(&t, "before\n");
                memset(line, 'a', shift);
                line[shift] = '\0';
                while (strlen(line) < 6000)
                        (void) strcat(line, "é€🗃"); /* NOLINT */
                add(&t, line);
                assert_non_null(text_of(&t));
                assert_true(strlen(written) > TAIL_MAX - 4);
                assert_true(utf8_is_valid(written, strlen(written)));
                assert_null(strchr(written, '?'));
                assert_true(str_ends_with(line, written));
        }
}

static void test_what_is_no_text_is_shown(void **state) {
        struct tail t = {};

        (void) state;
        tail_add(&t, "a\0\xff\xc3 b\xe2\x82", 8);
        assert_string_equal(text_of(&t), "a??? b??");
}

/* Also such a byte at each place where it is cut. */
static void test_bytes_are_cut_anywhere(void **state) {
        (void) state;
        for (size_t n = TAIL_MAX - 5; n < 3 * TAIL_MAX; n++) {
                struct tail t = {};

                for (size_t i = 0; i < n; i++)
                        tail_add(&t, i % 7 == 0 ? "\x82" : "\xe2", 1);
                assert_true(strlen(text_of(&t)) <= TAIL_MAX);
                assert_int_equal(strspn(written, "?"), strlen(written));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_little_is_kept_as_it_is),
                cmocka_unit_test(test_of_much_the_last_lines_are_kept),
                cmocka_unit_test(test_lines_that_fill_it),
                cmocka_unit_test(test_a_long_line_is_cut_between_characters),
                cmocka_unit_test(test_what_is_no_text_is_shown),
                cmocka_unit_test(test_bytes_are_cut_anywhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
