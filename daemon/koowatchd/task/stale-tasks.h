#pragma once
/*
 * Stale tasks: registrations in the store whose files went while no daemon ran
 *
 * Looked for when all directories have been read; then the store is to forget them. A file
 * that is invalid may be the one of any registration, as it may have been renamed: they stay in
 * doubt until it is valid, or gone. Where nodes share the store that is done for the accounts that
 * this one has, whenever it has another one.
 */
#include <stdbool.h>
#include <sys/queue.h>

#include "common/callback.h"

struct entries;
struct store;
struct store_batch;

struct stale_tasks {
        const struct entries *entries;
        struct store *store;
        struct callback on_dirty; /* there is something to write */
        /* Whether this node is the one that knows all files of the account. */
        bool (*is_ours)(void *userdata, const char *account);
        void *userdata;
        STAILQ_HEAD(stale_list, stale_task) list, in_doubt;
        bool are_wanted, has_gaps;
};

/* Borrows all. */
void stale_tasks_init(struct stale_tasks *stale, const struct entries *entries,
                      struct store *store);
void stale_tasks_clear(struct stale_tasks *stale);

/* They are to be looked for, once, by the next stale_tasks_find(). */
void stale_tasks_set_wanted(struct stale_tasks *stale, bool wanted);
/*
 * All directories have been read. has_gaps: one of them is absent or empty; then a file may have
 * gone with its directory, and a task whose file comes back as it was is known.
 */
void stale_tasks_find(struct stale_tasks *stale, bool has_gaps);
/* A file that was invalid has gone, or is valid now. */
void stale_tasks_judge(struct stale_tasks *stale);

/* Returns 0 or -ENOMEM. *ret_drops is set when a task is dropped, else left alone. */
int stale_tasks_collect(struct stale_tasks *stale, struct store_batch *batch, bool *ret_drops);
void stale_tasks_committed(struct stale_tasks *stale, bool written);
