/* A stderr that nobody reads: a pipe, a terminal, a socket. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "common/log.h"
#include "unit/support.h"

#define ENTRIES 300
#define NOBODY 65534
#define PATIENCE 20000 /* milliseconds; what is waited for comes at once, or is a fault */

struct fixture {
        int stderr_before;
        int reader;
        char *text; /* what was read, a string */
        size_t length;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        assert_true(f->stderr_before >= 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void) dup2(f->stderr_before, STDERR_FILENO);
        (void) close(f->stderr_before);
        (void) close(f->reader);
        free(f->text);
        free(f);
        return 0;
}

/* Both are taken. */
static void set_stderr(struct fixture *f, int reader, int writer) {
        f->reader = reader;
        assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
        assert_true(dup2(writer, STDERR_FILENO) >= 0);
        (void) close(writer);
}

static void make_pipe(struct fixture *f) {
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        set_stderr(f, fds[0], fds[1]);
}

static void make_terminal(struct fixture *f) {
        struct termios raw;
        int leader, terminal;

        assert_int_equal(openpty(&leader, &terminal, NULL, NULL, NULL), 0);
        assert_int_equal(tcgetattr(terminal, &raw), 0);
        cfmakeraw(&raw);
        assert_int_equal(tcsetattr(terminal, TCSANOW, &raw), 0);
        set_stderr(f, leader, terminal);
}

static void make_socket(struct fixture *f) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        set_stderr(f, fds[0], fds[1]);
}

static bool read_some(struct fixture *f) {
        char buffer[5000];
        ssize_t n = read(f->reader, buffer, sizeof(buffer));

        if (n <= 0)
                return false;
        f->text = realloc(f->text, f->length + (size_t) n + 1);
        assert_non_null(f->text);
        memcpy(f->text + f->length, buffer, (size_t) n);
        f->length += (size_t) n;
        f->text[f->length] = '\0';
        return true;
}

/* A terminal hands on what it was given a little later. */
static void expect_text(struct fixture *f, const char *expected) {
        struct pollfd poll_fd = {.fd = f->reader, .events = POLLIN};

        while (f->length < strlen(expected)) {
                assert_int_equal(poll(&poll_fd, 1, PATIENCE), 1);
                assert_true(read_some(f));
        }
        assert_string_equal(f->text, expected);
}

/* An entry of a size that no buffer is a multiple of. */
static void log_number(unsigned n) {
        log_info("%u ", n);
        log_info("%u %01001u", n, n);
}

/* Logs more than any buffer holds, then reads: all lines are there, whole and in order. */
static void expect_all_in_order(struct fixture *f) {
        uint64_t first = log_sent(), sent;
        CLEANUP(freep) char *expected = NULL;
        size_t length;
        FILE *out = open_memstream(&expected, &length);

        assert_non_null(out);
        for (unsigned n = 0; n < ENTRIES; n++) {
                log_number(n);
                (void) fprintf(out, "info %u \ninfo %u %01001u\n", n, n, n);
        }
        assert_int_equal(fclose(out), 0);
        assert_true(log_fd() >= 0);
        assert_int_equal(log_last(), first + (uint64_t) 2 * ENTRIES);
        assert_true(log_sent() < log_last());
        sent = log_sent();
        do {
                (void) read_some(f);
                (void) log_flush();
                assert_true(log_sent() >= sent);
                sent = log_sent();
        } while (log_fd() >= 0);
        assert_int_equal(log_sent(), log_last());
        expect_text(f, expected);
}

static void test_pipe(void **state) {
        struct fixture *f = *state;

        make_pipe(f);
        expect_all_in_order(f);
}

static void test_terminal(void **state) {
        struct fixture *f = *state;

        make_terminal(f);
        expect_all_in_order(f);
}

static void test_socket(void **state) {
        struct fixture *f = *state;

        make_socket(f);
        expect_all_in_order(f);
}

