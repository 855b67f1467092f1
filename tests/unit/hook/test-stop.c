/* When hooks are to end: what the daemon says of it, on a clock that the test moves. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "koowatch-hook/stop.h"
#include "unit/hook/hook-support.h"

#define START (1000 * USEC_SEC)

struct fixture {
        struct stop stop;
        int daemon;
};

static usec_t now; /* on CLOCK_BOOTTIME; 0: the machine's */

/* Instead of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, clock, ret);

        if (clock == CLOCK_BOOTTIME && now > 0)
                *ret = (struct timespec){now / USEC_SEC, now % USEC_SEC * 1000};
        return r;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        int pair[2];

        assert_non_null(f);
        now = START;
        f->stop = STOP_NULL;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        f->daemon = pair[0];
        assert_int_equal(stop_watch(&f->stop, pair[1], START + 13 * USEC_SEC, "", 0), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        closep(&f->daemon);
        stop_close(&f->stop);
        free(f);
        return 0;
}

static void say(const struct fixture *f, const char *text) {
        assert_int_equal(write_all(f->daemon, text, strlen(text)), 0);
}

static void at(usec_t span) {
        now = START + span;
}

static void test_alone(void **state) {
        CLEANUP(closep) int signal_fd = eventfd(0, EFD_CLOEXEC);
        struct stop stop = STOP_NULL;

        (void) state;
        stop.signal_fd = signal_fd;
        now = USEC_INFINITY / 2;
        assert_false(stop_check(&stop));
        assert_int_equal(eventfd_write(signal_fd, 1), 0);
        assert_true(stop_check(&stop));
        assert_null(stop.why);
        assert_int_equal(stop_grace(&stop), 2 * USEC_SEC);
}

static void test_nothing_more_is_heard(void **state) {
        struct fixture *f = *state;

        at(13 * USEC_SEC - 1);
        assert_false(stop_check(&f->stop));
        at(13 * USEC_SEC);
        assert_true(stop_check(&f->stop));
        assert_non_null(strstr(f->stop.why, "not been heard of"));
        assert_int_equal(stop_grace(&f->stop), 5 * USEC_SEC);
        at(15 * USEC_SEC);
        assert_int_equal(stop_grace(&f->stop), 3 * USEC_SEC);
        say(f, "{\"runUntil\":9000000000}\n"); /* somebody else may have it by now */
        assert_true(stop_check(&f->stop));
}

/* It may itself have been stopped, or have slept: what has come meanwhile counts. */
static void test_what_is_heard_moves_it(void **state) {
        struct fixture *f = *state;

        say(f, "{\"runUntil\":1017000000}\n{\"runUntil\":1021000000}\n");
        at(20 * USEC_SEC);
        assert_false(stop_check(&f->stop));
        at(60 * USEC_SEC);
        assert_true(stop_check(&f->stop));
        assert_int_equal(stop_grace(&f->stop), 0); /* at once */
}

static void test_the_daemon_gives_it_up(void **state) {
        struct fixture *f = *state;

        at(5 * USEC_SEC);
        say(f, "{\"runUntil\":1005000000}\n");
        assert_true(stop_check(&f->stop));
}

static void test_the_connection_closes(void **state) {
        struct fixture *f = *state;

        say(f, "{\"runUntil\":1017000000}\n");
        closep(&f->daemon);
        at(4 * USEC_SEC);
        assert_true(stop_check(&f->stop));
        assert_non_null(strstr(f->stop.why, "closed"));
        assert_int_equal(stop_grace(&f->stop), 5 * USEC_SEC);
}

static void test_lines_that_say_nothing(void **state) {
        static const char *const lines[] = {
                "\n",
                "x\n",
                "[]\n",
                "{\"runUntil\":\"1100000000\"}\n",
                "{\"runUntil\":0}\n",
                "{\"runUntil\":-1}\n",
                "{\"later\":1}\n",
                "{\"runUntil\":1100000000}", /* no line so far */
        };
        struct fixture *f = *state;
        char over[600];

        memset(over, ' ', sizeof(over));
        (void) snprintf(over + 256, sizeof(over) - 256, "{\"runUntil\":1100000000}\n");
        say(f, over);
        for (size_t i = 0; i < ARRAY_LEN(lines); i++)
                say(f, lines[i]);
        at(12 * USEC_SEC);
        assert_false(stop_check(&f->stop));
        assert_int_equal(f->stop.run_until, START + 13 * USEC_SEC);
        say(f, " \n");
        assert_false(stop_check(&f->stop));
        assert_int_equal(f->stop.run_until, START + 100 * USEC_SEC);
}

/* What has been read along with the event, be it a part of a line. */
static void test_what_was_read_before(void **state) {
        static const char read[] = "{\"runUntil\":1017000000}\n{\"runUntil\":10";
        CLEANUP(stop_close) struct stop stop = STOP_NULL;
        struct fixture *f = *state;

        assert_int_equal(stop_watch(&stop, f->stop.peer, START + USEC_SEC, read, strlen(read)), 0);
        assert_int_equal(stop.run_until, START + 17 * USEC_SEC);
        say(f, "21000000}\n");
        assert_false(stop_check(&stop));
        assert_int_equal(stop.run_until, START + 21 * USEC_SEC);
}

/* On the machine's clock, which goes on in a suspend. */
static void test_it_wakes(void **state) {
        CLEANUP(stop_close) struct stop stop = STOP_NULL;
        struct fixture *f = *state;
        struct pollfd fds[STOP_FDS];

        now = 0;
        assert_int_equal(stop_watch(&stop, f->stop.peer, clock_boot() + 20 * USEC_MSEC, "", 0), 0);
        stop_fds(&stop, fds);
        assert_int_equal(poll(fds, STOP_FDS, 60 * 1000), 1);
        assert_true(stop_check(&stop));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_alone),
                TEST(test_nothing_more_is_heard),
                TEST(test_what_is_heard_moves_it),
                TEST(test_the_daemon_gives_it_up),
                TEST(test_the_connection_closes),
                TEST(test_lines_that_say_nothing),
                TEST(test_what_was_read_before),
                TEST(test_it_wakes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
