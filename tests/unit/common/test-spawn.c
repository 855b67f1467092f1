#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/spawn.h"
#include "unit/support.h"

static char *const environment[] = {(char *) "ONLY=this", NULL};

struct result {
        int status; /* of waitpid() */
        char *output;
};

/* Runs a script of the shell to its end, with its output in a pipe. */
static struct result run_script(const char *script, const char *directory, pid_t *ret_pid) {
        const char *const arguments[] = {"sh", "-c", script, NULL};
        struct result result = {};
        CLEANUP(closep) int null = open("/dev/null", O_RDONLY | O_CLOEXEC), out = -1;
        int pipe_fds[2];
        size_t length;
        pid_t pid;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        out = pipe_fds[0];
        assert_int_equal(spawn_process(
                                 &(struct spawn){
                                         .path = "/bin/sh",
                                         .arguments = arguments,
                                         .environment = environment,
                                         .input = null,
                                         .output = pipe_fds[1],
                                         .error = pipe_fds[1],
                                         .working_directory = directory,
                                 },
                                 &pid),
                         0);
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(read_all(out, 64 * 1024, &result.output, &length), 0);
        assert_int_equal(waitpid(pid, &result.status, 0), pid);
        if (ret_pid)
                *ret_pid = pid;
        return result;
}

static void expect_output(const char *script, const char *directory, const char *expected) {
        struct result result = run_script(script, directory, NULL);

        assert_string_equal(result.output, expected);
        assert_true(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0);
        free(result.output);
}

static void test_environment_and_directory(void **state) {
        (void) state;
        expect_output("echo $ONLY $HOME; pwd", "/", "this\n/\n");
        expect_output("echo to stderr >&2", NULL, "to stderr\n");
        expect_output("cat", NULL, "");
}

static void test_descriptors_are_not_handed_down(void **state) {
        CLEANUP(closep) int inherited = dup(STDERR_FILENO); /* not close-on-exec */

        (void) state;
        assert_true(inherited > STDERR_FILENO);
        expect_output("ls /proc/$$/fd; :", NULL, "0\n1\n2\n");
}

/* Behind the name in brackets: state, parent, group. */
static void test_process_group_of_its_own(void **state) {
        CLEANUP(freep) char *expected = NULL;
        struct result result;
        pid_t pid;

        (void) state;
        result =
                run_script("read -r line < /proc/$$/stat; set -- ${line##*)}; echo $3", NULL, &pid);
        expected = str_printf("%d\n", (int) pid);
        assert_string_equal(result.output, expected);
        free(result.output);
}

static void test_signals_are_as_at_a_login(void **state) {
        struct result result;
        sigset_t mask, before;

        (void) state;
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        assert_int_equal(sigprocmask(SIG_BLOCK, &mask, &before), 0);
        assert_true(signal(SIGTERM, SIG_IGN) != SIG_ERR);

        result = run_script("kill -TERM $$; echo survived", NULL, NULL);
        assert_string_equal(result.output, "");
        assert_true(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGTERM);
        free(result.output);

        assert_true(signal(SIGTERM, SIG_DFL) != SIG_ERR);
        assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void test_what_cannot_be_executed(void **state) {
        const char *const arguments[] = {"x", NULL};
        struct spawn spawn = {.path = "/no/such/program",
                              .arguments = arguments,
                              .environment = environment,
                              .input = STDIN_FILENO,
                              .output = STDOUT_FILENO,
                              .error = STDERR_FILENO};
        pid_t pid;

        (void) state;
        assert_int_equal(spawn_process(&spawn, &pid), -ENOENT);
        spawn.path = "/etc/passwd";
        assert_int_equal(spawn_process(&spawn, &pid), -EACCES);
        spawn.path = "/bin/sh";
        spawn.working_directory = "/no/such/directory";
        assert_int_equal(spawn_process(&spawn, &pid), -ENOENT);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_environment_and_directory),
                cmocka_unit_test(test_descriptors_are_not_handed_down),
                cmocka_unit_test(test_process_group_of_its_own),
                cmocka_unit_test(test_signals_are_as_at_a_login),
                cmocka_unit_test(test_what_cannot_be_executed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
