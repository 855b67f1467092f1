#include "koowatchd/deliver/runner.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/crash-point.h"
#include "common/json.h"
#include "common/log.h"
#include "koowatchd/deliver/runner-peer.h"
#include "koowatchd/loop/io.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"

#define LINE_MAX_LENGTH (64 * 1024)

/* In minutes: how soon it is ready, and how soon the next hook starts or all is done. */
#define READY_WITHIN 1
#define NEXT_WITHIN 2

#define KEEP_ALIVE (4 * USEC_SEC)

struct runner_run {
        struct runner *runner;
        LIST_ENTRY(runner_run) link; /* runner::runs */
        ev_io in, out;               /* one socket, two watchers */
        ev_child child;              /* when spawned */
        struct timer minute;         /* while something is expected of it */
        unsigned minutes;            /* that it has left for that */
        bool ready, done, busy;
        bool closed;  /* the socket has been read to its end */
        bool reaped;  /* no child, or it has been waited for */
        bool ended;   /* its owner knows */
        bool dropped; /* its owner wants to know nothing more of it */
        char *unsent; /* the event, or a line after it, as long as it has not been sent */
        size_t length, sent;
        char *line; /* what has come of an unfinished line */
        size_t line_length;
        struct runner_handler handler;
        void *userdata;
};

struct runner {
        struct ev_loop *loop;
        struct timers *timers;
        struct runner_peer peer;
        LIST_HEAD(runner_runs, runner_run) runs;
        char *labels;
        struct runner_fleet fleet; /* node is owned; NULL: there are no other nodes */
        struct timer keep_alive;   /* with other nodes, while there are runs */
};

static void run_free(struct runner_run *run) {
        struct ev_loop *loop = run->runner->loop;

        LIST_REMOVE(run, link);
        ev_io_stop(loop, &run->in);
        ev_io_stop(loop, &run->out);
        ev_child_stop(loop, &run->child);
        timer_close(run->runner->timers, &run->minute);
        if (run->in.fd >= 0)
                (void) close(run->in.fd);
        free(run->unsent);
        free(run->line);
        free(run);
}
DEFINE_CLEANUP(struct runner_run *, run_free)
static enum runner_outcome outcome(const struct runner_run *run) {
        if (run->done)
                return RUNNER_DONE;
        return run->ready && !run->busy ? RUNNER_FAILED : RUNNER_LATER;
}

/*
 * The run is over when nothing more can be read, and a child has ended or said that all is done:
 * it may have a log to wait for.
 */
static void check_end(struct runner_run *run) {
        if (!run->closed)
                return;
        if (!run->ended && (run->done || run->reaped)) {
                run->ended = true;
                if (!run->dropped)
                        run->handler.on_end(run->userdata, outcome(run));
        }
        if (run->reaped)
                run_free(run);
}

/*
 * It has so many minutes for what it says next. They are counted one by one, so that a suspend,
 * in which no hook runs, makes one at most.
 */
static void expect_within(struct runner_run *run, unsigned minutes) {
        run->minutes = minutes;
        timer_arm(run->runner->timers, &run->minute, clock_boot() + USEC_MINUTE);
}

/* Beside the time that it has, a hook has a few seconds to end. 0: it has no limit. */
static void on_start(struct runner_run *run, const char *hook, int timeout) {
        if (timeout > 0)
                expect_within(run, (unsigned) timeout / 60 + 2);
        else
                timer_disarm(run->runner->timers, &run->minute);
        run->handler.on_hook_start(run->userdata, hook);
}

static double read_seconds(json_object *line) {
        json_object *seconds = json_object_object_get(line, "seconds");
        bool is_number = json_object_is_type(seconds, json_type_double) ||
                         json_object_is_type(seconds, json_type_int);

        return is_number ? MAX(json_object_get_double(seconds), 0.) : 0;
}

/* Returns 0, or -ENOMEM: what the line says must not be passed over. */
static int on_line(struct runner_run *run, const char *text) {
        static const struct json_rules rules = {
                .depth = 8, .containers = 64, .values = 1024, .repair = true};
        CLEANUP(json_object_putp) json_object *line = NULL;
        char fault[JSON_FAULT_MAX];
        const char *hook;

        if (json_read(text, strlen(text), &rules, NULL, &line, fault) == -ENOMEM)
                return -ENOMEM;
        run->ready |= json_get_bool(line, "ready");
        run->busy |= json_get_bool(line, "busy");
        run->done |= json_get_bool(line, "done");
        if (run->ready || run->busy)
                expect_within(run, NEXT_WITHIN);
        if (run->dropped)
                return 0;
        if ((hook = json_get_string(line, "start")))
                on_start(run, hook, json_get_int(line, "timeout", 0));
        if ((hook = json_get_string(line, "end"))) {
                struct hook_end end = {
                        .hook = hook,
                        .result = hook_result_parse(json_get_string(line, "result")),
                        .reason = json_get_string(line, "reason"),
                        .status = json_get_int(line, "status", -1),
                        .signal = json_get_int(line, "signal", -1),
                        .timed_out = json_get_bool(line, "timeout"),
                        .seconds = read_seconds(line),
                        .tail = json_get_string(line, "tail"),
                };

                CRASH_POINT("hook-result-read");
                run->handler.on_hook_end(run->userdata, &end);
        }
        return 0;
}

