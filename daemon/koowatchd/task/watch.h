#pragma once
/*
 * Watch: one task that is asked about until it has ended
 *
 * Owns its poll, its state, and its event: what is asked with, what an answer means for
 * the task, and what of it is reported. Whoever owns the watch says what it is about, and
 * is called when it has ended.
 */
#include <stdbool.h>

#include "common/event-id.h"
#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/report/report.h"
#include "koowatchd/task/task-record.h"
#include "koowatchd/task/task-state.h"
#include "koowatchd/task/watch-notes.h"

struct account;
struct deliveries;
struct koodrive_query;
struct metrics;
struct poll;
struct poller;
struct store_task;
struct taskdir;
struct taskdir_file;
struct watch;

/*
 * What a watch is about: a part of its owner, which finds itself again by it, and may change what
 * is in it. The watch reads KdsTokenFile= into its task.
 */
struct watch_subject {
        struct watch_shared *shared;
        struct taskdir_file *file;
        struct task_record *task;
};

/* What is left of one that has ended. */
struct watch_end {
        usec_t registered; /* wall clock */
        char event_id[EVENT_ID_LENGTH + 1];
};

/* What all watches share. Borrowed, and kept by their owner for as long as there is one. */
struct watch_shared {
        struct poller *poller;
        struct deliveries *deliveries;
        struct report *report;
        struct metrics *metrics;
        const struct taskdir *taskdir; /* for the path of a file */
        struct task_limits limits;     /* for tasks that set none of their own */
        int64_t boot;                  /* see boot-id.h */
        unsigned running;              /* how many have a task that runs; counted by them */
        struct watch_notebook notes;   /* kept by the watches */
        struct task_view asked;        /* about, last: what the query of watch_on_ask() borrows */

        /*
         * It has ended (end is handed over), and its event is with the deliveries. The watch must
         * not be freed from inside the call.
         */
        void (*on_finished)(struct watch_subject *subject, struct watch_end *end);
        /* What the store knows of it has changed: the refusals in a row. */
        void (*on_refusals)(struct watch_subject *subject);
        /* Likewise, the registration: it may be written when there is something else to write. */
        void (*on_registration)(struct watch_subject *subject);
        /* What the status line shows of it has changed. */
        void (*on_status)(struct watch_subject *subject);
        /* Its progress has changed. */
        void (*on_progress)(struct watch_subject *subject);
};

/* Borrows the subject. Returns 0 or -ENOMEM. */
int watch_new(struct watch_subject *subject, struct watch **ret);
/* Accepts NULL. */
void watch_free(struct watch *watch);
DEFINE_CLEANUP(struct watch *, watch_free)

/* Another owner has it, and the same task; borrowed. */
void watch_assign(struct watch *watch, struct watch_subject *subject);

/* Begins, at now on clock_boot(); stored: what the store knows of it, NULL: it is new. */
void watch_begin(struct watch *watch, const struct account *account,
                 const struct store_task *stored, usec_t now);
/* Writes what the store is to know of it. */
void watch_write(const struct watch *watch, struct store_task *ret);

/* Asks at due and from then on, unless the account is not configured any more. */
void watch_start(struct watch *watch, struct account *account, usec_t due);
/* Asks no more; its state is kept. */
void watch_stop(struct watch *watch);
/* Likewise, and for good perhaps: it is not counted as running. */
void watch_leave(struct watch *watch);
bool watch_is_started(const struct watch *watch);
/* Whether its task runs, as far as is known. */
bool watch_is_running(const struct watch *watch);
/* What is asked with, or how often, was corrected: failures count from zero, the next poll goes
 * now. */
void watch_retry(struct watch *watch, usec_t now);

/* Asks now, as far as the account allows, whatever is asked with. */
void watch_poll(struct watch *watch, usec_t now);

/* What an administrator is told of it. Borrowed, until the next turn of the loop. */
struct watch_facts {
        usec_t registered; /* wall clock */
        usec_t deadline;   /* likewise; USEC_INFINITY: none */
        usec_t next_poll;  /* on clock_boot(); 0: it is being asked, or is not to be asked */
        usec_t interval;   /* at which it is polled now; 0: not known */
        enum koodrive_status status;
        int progress; /* -1: not known */
        int type;     /* taskType; 0: not known */
        unsigned polls;
        const char *failure; /* of its last poll; NULL: none */
};
void watch_describe(const struct watch *watch, struct watch_facts *ret);
/* As watch_notes_samples(). */
char *watch_samples(const struct watch *watch);
/* The limits that hold for it: its task's own, or the configuration's. */
struct task_limits watch_limits(const struct watch *watch);

/* Borrowed, also from the view, which it fills. */
struct task_ref watch_ref(const struct watch *watch, struct task_view *view);

/* The poller's handler, see poller.h; userdata is not used. */
void watch_on_ask(void *userdata, struct poll *poll, struct koodrive_query *query);
void watch_on_polled(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                     const char *trace_id, double seconds);
usec_t watch_on_answer(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                       usec_t now);
