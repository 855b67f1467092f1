/*
 * The INI reader: each case is a text and the trace of what the reader made of
 * it, one line a callback: "LINE [section]", "LINE section|key|value", "LINE! text".
 */
#include <errno.h>

#include "common/ini.h"
#include "common/util.h"
#include "unit/support.h"

struct trace {
        FILE *out;
        size_t value_length; /* of the last value */
        int stop;            /* what a key named "stop" returns */
};

static int on_key(void *userdata, unsigned line, const char *section, const char *key,
                  const char *value) {
        struct trace *trace = userdata;

        trace->value_length = strlen(value);
        (void) fprintf(trace->out, "%u %s|%s|%.40s\n", line, section, key, value);
        return streq(key, "stop") ? trace->stop : 0;
}

static int on_section(void *userdata, unsigned line, const char *section) {
        struct trace *trace = userdata;

        (void) fprintf(trace->out, "%u [%s]\n", line, section);
        return 0;
}

static void on_error(void *userdata, unsigned line, const char *text) {
        struct trace *trace = userdata;

        (void) fprintf(trace->out, "%u! %s\n", line, text);
}

static int run(const char *text, size_t length, struct trace *trace, char **ret) {
        const struct ini_handler handler = {on_key, on_section, on_error, trace};
        size_t size;
        int r;

        trace->out = open_memstream(ret, &size);
        assert_non_null(trace->out);
        r = ini_parse(text, length, &handler);
        assert_int_equal(fclose(trace->out), 0);
        return r;
}

static void expect_bytes(const char *text, size_t length, const char *expected) {
        CLEANUP(freep) char *result = NULL;
        struct trace trace = {0};

        assert_int_equal(run(text, length, &trace, &result), 0);
        assert_string_equal(result, expected);
}

static void expect(const char *text, const char *expected) {
        expect_bytes(text, strlen(text), expected);
}

static void test_plain(void **state) {
        (void) state;
        expect("", "");
        expect("\n\n", "");
        expect("a=1", "1 |a|1\n");
        expect("[S]\na=1\nb = 2 \n", "1 [S]\n2 S|a|1\n3 S|b|2\n");
        expect(" \t[ A b ] \n\t a\t=\tx y \n", "1 [A b]\n2 A b|a|x y\n");
        expect("[S]\na=\na=b=c\n", "1 [S]\n2 S|a|\n3 S|a|b=c\n");
        expect("[S]\n[T]\n", "1 [S]\n2 [T]\n");
        expect("a=\"quoted\" # no comment\n", "1 |a|\"quoted\" # no comment\n");
        expect("a=[x]\n", "1 |a|[x]\n");
}

static void test_comments(void **state) {
        (void) state;
        expect("# one\n; two\n  # three\na=1\n", "4 |a|1\n");
        expect("#\n ;\na=1\n", "3 |a|1\n");
        expect("# a comment goes on for no backslash \\\na=1\n", "2 |a|1\n");
}

static void test_continuation(void **state) {
        (void) state;
        expect("a=1 \\\n  2\\\n3\nb=4\n", "1 |a|1  2 3\n4 |b|4\n");
        expect("a=1\\\n# comment \\\n; another\n2\nb=3\n", "1 |a|1 2\n5 |b|3\n");
        expect("a=1\\\n\nb=2\n", "1 |a|1\n3 |b|2\n");
        expect("a=1\\", "1 |a|1\n");
        expect("a=1\\\n# the end", "1 |a|1\n");
        expect("\\\na=1\n", "1 |a|1\n");
        expect("[S\\\nT]\n", "1 [S T]\n");
        /* An even number of backslashes is so many backslashes. */
        expect("a=1\\\\\nb=2\n", "1 |a|1\\\\\n2 |b|2\n");
        expect("a=1\\\\\\\nb=2\n", "1 |a|1\\\\ b=2\n");
        /* One that blanks follow ends nothing. */
        expect("a=1\\ \nb=2\n", "1 |a|1\\\n2 |b|2\n");
}

static void test_line_ends_and_mark(void **state) {
        (void) state;
        expect("[S]\r\na=1\r\nb=2\\\r\n3\r\n", "1 [S]\n2 S|a|1\n3 S|b|2 3\n");
        expect("\xEF\xBB\xBF[S]\na=1\n", "1 [S]\n2 S|a|1\n");
        expect("\xEF\xBB\xBF", "");
        expect("a=\xC3\xA4\n", "1 |a|\xC3\xA4\n");
}

static void test_errors(void **state) {
        (void) state;
        expect("[S]\nnonsense\na=1\n",
               "1 [S]\n2! expected Key=Value, [Section] or a comment\n3 S|a|1\n");
        expect("=1\na=1\n", "1! a key is missing before the =\n2 |a|1\n");
        expect("a=1\n\\\nnonsense\n", "1 |a|1\n2! expected Key=Value, [Section] or a comment\n");
}