/* Returns 0, -ENOMEM, or -EFBIG when the other side writes no lines of this protocol. */
static int on_bytes(struct runner_run *run, const char *data, size_t length) {
        while (length > 0) {
                const char *end = memchr(data, '\n', length);
                size_t n = end ? (size_t) (end - data) : length;
                char *longer;

                if (run->line_length + n > LINE_MAX_LENGTH)
                        return -EFBIG;
                longer = realloc(run->line, run->line_length + n + 1);
                if (!longer)
                        return -ENOMEM;
                memcpy(longer + run->line_length, data, n);
                run->line = longer;
                run->line_length += n;
                run->line[run->line_length] = '\0';
                if (!end)
                        return 0;

                run->line_length = 0;
                if (on_line(run, run->line) < 0)
                        return -ENOMEM;
                data += n + 1;
                length -= n + 1;
        }
        return 0;
}

/* Nothing more is read of it. */
static void close_run(struct runner_run *run) {
        ev_io_stop(run->runner->loop, &run->in);
        ev_io_stop(run->runner->loop, &run->out);
        timer_disarm(run->runner->timers, &run->minute);
        run->closed = true;
        check_end(run);
}

/* An instance that hangs, or whose hook cannot be killed, must not hold its place for ever. */
static void on_minute(struct timer *timer, usec_t now) {
        struct runner_run *run = container_of(timer, struct runner_run, minute);

        if (--run->minutes > 0) {
                timer_arm(run->runner->timers, timer, now + USEC_MINUTE);
                return;
        }
        if (run->ready)
                log_warning(
                        "the hook runner has been silent for longer than a hook may run; the next "
                        "event takes its place");
        else
                log_warning("the hook runner did not become ready within a minute, retrying later");
        if (!run->reaped)
                (void) kill(run->child.pid, SIGKILL);
        close_run(run);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents) {
        struct runner_run *run = container_of(io, struct runner_run, in);
        char buffer[4096];
        ssize_t n;
        int r;

        if (revents & EV_ERROR)
                io_start_again(loop, io);
        n = read(io->fd, buffer, sizeof(buffer));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        r = n > 0 ? on_bytes(run, buffer, (size_t) n) : -ECONNRESET;
        if (r == 0)
                return;
        if (r == -ENOMEM)
                log_warning("no memory to read what the hook runner reports, it is run again");
        close_run(run);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents) {
        struct runner_run *run = container_of(io, struct runner_run, out);
        ssize_t n;

        if (revents & EV_ERROR)
                io_start_again(loop, io);
        n = send(io->fd, run->unsent + run->sent, run->length - run->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0)
                run->sent += (size_t) n;
        /* A failure shows on the reading side, which says what it means. */
        if (n < 0 || run->sent == run->length) {
                ev_io_stop(loop, &run->out);
                free(STEAL_PTR(run->unsent));
        }
}

/* Returns 0 or -ENOMEM. */
static int send_line(struct runner_run *run, const char *line, size_t length) {
        run->unsent = malloc(length);
        if (!run->unsent)
                return -ENOMEM;
        memcpy(run->unsent, line, length);
        run->length = length;
        run->sent = 0;
        return 0;
}

/* What could not be sent, or had no memory, is followed by the next one. */
static void keep_alive(struct runner_run *run, const char *line) {
        if (run->closed || run->dropped || run->unsent)
                return;
        if (send_line(run, line, strlen(line)) == 0)
                ev_io_start(run->runner->loop, &run->out);
}

static usec_t run_until(const struct runner *r) {
        return r->fleet.node ? r->fleet.run_until(r->fleet.userdata) : 0;
}

static void on_keep_alive(struct timer *timer, usec_t now) {
        struct runner *r = container_of(timer, struct runner, keep_alive);
        struct runner_run *run;
        char line[64];

        if (LIST_EMPTY(&r->runs))
                return;
        (void) snprintf(line, sizeof(line), "{\"runUntil\":%lld}\n", (long long) run_until(r));
        LIST_FOREACH(run, &r->runs, link) {
                keep_alive(run, line);
        }
        timer_arm(r->timers, timer, now + KEEP_ALIVE);
}

