#pragma once
/*
 * Commit: the one writer
 *
 * All that has changed in a turn of the loop is collected in one batch and handed to the
 * store; when that has ended, those who had something to write hear of it. One batch is under
 * way at a time. What could not be written stays with its owners and is written again, for as long
 * as it takes; a store that does not answer, or cannot be reached, is reported and waited for.
 */
#include <stdbool.h>

#include "common/callback.h"
#include "common/timespan.h"
#include "common/util.h"

struct commit;
struct deliveries;
struct registry;
struct store;
struct store_batch;
struct timers;

struct commit_handler {
        /* A batch was written, or commit_state() has changed. */
        struct callback on_status;
        /* What is in the store was counted: tasks that have finished, deliveries parked. */
        void (*on_counted)(void *userdata, unsigned finished, unsigned parked);
        /* The wall clock, beyond doubt; -1: it is not known, and nothing is forgotten. */
        usec_t (*wall)(void *userdata);
        /* What else there is to write, as registry_collect() and registry_committed(). NULL:
         * nothing. */
        int (*collect)(void *userdata, struct store_batch *batch);
        void (*committed)(void *userdata, bool written);
        void *userdata;
};

/* Borrows all; path: of the store, for messages. Returns 0 or a negative errno. */
int commit_new(struct timers *timers, struct store *store, const char *path,
               struct registry *registry, struct deliveries *deliveries, struct commit **ret);
/* Accepts NULL. */
void commit_free(struct commit *commit);
DEFINE_CLEANUP(struct commit *, commit_free)

/* Who is called from now on; copied. */
void commit_set_handler(struct commit *commit, const struct commit_handler *handler);

/*
 * Counts what is in the store, now, in a minute and each hour, when what is older than history is
 * forgotten, and what was not worth a batch of its own is written.
 */
void commit_start(struct commit *commit);
void commit_configure(struct commit *commit, usec_t history);
/* Counts what is in the store, now. */
void commit_count(void *commit);
/* Likewise within a second: what was counted by the way may have been counted twice. */
void commit_count_soon(void *commit);

/* There is something to write. */
void commit_request(void *commit);
/*
 * Hands over what there is to write; to be called before the loop waits. Returns whether that has
 * led to more to write: it is to be called again after a look at what has happened meanwhile, which
 * then shares the batch.
 */
bool commit_run(struct commit *commit);
/*
 * All of it, once more before the end, also when the last try has failed a moment ago. Where the
 * store answers later, commit_is_busy() holds until then.
 */
void commit_finish(struct commit *commit);
/* Whether a batch is under way. */
bool commit_is_busy(const struct commit *commit);

enum commit_state {
        COMMIT_OK,
        COMMIT_FAILING,     /* the store refuses */
        COMMIT_SILENT,      /* the store does not answer */
        COMMIT_UNREACHABLE, /* the store is on another machine, and cannot be reached */
};
enum commit_state commit_state(const struct commit *commit);
/* Since when, on clock_boot(); 0: from the start. */
usec_t commit_state_since(const struct commit *commit);