/* Keys behind a broken section line belong to no section, least of all to the one before. */
static void test_broken_section(void **state) {
        (void) state;
        expect("[S]\n[T\na=1\nnonsense\n[U]\nb=2\n",
               "1 [S]\n2! the section line does not end in ]\n"
               "4! expected Key=Value, [Section] or a comment\n5 [U]\n6 U|b|2\n");
        expect("[]\na=1\n", "1! the section has no name, expected [Name]\n");
        expect("[ ]\n", "1! the section has no name, expected [Name]\n");
        expect("[\n", "1! the section line does not end in ]\n");
        expect("[S] x\n", "1! the section line does not end in ]\n");
}

static void test_bad_bytes(void **state) {
        (void) state;
        expect("a=\xFF\nb=2\n", "1! the line is not UTF-8 text\n2 |b|2\n");
        expect("# \xC0\x80 \\\nb=2\n", "1! the line is not UTF-8 text\n2 |b|2\n");
        expect("a=\xC3\n\xA4=1\n",
               "1! the line is not UTF-8 text\n2! the line is not UTF-8 text\n");
        expect_bytes("a=x\0y\nb=2\n", 10, "1! the line contains a NUL byte\n2 |b|2\n");
        expect_bytes("\0", 1, "1! the line contains a NUL byte\n");
        /* The whole of a continued line is skipped, and reported once. */
        expect("a=1\\\n\xFF\\\n\xFF\\\nc=3\nb=2\n", "2! the line is not UTF-8 text\n5 |b|2\n");
        expect("a=1\\\n#\xFF\n2\nb=2\n", "2! the line is not UTF-8 text\n4 |b|2\n");
}

/* "a=" and so many x, then the end of the line and "b=2". */
static char *long_line(size_t length, const char *end) {
        char *text = malloc(length + 16);

        assert_non_null(text);
        memset(text, 'x', length);
        memcpy(text, "a=", 2);
        (void) snprintf(text + length, 16, "%sb=2\n", end);
        return text;
}

static void test_longest_line(void **state) {
        CLEANUP(freep) char *fits = long_line(INI_LINE_MAX, "\r\n");
        CLEANUP(freep) char *too_long = long_line(INI_LINE_MAX + 1, "\n");
        CLEANUP(freep) char *result = NULL;
        struct trace trace = {0};

        (void) state;
        assert_int_equal(run(fits, strlen(fits) - 4, &trace, &result), 0);
        assert_int_equal(trace.value_length, INI_LINE_MAX - 2);
        expect(too_long, "1! the line is longer than 64 KiB\n2 |b|2\n");
}

/* The limit is that of the joined line; the backslash counts, as the blank that it becomes. */
static void test_longest_joined_line(void **state) {
        CLEANUP(freep) char *line = long_line(INI_LINE_MAX - 3, "\\\n");
        CLEANUP(freep) char *result = NULL;
        struct trace trace = {0};

        (void) state;
        memcpy(line + INI_LINE_MAX - 1, "yz\n", 4);
        assert_int_equal(run(line, strlen(line), &trace, &result), 0);
        assert_int_equal(trace.value_length, INI_LINE_MAX - 2);

        memcpy(line + INI_LINE_MAX - 1, "yzz\\\n1\nb=2\n", 12);
        expect(line, "1! the continued line is longer than 64 KiB\n4 |b|2\n");
}

static void test_callback_ends_reading(void **state) {
        CLEANUP(freep) char *result = NULL;
        struct trace trace = {.stop = -ENOTUNIQ};

        (void) state;
        assert_int_equal(run("a=1\nstop=1\nb=2\n", 15, &trace, &result), -ENOTUNIQ);
        assert_string_equal(result, "1 |a|1\n2 |stop|1\n");
}

static void test_section_callback_is_optional(void **state) {
        struct trace trace = {0};
        struct ini_handler handler = {on_key, NULL, on_error, &trace};
        CLEANUP(freep) char *result = NULL;
        size_t size;

        (void) state;
        trace.out = open_memstream(&result, &size);
        assert_non_null(trace.out);
        assert_int_equal(ini_parse("[S]\na=1\n", 8, &handler), 0);
        assert_int_equal(fclose(trace.out), 0);
        assert_string_equal(result, "2 S|a|1\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_comments),
                cmocka_unit_test(test_continuation),
                cmocka_unit_test(test_line_ends_and_mark),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_broken_section),
                cmocka_unit_test(test_bad_bytes),
                cmocka_unit_test(test_longest_line),
                cmocka_unit_test(test_longest_joined_line),
                cmocka_unit_test(test_callback_ends_reading),
                cmocka_unit_test(test_section_callback_is_optional),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
