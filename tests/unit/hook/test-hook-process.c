/* One hook as a process, on a clock that jumps to the next deadline when the test says so. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "koowatch-hook/hook-process.h"
#include "unit/hook/hook-support.h"

struct fixture {
        char directory[DIRECTORY_MAX], script[DIRECTORY_MAX + 8];
        struct event event;
        struct output output;
        struct hook_end end;
};

static char printed[1024]; /* a line an entry; cut */
static usec_t skipped;     /* that has passed for the runner, and for nobody else */
static int closed_when_ready = -1;
static unsigned jumps; /* waits that end at once, with all of their time passed */

/* Instead of that of common/log.c. */
void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) {
        size_t n = strlen(printed);
        va_list arguments;

        (void) level;
        (void) message_id;
        (void) fields;
        (void) count;
        va_start(arguments, format);
        (void) vsnprintf(printed + n, sizeof(printed) - n, format, arguments);
        va_end(arguments);
        n = strlen(printed);
        (void) snprintf(printed + n, sizeof(printed) - n, "\n");
        if (strstr(printed, "ready\n"))
                closep(&closed_when_ready);
}

static int log_waits_for = -1;
static pid_t ended_by_flush; /* a hook's group */

int log_fd(void) {
        return log_waits_for;
}

bool log_flush(void) {
        log_waits_for = -1;
        assert_int_equal(kill(-ended_by_flush, SIGKILL), 0);
        return false;
}

/* Both instead of libc's. Nothing jumps before the script has said that it is ready. */
int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, clock, ret);

        if (clock == CLOCK_MONOTONIC)
                ret->tv_sec += skipped / USEC_SEC;
        return r;
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *wait, const sigset_t *mask) {
        (void) mask;
        if (jumps > 0 && wait && strstr(printed, "ready\n")) {
                jumps--;
                skipped += (wait->tv_sec + 1) * USEC_SEC;
                return 0;
        }
        return (int) syscall(SYS_ppoll, fds, count, NULL, NULL, 0);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->script, sizeof(f->script), "%s/hook", f->directory);
        f->event = event_with(",\"a\":1");
        f->output.event = &f->event;
        printed[0] = '\0';
        jumps = 0;
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        event_clear(&f->event);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static struct hook_process start(struct fixture *f, const char *text) {
        CLEANUP(freep) char *script = str_printf("#!/bin/sh\n%s", text);
        char path[] = "PATH=/usr/bin:/bin", variable[] = "A=b";
        char *environment[] = {path, variable, NULL};
        struct hook_process process = HOOK_PROCESS_NULL;

        assert_non_null(script);
        assert_int_equal(replace_file(f->script, script, strlen(script), 0700), 0);
        assert_int_equal(hook_process_start(f->script, &f->event, environment, &process), 0);
        assert_true(process.pid > 0);
        return process;
}

/* Runs it to its end; nothing is left of it then. */
static void run_until(struct fixture *f, const char *text, usec_t timeout, struct stop stop) {
        struct hook_process process = start(f, text);
        pid_t pid = process.pid;

        assert_int_equal(
                hook_process_wait(&process, "finished.d/a", timeout, &stop, &f->output, &f->end),
                0);
        assert_int_equal(process.pid, 0);
        assert_true(kill(pid, 0) < 0 && errno == ESRCH);
}

static void run(struct fixture *f, const char *text) {
        run_until(f, text, USEC_INFINITY, STOP_NULL);
}

static void test_status_and_signal(void **state) {
        struct fixture *f = *state;

        run(f, "exit 0\n");
        assert_int_equal(f->end.status, 0);
        assert_int_equal(f->end.signal, 0);
        run(f, "exit 79\n");
        assert_int_equal(f->end.status, 79);
        run(f, "kill -KILL $$\n");
        assert_int_equal(f->end.status, -1);
        assert_int_equal(f->end.signal, SIGKILL);
        assert_false(f->end.timed_out || f->end.interrupted);
        assert_true(f->end.duration >= 0);
}

static void test_what_it_gets(void **state) {
        struct fixture *f = *state;

        run(f, "cat\necho \"$1 $2 $A\"\npwd\necho error >&2\n");
        assert_non_null(strstr(printed, "{" FACTS ",\"a\":1}\n"));
        assert_non_null(strstr(printed, "finished photos b\n"));
        assert_non_null(strstr(printed, "\n/\n"));
        assert_non_null(strstr(printed, "error\n"));
        assert_non_null(strstr(f->end.tail, "finished photos b\n/"));
}

static void test_the_event_cannot_be_written_to(void **state) {
        struct fixture *f = *state;

        run(f, "{ echo x >/proc/self/fd/0; } 2>/dev/null && echo written\ncat\n");
        assert_string_equal(printed, "{" FACTS ",\"a\":1}\n");
}

static void test_what_cannot_be_executed(void **state) {
        struct fixture *f = *state;
        char *environment[] = {NULL};
        struct hook_process process = HOOK_PROCESS_NULL;

        assert_int_equal(hook_process_start(f->script, &f->event, environment, &process), -ENOENT);
        assert_int_equal(replace_file(f->script, "#!/bin/sh\n", 10, 0600), 0);
        assert_int_equal(hook_process_start(f->script, &f->event, environment, &process), -EACCES);
        assert_int_equal(process.pid, 0);
}

