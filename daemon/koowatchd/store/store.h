#pragma once
/*
 * Store: what must outlive the daemon
 *
 * Which tasks are registered since when, which have finished, and how far the delivery
 * of each outcome is. Two small interfaces, one for tasks and one for events, which
 * share their writes: these are collected in a batch (store-batch.h) and handed over
 * together, all of it or nothing.
 *
 * Each operation reports its end by one callback. It comes before the function returns
 * (SQLite), seconds later (a database across a network), or never (one that hangs);
 * nothing above may depend on which. Operations take effect in the order in which they
 * are handed over: what is read has seen every earlier write. Callbacks that are
 * outstanding when the store is closed do not come any more. Nothing here logs.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/event-id.h"
#include "common/timespan.h"
#include "common/util.h"

/* What is read is from 0 to these, whoever has written it: it can be reckoned with. */
#define STORE_TIME_MAX (USEC_INFINITY / 4)
#define STORE_COUNT_MAX 1000000

struct store;
struct store_batch;

/* Strings are borrowed, here and in all callbacks: by a callback for as long as it runs. */
struct store_key {
        const char *account, *share_id, *task_id;
};

enum delivery_state { DELIVERY_PENDING, DELIVERY_DONE, DELIVERY_PARKED };

/* A registration. The file is the one that was read last. */
struct store_task {
        usec_t registered; /* wall clock */
        /* Which start of the machine that was in (0: not known), and when on clock_boot(). */
        int64_t boot;
        usec_t booted;
        bool confirmed; /* registered is the time by KooDrive's clock */
        uint64_t inode;
        int64_t mtime_ns;
        usec_t refused;                     /* wall clock of the first of the refusals; 0: none */
        unsigned refusals;                  /* in a row that speak against the task itself */
        char event_id[EVENT_ID_LENGTH + 1]; /* "": it has not finished */
        enum delivery_state delivery; /* of that event, DONE where it is not known; only read */
        bool gone;                    /* its file has disappeared since; only read */
        bool is_away;                 /* perhaps with its directory: it may come back; only read */
        const char *name;             /* of the file, without ".task"; only read */
};

struct store_delivery {
        enum delivery_state state;
        unsigned attempts;   /* made so far */
        unsigned futile;     /* of them, those in a row that achieved nothing */
        usec_t finished;     /* wall clock, when the event was put; only read */
        usec_t next;         /* wall clock of the next attempt; 0: at once */
        const char *settled; /* JSON array of hooks that have ended well; NULL: none */
        bool told;           /* the journal has the outcome; a new event's has not */
        int64_t fence;       /* rises whenever another node takes it; 0: not shared; only read */
};

/* error: 0 or a negative errno, for which store_error() has the words. */
typedef void (*store_done_fn)(void *userdata, int error);

/* In words, the last failure; "" before one. Borrowed, until the next one. */
const char *store_error(const struct store *store);
/* What it holds is damaged, as was seen by some operation: waiting does not mend it. */
bool store_is_damaged(const struct store *store);
/*
 * Whether it can be reached, where it is on another machine: told when that changes, and when it
 * was lost for a moment. It begins as one that can. error: 0, or a negative errno for which
 * store_error() has the words; until it is there again each write fails at once, and what is read
 * may wait. on_reach: NULL: nobody wants to know.
 */
typedef void (*store_reach_fn)(void *userdata, int error);
void store_set_on_reach(struct store *store, store_reach_fn on_reach, void *userdata);
/* Ends it without further callbacks. Accepts NULL. */
void store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close)

/* Makes all writes of the batch (taken over), or none of them. */
void store_write(struct store *store, struct store_batch *batch, store_done_fn on_done,
                 void *userdata);

/*
 * Much is read from here to the end, one after the other: what a store pays for each read it may
 * pay once. No more than a hint; a write ends it too.
 */
void store_begin_reading(struct store *store);
void store_end_reading(struct store *store);

/* ---- tasks ---- */

