#pragma once
/*
 * Stale tasks: registrations in the store whose files went while no daemon ran
 *
 * Looked for when all directories have been read; then the store is to forget them.
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
        STAILQ_HEAD(, stale_task) list;
        bool were_looked_for;
};

/* Borrows all. */
void stale_tasks_init(struct stale_tasks *stale, const struct entries *entries,
                      struct store *store);
void stale_tasks_clear(struct stale_tasks *stale);

/* All directories have been read. */
void stale_tasks_find(struct stale_tasks *stale);
/* Likewise, unless they have not been read yet: a file that was invalid has gone. */
void stale_tasks_find_again(struct stale_tasks *stale);

/* Returns 0 or -ENOMEM. */
int stale_tasks_collect(struct stale_tasks *stale, struct store_batch *batch);
void stale_tasks_committed(struct stale_tasks *stale, bool written);
