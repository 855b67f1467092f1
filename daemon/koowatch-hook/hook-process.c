#include "koowatch-hook/hook-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/crash-point.h"
#include "common/log.h"
#include "common/spawn.h"
#include "common/util.h"

#define GRACE_TIMED_OUT (5 * USEC_SEC)

/* The event as a file: a hook may read it, in part or not at all, and nobody ever blocks. */
static int make_input(const struct event *event, int *ret) {
        CLEANUP(closep) int fd = memfd_create("koowatch-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;

        r = write_all(fd, event->text, event->text_length);
        if (r < 0)
                return r;

        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;

        *ret = STEAL_FD(fd);
        return 0;
}

/* Only the runner's end does not block: what a hook writes must not fail with EAGAIN. */
static int make_pipe(int *ret_read, int *ret_write) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;

        *ret_read = fds[0];
        *ret_write = fds[1];
        return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Kills what is left of the group, then reaps: until then nobody else can have its number. */
static int kill_and_reap(struct hook_process *process, siginfo_t *ret) {
        int r;

        (void) kill(-process->pid, SIGKILL); /* fails when nobody is left */
        do
                r = waitid(P_PID, (id_t) process->pid, ret, WEXITED);
        while (r < 0 && errno == EINTR);
        r = r < 0 ? -errno : 0;

        closep(&process->pid_fd);
        closep(&process->out_fd);
        closep(&process->err_fd);
        *process = HOOK_PROCESS_NULL;

        return r;
}

int hook_process_start(const char *path, const struct event *event, char **environment,
                       struct hook_process *ret) {
        CLEANUP(closep) int input = -1, out = -1, out_end = -1, err = -1, err_end = -1;
        struct hook_process process = HOOK_PROCESS_NULL;
        siginfo_t info;
        int r;

        r = make_input(event, &input);
        if (r == 0)
                r = make_pipe(&out, &out_end);
        if (r == 0)
                r = make_pipe(&err, &err_end);
        if (r == 0)
                r = spawn_process(
                        &(struct spawn){
                                .path = path,
                                .arguments = (const char *const[]){path, event->event, event->name,
                                                                   NULL},
                                .environment = environment,
                                .input = input,
                                .output = out_end,
                                .error = err_end,
                                .working_directory = "/",
                        },
                        &process.pid);
        if (r < 0)
                return r;

        process.started = clock_running();
        process.pid_fd = pidfd_open(process.pid, 0);
        if (process.pid_fd < 0) {
                r = -errno;
                (void) kill_and_reap(&process, &info);
                return r;
        }

        process.out_fd = STEAL_FD(out);
        process.err_fd = STEAL_FD(err);
        *ret = process;
        return 0;
}

/*
 * Reads once. Returns how many bytes that were, 0 when there is nothing now; at the
 * end of the stream the descriptor is closed and forgotten.
 */
static size_t read_some(int *fd, size_t max, struct output_stream *stream) {
        char buffer[16 * 1024];
        ssize_t n;

        n = read(*fd, buffer, MIN(max, sizeof(buffer)));
        if (n > 0) {
                output_feed(stream, buffer, (size_t) n);
                return (size_t) n;
        }

        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                (void) close(*fd);
                *fd = -1;
        }

        return 0;
}

/* Reads what is in the pipe now, and no more: a child left behind may write for ever. */
static void drain(int *fd, struct output_stream *stream) {
        int available = 0;
        size_t pending, n;

        if (*fd >= 0 && ioctl(*fd, FIONREAD, &available) == 0 && available > 0)
                for (pending = (size_t) available; pending > 0; pending -= n) {
                        n = read_some(fd, pending, stream);
                        if (n == 0)
                                break;
                }

        output_flush(stream);
}

/* What is to be done to the process when deadline comes. */
struct plan {
        usec_t deadline; /* USEC_INFINITY: nothing */
        int signal;
};