/* found: 1 with a task, 0 when the key is not known, or a negative errno. */
typedef void (*store_found_fn)(void *userdata, int found, const struct store_task *task);
void store_find_task(struct store *store, const struct store_key *key, store_found_fn on_found,
                     void *userdata);

/*
 * Each task that is not gone, in no particular order, then the end; with an error, some may have
 * come before it. From on_row the store must not be called.
 */
void store_each_task(struct store *store,
                     void (*on_row)(void *userdata, const struct store_key *key),
                     store_done_fn on_end, void *userdata);

/* ---- events ---- */

/*
 * The event's text as it was put. error: 0, or a negative errno with body NULL; -ENOENT: there is
 * no such event, which is no failure of the store, and store_error() has no words for it.
 */
typedef void (*store_event_fn)(void *userdata, int error, const char *body);
void store_get_event(struct store *store, const char *event_id, store_event_fn on_event,
                     void *userdata);

/*
 * Each event whose delivery is pending, or that has not been told, the oldest first, then the end.
 * As store_each_task(). Where the store is shared (fleet.h): those that nobody else delivers and
 * this node may, up to a thousand, which are this node's from then on; each once, but all that it
 * has in the first call, and in the next one after the connection was lost.
 */
void store_each_pending(struct store *store,
                        void (*on_row)(void *userdata, const char *event_id,
                                       const struct store_delivery *delivery),
                        store_done_fn on_end, void *userdata);

/*
 * The text of each of the events that were put last, most of them or fewer, the oldest first, then
 * the end. As store_each_task().
 */
void store_each_latest(struct store *store, unsigned most,
                       void (*on_row)(void *userdata, const char *body), store_done_fn on_end,
                       void *userdata);

/* ---- history: events, and what is kept with them until they are forgotten ---- */

/* An outcome and all that is known of it. */
struct store_event {
        int64_t number; /* larger than those of the events that were put before */
        const char *event_id, *body;
        const char *samples; /* of the task's progress, as it was put; NULL: none */
        struct store_delivery delivery;
        /* Where the store is shared: */
        const char *node; /* that delivers it; NULL: none does */
        bool is_mine;     /* this one */
};

/* One hook that has ended, in one attempt. */
struct store_run {
        const char *hook; /* "finished.d/10-mail" */
        unsigned attempt;
        usec_t started, duration; /* wall clock; how long it took */
        const char *status;       /* "done", "later", "progress", "skipped", "failed", "timeout" */
        int exit_status, signal;  /* -1: not known */
        const char *tail;         /* the last of what it has printed; NULL: nothing */
};

#define STORE_RUNS_MAX 200 /* of an event: the last ones are kept */

/* found: 1 with an event, 0 when there is none of that id, or a negative errno. */
typedef void (*store_event_found_fn)(void *userdata, int found, const struct store_event *event);
void store_find_event(struct store *store, const char *event_id, store_event_found_fn on_found,
                      void *userdata);

typedef void (*store_event_row_fn)(void *userdata, const struct store_event *event);
/*
 * The events with a number below before (INT64_MAX: all), the last first, at most so many, then
 * the end. As store_each_task().
 */
void store_each_event(struct store *store, int64_t before, unsigned most, store_event_row_fn on_row,
                      store_done_fn on_end, void *userdata);

typedef void (*store_run_fn)(void *userdata, const struct store_run *run);
/* The runs of hooks for an event, in the order of their ends, then the end. As store_each_task().
 */
void store_each_run(struct store *store, const char *event_id, store_run_fn on_row,
                    store_done_fn on_end, void *userdata);

/* ---- both ---- */

struct store_counts {
        unsigned finished; /* tasks that are remembered as finished */
        unsigned parked;   /* deliveries */
};
/* error: 0 or a negative errno (counts is NULL). */
typedef void (*store_counted_fn)(void *userdata, int error, const struct store_counts *counts);
void store_count(struct store *store, store_counted_fn on_counted, void *userdata);