/* A child left behind holds the pipes: nobody waits for it, and it does not survive. */
static void test_a_child_that_is_left_behind(void **state) {
        struct fixture *f = *state;
        pid_t child;

        run(f, "sh -c 'while :; do :; done' &\necho $!\n");
        assert_int_equal(f->end.status, 0);
        child = (pid_t) strtol(printed, NULL, 10);
        assert_true(child > 1);
        for (int i = 0; i < 1000 && kill(child, 0) == 0; i++) { /* killed: a zombie, or gone */
                CLEANUP(freep) char *path = str_printf("/proc/%d/stat", (int) child);
                CLEANUP(freep) char *text = NULL;
                size_t length;

                if (read_path(path, 4096, &text, &length) < 0 || strstr(text, ") Z "))
                        return;
                (void) usleep(1000);
        }
        assert_true(kill(child, 0) < 0);
}

static void test_closed_output_is_no_end(void **state) {
        struct fixture *f = *state;

        run(f, "exec >&- 2>&-\ncat >/dev/null\nexit 5\n");
        assert_int_equal(f->end.status, 5);
}

#define FOREVER "while :; do read -r line <&3 || :; done\n"

static void test_one_whose_time_is_up(void **state) {
        struct fixture *f = *state;

        jumps = 1;
        run_until(f, "mkfifo ${0}.fifo; exec 3<>${0}.fifo\necho ready\n" FOREVER, 90 * USEC_SEC,
                  STOP_NULL);
        assert_true(f->end.timed_out);
        assert_int_equal(f->end.signal, SIGTERM);
        assert_true(f->end.duration >= 90 * USEC_SEC);
}

static void test_one_that_ends_well_when_asked(void **state) {
        struct fixture *f = *state;

        jumps = 1;
        run_until(
                f,
                "trap 'echo bye; exit 0' TERM\nmkfifo ${0}.fifo; exec 3<>${0}.fifo\necho ready\n" FOREVER,
                90 * USEC_SEC, STOP_NULL);
        assert_true(f->end.timed_out);
        assert_int_equal(f->end.status, 0);
        assert_non_null(strstr(printed, "bye\n"));
}

static void test_one_that_does_not_end_when_asked(void **state) {
        struct fixture *f = *state;

        jumps = 2; /* the second one: what it is given to end */
        run_until(f, "trap '' TERM\nmkfifo ${0}.fifo; exec 3<>${0}.fifo\necho ready\n" FOREVER,
                  90 * USEC_SEC, STOP_NULL);
        assert_true(f->end.timed_out);
        assert_int_equal(f->end.signal, SIGKILL);
        assert_int_equal(jumps, 0);
}

static void test_the_runner_is_told_to_stop(void **state) {
        CLEANUP(closep) int signal_fd = eventfd(1, EFD_CLOEXEC);
        const struct stop stop = {.signal_fd = signal_fd, .peer = -1, .timer_fd = -1};
        struct fixture *f = *state;

        run_until(f, "mkfifo ${0}.fifo; exec 3<>${0}.fifo\necho ready\n" FOREVER, USEC_INFINITY,
                  stop);
        assert_true(f->end.interrupted);
        assert_false(f->end.timed_out);
        assert_int_equal(f->end.signal, SIGTERM);
}

/* What it is given to end is what is left until another node may run it. */
static void test_the_daemon_is_gone(void **state) {
        static const struct {
                const char *trap;
                int signal;
        } cases[] = {{"", SIGTERM}, {"trap '' TERM\n", SIGKILL}};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *text =
                        str_printf("%s[ -p ${0}.fifo ] || mkfifo ${0}.fifo\nexec 3<>${0}.fifo\n"
                                   "echo ready\n" FOREVER,
                                   cases[i].trap);
                CLEANUP(stop_close) struct stop stop = STOP_NULL;
                CLEANUP(closep) int ours = -1;
                int pair[2];
                usec_t before = skipped;
                bool is_killed = cases[i].signal == SIGKILL;

                assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
                ours = pair[0];
                closed_when_ready = pair[1];
                assert_int_equal(stop_watch(&stop, ours, clock_boot() + USEC_HOUR, "", 0), 0);
                printed[0] = '\0';
                jumps = is_killed;
                run_until(f, text, USEC_INFINITY, stop);
                assert_true(f->end.interrupted);
                assert_int_equal(f->end.signal, cases[i].signal);
                assert_in_range(skipped - before, is_killed ? 4 * USEC_SEC : 0,
                                is_killed ? 6 * USEC_SEC : 0);
        }
}

/* A journal that reads again is told while a hook runs, not at its end. */
static void test_the_log_is_flushed_while_it_runs(void **state) {
        struct fixture *f = *state;
        CLEANUP(closep) int writable = eventfd(0, EFD_CLOEXEC);
        struct hook_process process = start(f, "exec sleep 1000\n");
        struct stop never = STOP_NULL;

        ended_by_flush = process.pid;
        log_waits_for = writable;
        assert_int_equal(hook_process_wait(&process, "finished.d/a", USEC_INFINITY, &never,
                                           &f->output, &f->end),
                         0);
        assert_int_equal(f->end.signal, SIGKILL);
        assert_false(f->end.timed_out || f->end.interrupted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_status_and_signal),
                TEST(test_what_it_gets),
                TEST(test_the_event_cannot_be_written_to),
                TEST(test_what_cannot_be_executed),
                TEST(test_a_child_that_is_left_behind),
                TEST(test_closed_output_is_no_end),
                TEST(test_one_whose_time_is_up),
                TEST(test_one_that_ends_well_when_asked),
                TEST(test_one_that_does_not_end_when_asked),
                TEST(test_the_runner_is_told_to_stop),
                TEST(test_the_daemon_is_gone),
                TEST(test_the_log_is_flushed_while_it_runs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
