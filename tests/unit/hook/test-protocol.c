/* The conversation with the daemon: the line that comes in, and the lines that go out. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "koowatch-hook/protocol.h"
#include "unit/hook/hook-support.h"

/* What is read of these bytes, of which the end comes when close is set. */
static int read_line(const char *text, size_t length, bool close_it, usec_t within, char **ret,
                     size_t *ret_length) {
        CLEANUP(closep) int ours = -1, theirs = -1;
        int pair[2], r;
        size_t n;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ours = pair[0];
        theirs = pair[1];
        assert_int_equal(write_all(theirs, text, length), 0);
        if (close_it)
                (void) close(STEAL_FD(theirs));
        r = protocol_read_line(ours, within, ret, ret_length, &n);
        assert_true(r < 0 || n == (strchr(text, '\n') ? length : *ret_length));
        return r;
}

static void test_a_line_and_no_more(void **state) {
        static const struct {
                const char *text, *line;
                bool close;
        } cases[] = {
                {"one\n", "one", false}, {"one\ntwo\n", "one", false},
                {"\n", "", false},       {"one", "one", true},
                {"", "", true},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *line = NULL;
                size_t length;

                assert_int_equal(read_line(cases[i].text, strlen(cases[i].text), cases[i].close,
                                           USEC_INFINITY, &line, &length),
                                 0);
                assert_int_equal(length, strlen(cases[i].line));
                assert_memory_equal(line, cases[i].line, length);
        }
}

static void test_nothing_in_time(void **state) {
        CLEANUP(freep) char *line = NULL;
        size_t length;

        (void) state;
        assert_int_equal(read_line("", 0, false, USEC_MSEC, &line, &length), -ETIMEDOUT);
        assert_int_equal(read_line("half", 4, false, USEC_MSEC, &line, &length), -ETIMEDOUT);
        assert_int_equal(read_line("all\n", 4, false, USEC_MINUTE, &line, &length), 0);
}

