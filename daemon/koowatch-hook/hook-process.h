#pragma once
/*
 * One hook as a process, from its start to its end
 *
 * It runs in a process group of its own, in "/", with a read-only descriptor of
 * the event as standard input and pipes behind its output; nothing else is handed
 * down. What is waited for is the process, not its pipes: a child that it leaves
 * in the background neither delays the event nor survives it.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "common/timespan.h"
#include "koowatch-hook/event.h"
#include "koowatch-hook/output.h"
#include "koowatch-hook/stop.h"

struct hook_process {
        pid_t pid; /* 0: none; also the process group */
        int pid_fd;
        int out_fd, err_fd;
        usec_t started;
};

#define HOOK_PROCESS_NULL ((struct hook_process){.pid_fd = -1, .out_fd = -1, .err_fd = -1})

struct hook_end {
        bool interrupted; /* it was to end early; the rest does not count */
        bool timed_out;
        int status; /* -1: ended by signal */
        int signal; /* 0: ended by status */
        usec_t duration;
        char tail[TAIL_MAX + 1]; /* the last of what it has printed */
};

/*
 * Runs path with the event's environment. Returns 0, or a negative errno when it
 * could not be executed; *ret is then left alone.
 */
int hook_process_start(const char *path, const struct event *event, char **environment,
                       struct hook_process *ret);

/*
 * Waits for the end and hands what the hook prints to output. After timeout, or
 * when stop says so, the group gets SIGTERM and a few seconds later SIGKILL.
 * Returns 0 or a negative errno; either way the group is gone afterwards and the
 * process reaped.
 */
int hook_process_wait(struct hook_process *process, const char *hook, usec_t timeout,
                      struct stop *stop, struct output *output, struct hook_end *ret);