static void on_child(struct ev_loop *loop, ev_child *child, int revents) {
        struct runner_run *run = container_of(child, struct runner_run, child);

        (void) revents;
        ev_child_stop(loop, child);
        run->reaped = true;
        check_end(run);
}

static int open_run(struct runner *r, struct runner_run *run) {
        pid_t pid;
        int fd, error = runner_peer_connect(&r->peer, &fd, &pid);

        if (error < 0)
                return error;
        run->in.fd = fd;
        run->reaped = pid == 0;
        if (pid > 0) { /* before control returns to the loop, or the child's end could be missed */
                ev_child_set(&run->child, pid, 0);
                ev_child_start(r->loop, &run->child);
        }
        return 0;
}

int runner_start(struct runner *r, const char *line, size_t length,
                 const struct runner_handler *handler, void *userdata) {
        CLEANUP(run_freep) struct runner_run *run = NULL;
        int error;

        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        run->runner = r;
        LIST_INSERT_HEAD(&r->runs, run, link);
        run->handler = *handler;
        run->userdata = userdata;
        ev_init(&run->child, on_child);
        ev_io_init(&run->in, on_readable, -1, EV_READ);
        ev_io_init(&run->out, on_writable, -1, EV_WRITE);
        error = send_line(run, line, length);
        if (error < 0)
                return error;
        error = timer_open(r->timers, &run->minute, on_minute);
        if (error < 0)
                return error;
        error = open_run(r, run);
        if (error < 0)
                return error;
        expect_within(run, READY_WITHIN);
        ev_io_set(&run->in, run->in.fd, EV_READ);
        ev_io_set(&run->out, run->in.fd, EV_WRITE);
        ev_io_start(r->loop, &run->in);
        ev_io_start(r->loop, &run->out);
        if (r->fleet.node && !timer_is_armed(&r->keep_alive))
                timer_arm(r->timers, &r->keep_alive, clock_boot() + KEEP_ALIVE);

        CRASH_POINT("runner-started");
        run = NULL; /* the list has it */
        return 0;
}

int runner_new(struct ev_loop *loop, struct timers *timers, const char *setting,
               const char *config_path, const char *lock_directory, struct runner **ret) {
        CLEANUP(runner_freep) struct runner *r = NULL;
        int error;

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->loop = loop;
        r->timers = timers;
        error = runner_peer_init(setting, config_path, lock_directory, &r->peer);
        if (error < 0)
                return error;
        *ret = STEAL_PTR(r);
        return 0;
}

void runner_free(struct runner *r) {
        struct runner_run *run;

        if (!r)
                return;
        while ((run = LIST_FIRST(&r->runs))) {
                if (!run->reaped) /* killed, it could not end its hook */
                        (void) kill(run->child.pid, r->fleet.node ? SIGTERM : SIGKILL);
                run_free(run);
        }
        timer_close(r->timers, &r->keep_alive);
        free((char *) r->fleet.node);
        free(r->labels);
        runner_peer_clear(&r->peer);
        free(r);
}

int runner_set_labels(struct runner *r, const char *labels) {
        return str_replace(&r->labels, labels);
}

bool runner_may_run(const struct runner *r, json_object *event) {
        return event_runs_on(event, r->labels);
}

int runner_set_fleet(struct runner *r, const struct runner_fleet *fleet) {
        CLEANUP(freep) char *node = strdup(fleet->node);

        if (!node || timer_open(r->timers, &r->keep_alive, on_keep_alive) < 0)
                return -ENOMEM;
        r->fleet = *fleet;
        r->fleet.node = STEAL_PTR(node);
        return 0;
}

void runner_complete_attempt(const struct runner *r, struct event_attempt *attempt) {
        attempt->node = r->fleet.node;
        attempt->run_until = run_until(r);
}

bool runner_is_remote(const struct runner *r) {
        return r->peer.socket_path;
}

const char *runner_describe(const struct runner *r) {
        return r->peer.description;
}

void runner_stop(struct runner *r) {
        struct runner_run *run, *next;

        for (run = LIST_FIRST(&r->runs); run; run = next) {
                next = LIST_NEXT(run, link);
                run->dropped = true;
                if (run->reaped)
                        run_free(run); /* alone, an instance of the service manager's goes on */
                else
                        (void) kill(run->child.pid, SIGTERM);
        }
}

bool runner_is_busy(const struct runner *r) {
        const struct runner_run *run;

        LIST_FOREACH(run, &r->runs, link) {
                if (!run->ended)
                        return true;
        }
        return false;
}
