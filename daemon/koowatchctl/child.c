#include "koowatchctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>

#include "koowatchctl/language.h"

struct pipes {
        int input[2], output[2];
};

static void pipes_clear(struct pipes *p) {
        closep(p->input);
        closep(p->input + 1);
        closep(p->output);
        closep(p->output + 1);
}

static int pipes_open(struct pipes *p) {
        *p = (struct pipes){{-1, -1}, {-1, -1}};
        return pipe2(p->input, O_CLOEXEC) < 0 || pipe2(p->output, O_CLOEXEC) < 0 ? -errno : 0;
}

/* In the child. */
static void become(const struct child *child, const struct pipes *p, const struct passwd *user) {
        (void) signal(SIGPIPE, SIG_DFL);
        if (dup2(p->input[0], STDIN_FILENO) < 0 || dup2(p->output[1], STDOUT_FILENO) < 0)
                _exit(127);
        if (user && (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
                     setuid(user->pw_uid) < 0))
                _exit(127);
        (void) execv(child->arguments[0], (char *const *) child->arguments);
        _exit(127);
}

void child_read_lines(int fd, child_line_fn on_line, void *userdata) {
        CLEANUP(fclosep) FILE *in = NULL;
        CLEANUP(freep) char *line = NULL;
        size_t room = 0;
        ssize_t n;
        int own = dup(fd);

        in = own >= 0 ? fdopen(own, "r") : NULL;
        if (!in && own >= 0)
                (void) close(own);
        while (in && (n = getline(&line, &room, in)) > 0) {
                if (line[n - 1] == '\n')
                        line[n - 1] = '\0';
                on_line(userdata, line);
        }
}

static int wait_for(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return 127;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(const struct child *child, struct failure *failure) {
        const struct passwd *user = child->user && geteuid() == 0 ? getpwnam(child->user) : NULL;
        CLEANUP(pipes_clear) struct pipes p;
        int r = pipes_open(&p), status;
        pid_t pid;

        (void) fflush(stdout);
        (void) signal(SIGPIPE, SIG_IGN); /* it may end before it has read everything */
        pid = r == 0 ? fork() : -1;
        if (pid < 0)
                return failure_set(failure, "Failed", _("%s cannot be run: %s"),
                                   child->arguments[0], strerror(r < 0 ? -r : errno));
        if (pid == 0)
                become(child, &p, user);
        closep(&p.input[0]);
        closep(&p.output[1]);
        p.input[0] = p.output[1] = -1;
        if (child->input)
                (void) write_all(p.input[1], child->input, strlen(child->input));
        closep(&p.input[1]);
        p.input[1] = -1;
        child_read_lines(p.output[0], child->on_line, child->userdata);
        status = wait_for(pid);
        if (status == 127)
                return failure_set(failure, "Failed", _("%s cannot be run"), child->arguments[0]);
        return status;
}

char *child_find(const char *name, const char *directory) {
        char own[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
        CLEANUP(freep) char *beside = NULL;
        char *slash;

        own[MAX(n, (ssize_t) 0)] = '\0';
        slash = strrchr(own, '/');
        if (slash)
                *slash = '\0';
        beside = str_printf("%s/%s", slash ? own : ".", name);
        if (!directory || (beside && access(beside, X_OK) == 0))
                return STEAL_PTR(beside);
        return str_printf("%s/%s", directory, name);
}