static void terminate(const struct hook_process *process, struct plan *plan, usec_t grace) {
        usec_t deadline = usec_add(clock_running(), grace);

        if (plan->signal == SIGKILL) { /* asked before: the earlier end holds */
                plan->deadline = MIN(plan->deadline, deadline);
                return;
        }

        (void) kill(-process->pid, SIGTERM);
        *plan = (struct plan){deadline, SIGKILL};
}

static void on_deadline(const struct hook_process *process, struct plan *plan,
                        struct hook_end *end) {
        if (plan->signal == SIGTERM) {
                end->timed_out = true;
                terminate(process, plan, GRACE_TIMED_OUT);
                return;
        }

        (void) kill(-process->pid, SIGKILL);
        plan->deadline = USEC_INFINITY;
}

static int poll_until(struct pollfd *fds, nfds_t count, usec_t deadline) {
        usec_t left = MAX(deadline - clock_running(), (usec_t) 0);
        struct timespec wait = {.tv_sec = left / USEC_SEC, .tv_nsec = left % USEC_SEC * 1000};
        int n;

        n = ppoll(fds, count, deadline == USEC_INFINITY ? NULL : &wait, NULL);

        return n < 0 && errno != EINTR ? -errno : MAX(n, 0);
}

static void ask_to_end(const struct hook_process *process, struct plan *plan,
                       const struct stop *stop, struct hook_end *end) {
        end->interrupted = true;
        terminate(process, plan, stop_grace(stop));
}

/* What of it to wait for: nothing more once it has come. */
static void set_stop_fds(const struct stop *stop, const struct hook_end *end, struct pollfd *fds) {
        stop_fds(stop, fds);
        for (size_t i = 0; end->interrupted && i < STOP_FDS; i++)
                fds[i].fd = -1;
}

static bool any_came(const struct pollfd *fds, size_t n) {
        short came = 0;

        for (size_t i = 0; i < n; i++)
                came |= fds[i].revents;
        return came;
}

static int wait_for_exit(struct hook_process *process, usec_t timeout, struct stop *stop,
                         struct output_stream *out, struct output_stream *err,
                         struct hook_end *end) {
        struct plan plan = {usec_add(process->started, timeout), SIGTERM};

        for (;;) {
                struct pollfd fds[4 + STOP_FDS] = {
                        {.fd = process->pid_fd, .events = POLLIN},
                        {.fd = process->out_fd, .events = POLLIN},
                        {.fd = process->err_fd, .events = POLLIN},
                        {.fd = log_fd(), .events = POLLOUT},
                };
                int n;

                set_stop_fds(stop, end, fds + 4);
                n = poll_until(fds, ARRAY_LEN(fds), plan.deadline);
                if (n < 0)
                        return n;

                if (fds[0].revents)
                        return 0;
                if (fds[1].revents)
                        read_some(&process->out_fd, SIZE_MAX, out);
                if (fds[2].revents)
                        read_some(&process->err_fd, SIZE_MAX, err);
                if (fds[3].revents)
                        (void) log_flush();
                if (any_came(fds + 4, STOP_FDS) && stop_check(stop))
                        ask_to_end(process, &plan, stop, end);
                if (clock_running() >= plan.deadline)
                        on_deadline(process, &plan, end);
        }
}

int hook_process_wait(struct hook_process *process, const char *hook, usec_t timeout,
                      struct stop *stop, struct output *output, struct hook_end *ret) {
        struct tail tail = {};
        struct output_stream out = {.output = output, .hook = hook, .tail = &tail};
        struct output_stream err = {.output = output, .hook = hook, .tail = &tail};
        struct hook_end end = {.status = -1};
        siginfo_t info = {0};
        int r, q;

        r = wait_for_exit(process, timeout, stop, &out, &err, &end);
        end.duration = clock_running() - process->started;

        CRASH_POINT("hook-ended");
        drain(&process->out_fd, &out);
        drain(&process->err_fd, &err);
        q = kill_and_reap(process, &info);
        if (r < 0 || q < 0)
                return r < 0 ? r : q;

        if (info.si_code == CLD_EXITED)
                end.status = info.si_status;
        else
                end.signal = info.si_status;
        tail_write(&tail, end.tail);

        *ret = end;
        return 0;
}