/* As a file, which holds any amount at once. */
static int read_file(size_t length, bool newline, size_t *ret_length) {
        CLEANUP(closep) int fd = memfd_create("line", MFD_CLOEXEC);
        CLEANUP(freep) char *text = malloc(length + 1), *line = NULL;

        assert_true(fd >= 0);
        assert_non_null(text);
        memset(text, 'x', length);
        text[length] = '\n';
        assert_int_equal(write_all(fd, text, length + newline), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return protocol_read_line(fd, USEC_INFINITY, &line, ret_length, &(size_t){0});
}

static void test_lines_up_to_a_limit(void **state) {
        size_t length = 0;

        (void) state;
        for (int newline = 0; newline < 2; newline++) {
                assert_int_equal(read_file(PROTOCOL_LINE_MAX, newline, &length), 0);
                assert_int_equal(length, PROTOCOL_LINE_MAX);
                assert_int_equal(read_file(PROTOCOL_LINE_MAX + 1, newline, &length), -EFBIG);
                assert_int_equal(read_file(3 * PROTOCOL_LINE_MAX, newline, &length), -EFBIG);
        }
}

static void test_a_descriptor_that_cannot_be_read(void **state) {
        CLEANUP(freep) char *line = NULL;
        CLEANUP(closep) int fd = open("/", O_RDONLY | O_CLOEXEC);
        size_t length;

        (void) state;
        assert_int_equal(protocol_read_line(fd, USEC_INFINITY, &line, &length, &(size_t){0}),
                         -EISDIR);
}

static void test_what_is_said(void **state) {
        struct stdout_capture capture = stdout_capture_begin();
        CLEANUP(freep) char *text = NULL;
        int r[7];

        (void) state;
        r[0] = protocol_busy();
        r[1] = protocol_ready();
        r[2] = protocol_start("finished.d/\"a\"", USEC_INFINITY);
        r[3] = protocol_start("b", 600 * USEC_SEC);
        r[4] = protocol_start("c", 1);
        r[5] = protocol_not_run("b", "skipped", "no/hook");
        r[6] = protocol_done();
        text = stdout_capture_end(&capture);
        for (size_t i = 0; i < ARRAY_LEN(r); i++)
                assert_int_equal(r[i], 0);
        assert_string_equal(text, "{\"busy\":true}\n{\"ready\":true}\n"
                                  "{\"start\":\"finished.d/\\\"a\\\"\"}\n"
                                  "{\"start\":\"b\",\"timeout\":600}\n"
                                  "{\"start\":\"c\",\"timeout\":1}\n"
                                  "{\"end\":\"b\",\"result\":\"skipped\",\"reason\":\"no/hook\"}\n"
                                  "{\"done\":true}\n");
}

static void test_how_a_hook_has_ended(void **state) {
        static const struct {
                struct hook_end end;
                const char *members;
        } cases[] = {
                {{.duration = 1234567}, "\"result\":\"done\",\"status\":0,\"seconds\":1.235"},
                {{.status = 75}, "\"result\":\"later\",\"status\":75,\"seconds\":0.000"},
                {{.status = 77}, "\"result\":\"skipped\",\"status\":77,\"seconds\":0.000"},
                {{.status = 79}, "\"result\":\"progress\",\"status\":79,\"seconds\":0.000"},
                {{.status = 1}, "\"result\":\"failed\",\"status\":1,\"seconds\":0.000"},
                {{.status = -1, .signal = 9},
                 "\"result\":\"failed\",\"signal\":9,\"seconds\":0.000"},
                {{.status = 0, .timed_out = true}, /* it was asked to end, and did */
                 "\"result\":\"failed\",\"status\":0,\"timeout\":true,\"seconds\":0.000"},
                {{.tail = "a \"quoted\"\nline"},
                 "\"result\":\"done\",\"status\":0,\"seconds\":0.000,"
                 "\"tail\":\"a \\\"quoted\\\"\\nline\""},
                {{.status = 75, .timed_out = true},
                 "\"result\":\"failed\",\"status\":75,\"timeout\":true,\"seconds\":0.000"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *expected = str_printf("{\"end\":\"a\",%s}\n", cases[i].members);
                struct stdout_capture capture = stdout_capture_begin();
                CLEANUP(freep) char *text = NULL;
                int r = protocol_end("a", &cases[i].end);

                text = stdout_capture_end(&capture);
                assert_int_equal(r, 0);
                assert_string_equal(text, expected);
        }
}

/* Nobody is told what was not run; but a daemon that is gone needs not to know. */
static void test_what_cannot_be_said(void **state) {
        int before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), r[6], gone;
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC), pair[2];

        (void) state;
        assert_true(before >= 0 && full >= 0);
        (void) fflush(stdout);
        assert_true(dup2(full, STDOUT_FILENO) >= 0);
        r[0] = protocol_ready();
        r[1] = protocol_start("a", USEC_INFINITY);
        r[2] = protocol_end("a", &(struct hook_end){});
        r[3] = protocol_not_run("a", "failed", "no hook");
        r[4] = protocol_done();
        r[5] = protocol_busy();
        (void) close(full);

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_true(dup2(pair[0], STDOUT_FILENO) >= 0);
        (void) close(pair[0]);
        (void) close(pair[1]);
        gone = protocol_end("a", &(struct hook_end){});
        assert_true(dup2(before, STDOUT_FILENO) >= 0);
        (void) close(before);

        for (size_t i = 0; i < ARRAY_LEN(r); i++)
                assert_int_equal(r[i], -ENOSPC);
        assert_int_equal(gone, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_line_and_no_more),
                cmocka_unit_test(test_nothing_in_time),
                cmocka_unit_test(test_lines_up_to_a_limit),
                cmocka_unit_test(test_a_descriptor_that_cannot_be_read),
                cmocka_unit_test(test_what_is_said),
                cmocka_unit_test(test_how_a_hook_has_ended),
                cmocka_unit_test(test_what_cannot_be_said),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as main() does */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