/* ^S: the terminal is there, and takes nothing until ^Q. */
static void test_terminal_that_is_stopped(void **state) {
        struct fixture *f = *state;

        make_terminal(f);
        assert_int_equal(tcflow(STDERR_FILENO, TCOOFF), 0);
        log_info("one");
        log_info("two");
        assert_true(log_flush());
        assert_false(read_some(f));
        assert_int_equal(tcflow(STDERR_FILENO, TCOON), 0);
        assert_false(log_flush());
        expect_text(f, "info one\ninfo two\n");
}

/* Another user's cannot be opened again. It is not waited for either. */
static void check_another_user(struct fixture *f, void (*make)(struct fixture *f)) {
        if (geteuid() != 0)
                return; /* cmocka's skip() is told as "not ok" to whoever counts TAP */
        make(f);
        assert_int_equal(fchmod(STDERR_FILENO, 0600), 0);
        assert_int_equal(seteuid(NOBODY), 0);
        log_info("first");
        assert_int_equal(seteuid(0), 0);
        expect_text(f, "info first\n");
        free(f->text);
        f->text = NULL;
        f->length = 0;
        expect_all_in_order(f);
}

static void test_pipe_of_another_user(void **state) {
        check_another_user(*state, make_pipe);
}

/* Lines that are longer than the room that it has left. */
static void test_terminal_of_another_user(void **state) {
        struct fixture *f = *state;

        check_another_user(f, make_terminal);
        for (unsigned n = 0; n < 30; n++)
                log_info("%05000u", n);
        while (log_flush())
                (void) read_some(f);
}

/* The shell has the same open description, and must be able to block on it. */
static void test_stderr_stays_blocking(void **state) {
        struct fixture *f = *state;

        make_pipe(f);
        log_info("hello");
        assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
        assert_true(read_some(f));
}

/* Nobody will ever read: that is not waited for. */
static void test_reader_that_has_gone(void **state) {
        struct fixture *f = *state;

        make_pipe(f);
        for (unsigned n = 0; n < ENTRIES; n++)
                log_number(n);
        assert_true(log_fd() >= 0);
        (void) close(f->reader);
        f->reader = -1;
        log_drain(20 * USEC_SEC);
        assert_int_equal(log_fd(), -1);
        assert_int_equal(log_sent(), log_last());
}

static void test_lost_entries(void **state) {
        struct fixture *f = *state;
        uint64_t lost = log_lost();

        make_pipe(f);
        while (log_lost() == lost)
                log_number(1);
        do {
                (void) read_some(f);
                (void) log_flush();
        } while (log_fd() >= 0);
        while (read_some(f))
                ;
        assert_true(str_ends_with(
                f->text, "warning 1 log entry was lost while standard error was not read\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Nobody wants it: it is none that has to be told again. */
static void test_an_entry_below_the_level(void **state) {
        (void) state;
        log_set_level(LEVEL_WARNING);
        log_info("unwanted");
        assert_int_not_equal(log_last(), 0);
        assert_true(log_last() <= log_sent());
        log_set_level(LEVEL_INFO);
}

/* It is not taken, and may be tried again: there is somebody who would read it. */
static void test_a_file_without_room(void **state) {
        int saved = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        uint64_t lost = log_lost(), last;

        (void) state;
        assert_true(full >= 0);
        assert_int_equal(dup2(full, STDERR_FILENO), STDERR_FILENO);
        log_info("one");
        last = log_last();
        assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
        (void) close(full);
        (void) close(saved);
        assert_int_equal(last, 0);
        assert_int_equal(log_lost(), lost + 1);
        (void) log_flush();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_terminal_of_another_user), /* before the other one, which has its number
                                                      */
                TEST(test_pipe),
                TEST(test_terminal),
                TEST(test_socket),
                TEST(test_terminal_that_is_stopped),
                TEST(test_pipe_of_another_user),
                TEST(test_stderr_stays_blocking),
                TEST(test_reader_that_has_gone),
                TEST(test_lost_entries),
                TEST(test_an_entry_below_the_level),
                TEST(test_a_file_without_room),
        };

        log_open("test-log", LOG_TARGET_CONSOLE);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
