#pragma once
/*
 * Stop: why hooks are to end before their time
 *
 * The runner is asked to by a signal. Where several nodes share the events, the daemon says with
 * the event until when its hooks may run, as another node may run them after that, and says so
 * again every few seconds: {"runUntil":MICROSECONDS}, on CLOCK_BOOTTIME, a line each. When that
 * time comes, or the connection closes, they are to end. Alone, they go on when the daemon is gone.
 */
#include <poll.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "common/util.h"

#define STOP_FDS 3

struct stop {
        int signal_fd; /* that can be read when there is a signal; borrowed; -1: none */
        int peer;      /* what the daemon says; borrowed; -1: nothing that matters here */
        int timer_fd;  /* which wakes at run_until */
        usec_t run_until;
        usec_t killed_at;   /* on clock_boot(): hooks that have not ended by then are killed */
        const char *why;    /* they are to end, but for a signal; a static text; NULL: not so far */
        char line[256];     /* what has come of an unfinished one */
        size_t line_length; /* more than there is room for: it is passed over */
};

#define STOP_NULL ((struct stop){.signal_fd = -1, .peer = -1, .timer_fd = -1})

/*
 * The hooks may run until run_until, or a later time that peer says; data is what has been read of
 * it already. Returns 0 or a negative errno.
 */
int stop_watch(struct stop *stop, int peer, usec_t run_until, const char *data, size_t length);
void stop_close(struct stop *stop);

/* What to wait for with poll(); stop_check() is to be called when any of it is there. */
void stop_fds(const struct stop *stop, struct pollfd ret[static STOP_FDS]);
/* Whether hooks are to end; once they are, they remain so. */
bool stop_check(struct stop *stop);
/* How long a hook that has been asked to end may take for that. */
usec_t stop_grace(const struct stop *stop);
