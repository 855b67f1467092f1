/* Log entries as they reach stderr. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/log.h"
#include "unit/capture.h"
#include "unit/support.h"

/* Stands in for stderr; the real one is kept for cmocka's own messages. */
static void expect_entry(const char *message, const struct log_field *fields, size_t count,
                         const char *expected) {
        CLEANUP(freep) char *text = NULL;
        struct capture capture;

        capture_begin(&capture);
        log_entry(LEVEL_INFO, "1c31d88522454de7af95757334cd62ca", fields, count, "%s", message);
        text = capture_end(&capture);
        assert_string_equal(text, expected);
}

static void test_fields(void **state) {
        const struct log_field fields[] = {
                {"KOOWATCH_NAME", "photos"},
                {"KOODRIVE_TASK_ID", "1689768877770401664"},
                {"KOODRIVE_TASK_RESULT_CODE", "1"},
        };

        (void) state;
        expect_entry("photos: completed, all succeeded", fields, ARRAY_LEN(fields),
                     "info photos: completed, all succeeded  KOOWATCH_NAME=photos "
                     "KOODRIVE_TASK_ID=1689768877770401664 KOODRIVE_TASK_RESULT_CODE=1\n");
}

static void test_no_fields(void **state) {
        const struct log_field fields[] = {
                {"KOOWATCH_NAME", NULL}, {"KOOWATCH_HOOK", ""}, {"ERRNO", "5"}};

        (void) state;
        expect_entry("hello", NULL, 0, "info hello\n");
        expect_entry("hello", fields, ARRAY_LEN(fields), "info hello\n");
}

static void test_quoting(void **state) {
        static const struct {
                const char *value, *shown;
        } cases[] = {
                {"plain=1,2/3?x&y", "plain=1,2/3?x&y"},
                {"two words", "\"two words\""},
                {"a\tb", "\"a\tb\""},
                {"say \"hi\"", "\"say \\\"hi\\\"\""},
                {"\"", "\"\\\"\""},
                {"back\\slash", "\"back\\\\slash\""},
                {"it's", "\"it's\""},
                {"one\ntwo", "one?two"},
                {"\xC3\xA4", "\xC3\xA4"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *expected = str_printf("info m  KOO_X=%s\n", cases[i].shown);
                const struct log_field field = {"KOO_X", cases[i].value};

                expect_entry("m", &field, 1, expected);
        }
}

static void test_control_characters(void **state) {
        (void) state;
        expect_entry("a\nerror b\r\x1B[31m\x7F\tc\\\"", NULL, 0, "info a?error b??[31m?\tc\\\"\n");
        expect_entry("\xC2\x9B"
                     "31m \xC2\xA0 \xC3\xA4 \xC2",
                     NULL, 0, "info ?31m \xC2\xA0 \xC3\xA4 \xC2\n");
}

static void test_levels(void **state) {
        CLEANUP(freep) char *text = NULL;
        struct capture capture;

        (void) state;
        capture_begin(&capture);
        log_set_level(LEVEL_NOTICE);
        log_debug("1");
        log_info("2");
        log_notice("3");
        log_warning("4");
        log_error("5");
        log_set_level(LEVEL_DEBUG);
        log_debug("6");
        log_set_level(LEVEL_INFO);
        text = capture_end(&capture);
        assert_string_equal(text, "notice 3\nwarning 4\nerror 5\ndebug 6\n");
        assert_true(log_wants(LEVEL_INFO));
        assert_false(log_wants(LEVEL_DEBUG));
}

static void test_level_names(void **state) {
        static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
        enum log_level level;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                assert_int_equal(log_level_parse(names[i], &level), 0);
                assert_int_equal(level, LEVEL_ERROR + i);
                assert_string_equal(log_level_name(level), names[i]);
        }

        level = LEVEL_NOTICE;
        assert_int_equal(log_level_parse("Info", &level), -EINVAL);
        assert_int_equal(log_level_parse("", &level), -EINVAL);
        assert_int_equal(level, LEVEL_NOTICE);
}

static void test_errno_is_left_alone(void **state) {
        CLEANUP(freep) char *text = NULL;
        struct capture capture;

        (void) state;
        capture_begin(&capture);
        errno = ENOENT;
        log_error("cannot open: %m");
        assert_int_equal(errno, ENOENT);
        text = capture_end(&capture);
        assert_string_equal(text, "error cannot open: No such file or directory\n");
}

/* A long entry arrives whole: nothing is cut. */
static void test_long_entry(void **state) {
        CLEANUP(freep) char *message = malloc(100001), *expected = NULL;

        (void) state;
        assert_non_null(message);
        memset(message, 'x', 100000);
        message[100000] = '\0';
        expected = str_printf("info %s\n", message);
        expect_entry(message, NULL, 0, expected);
}

/* AUTO must not believe a JOURNAL_STREAM that belongs to somebody else's stderr. */
static void test_auto_without_journal(void **state) {
        static const char *const streams[] = {"", "1", "x:y", "1:1"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
                assert_int_equal(setenv("JOURNAL_STREAM", streams[i], 1), 0);
                log_open("test-log", LOG_TARGET_AUTO);
                expect_entry("here", NULL, 0, "info here\n");
        }
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        log_open("test-log", LOG_TARGET_CONSOLE);
}

#define NO_JOURNAL \
        "warning cannot write to the journal (No such file or directory), logging to standard error\n"

/* Where there is no journal, entries are not lost, and that is said once. */
static void test_no_journal(void **state) {
        (void) state;
        if (access("/run/systemd/journal/socket", F_OK) == 0)
                return; /* cmocka's skip() is told as "not ok" to whoever counts TAP */
        log_open("test-log", LOG_TARGET_JOURNAL);
        expect_entry("one", NULL, 0, NO_JOURNAL "info one\n");
        expect_entry("two", NULL, 0, "info two\n");
        log_open("test-log", LOG_TARGET_CONSOLE);
}

/* With the right one the entry goes to the journal, where there is one. */
static void test_auto_with_journal(void **state) {
        CLEANUP(freep) char *text = NULL, *stream = NULL;
        const struct log_field field = {"KOOWATCH_NAME", "x"};
        struct capture capture;
        struct stat st;

        (void) state;
        capture_begin(&capture);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        stream = str_printf("%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
        assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
        log_open("test-log", LOG_TARGET_AUTO);
        log_entry(LEVEL_DEBUG, NULL, &field, 1, "below the level");
        log_entry(LEVEL_INFO, NULL, &field, 1, "from the unit test of the log");
        text = capture_end(&capture);
        if (access("/run/systemd/journal/socket", F_OK) == 0)
                assert_string_equal(text, "");
        else
                assert_non_null(strstr(text, "info from the unit test of the log"));
        assert_null(strstr(text, "below the level"));
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        log_open("test-log", LOG_TARGET_CONSOLE);
}

static int set_up(void **state) {
        (void) state;
        log_open("test-log", LOG_TARGET_CONSOLE);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_no_fields),
                cmocka_unit_test(test_quoting),
                cmocka_unit_test(test_control_characters),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_level_names),
                cmocka_unit_test(test_errno_is_left_alone),
                cmocka_unit_test(test_long_entry),
                cmocka_unit_test(test_auto_without_journal),
                cmocka_unit_test(test_no_journal),
                cmocka_unit_test(test_auto_with_journal),
        };

        return cmocka_run_group_tests(tests, set_up, NULL);
}
