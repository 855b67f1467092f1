#pragma once
/*
 * Wait: what has become of the tasks that are waited for, and when the wait is over
 *
 * Told what is read and what is signalled, in any order, it never reads, and no clock either.
 * Nothing is signalled of a task that another node polls: it is read again and again. Whoever
 * drives it subscribes first and reads then; what is signalled in between comes again and does no
 * harm. A daemon that goes and comes back has everything read again.
 */
#include <json-c/json.h>

#include "common/timespan.h"
#include "common/util.h"

enum wait_code {
        WAIT_SUCCEEDED = 0,
        WAIT_PARTIAL = 10,
        WAIT_FAILED = 11,
        WAIT_CANCELED = 12,
        WAIT_TIMEOUT = 13,
        WAIT_REJECTED = 14,
        WAIT_UNKNOWN = 15,
        WAIT_NO_OUTCOME = 16, /* removed, invalid, koowatchd stopped */
        WAIT_GAVE_UP = 124,   /* --timeout */
};

enum wait_phase { WAIT_UNREAD, WAIT_ABSENT, WAIT_PENDING, WAIT_RUNNING, WAIT_ENDED };

/* One of the tasks; others read it. */
struct wait_task {
        const char *name; /* borrowed from the caller */
        enum wait_phase phase;
        enum wait_code code; /* once ended */
        json_object *entry;  /* what is known of it: at least its name */
        const char *why;     /* it has ended without an outcome: "removed"; else NULL. Static */

        bool is_stale;       /* it is to be read */
        bool was_read;       /* once at least */
        usec_t next_read;    /* on CLOCK_BOOTTIME; USEC_INFINITY: when there is a signal */
        char *ignored_event; /* the run of before the call, with create; or NULL */
};

struct wait_rules {
        bool any;       /* the first end is the end */
        bool fail_fast; /* the first end that is no success is */
        bool create;    /* a name that is not there yet is waited for */
        usec_t until;   /* on CLOCK_BOOTTIME; USEC_INFINITY: for ever */
};

/* The task's phase is another one. */
typedef void (*wait_change_fn)(void *userdata, const struct wait_task *task);

struct wait;

/* names are borrowed. Returns NULL when memory is short. */
struct wait *wait_new(const char *const *names, size_t n, const struct wait_rules *rules,
                      wait_change_fn on_change, void *userdata);
struct wait *wait_free(struct wait *wait);
DEFINE_CLEANUP(struct wait *, wait_free)

size_t wait_count(const struct wait *wait);
const struct wait_task *wait_task(const struct wait *wait, size_t i);

/* Which task is to be read now: its index, or -1. */
ssize_t wait_to_read(const struct wait *wait, usec_t now);
/* When one is to be read though nothing has come; USEC_INFINITY: never. */
usec_t wait_next_read(const struct wait *wait);

/*
 * What was read: what Get says, or NULL: there is no such task; then the latest of its runs that
 * History knows, or NULL. Both borrowed. Returns -ENOENT when there is neither and the task is
 * not to be waited for: a mistake of the caller; else 0.
 */
int wait_on_read(struct wait *wait, size_t i, json_object *task, json_object *run, usec_t now);

/* A signal: its member and its entry, borrowed. */
void wait_on_signal(struct wait *wait, const char *member, json_object *entry);

/* koowatchd is there, perhaps another one than before: all is read again. */
void wait_on_daemon(struct wait *wait);
/* It will not come back. */
void wait_on_stopped(struct wait *wait);

/* Whether it is over, with its exit code. */
bool wait_is_over(const struct wait *wait, usec_t now, enum wait_code *ret);
