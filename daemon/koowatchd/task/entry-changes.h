#pragma once
/*
 * Entry changes: what of the entries the store does not know yet
 *
 * An entry that has changed is written with the next batch. While that is under way, which
 * may take long, it may change again: then it is written once more.
 */
#include <stdbool.h>
#include <sys/queue.h>

#include "common/callback.h"

struct entry;
struct store_batch;

struct entry_changes {
        TAILQ_HEAD(entry_list, entry) dirty, in_commit;
        struct callback on_dirty; /* there is something to write */
        unsigned noted;           /* changes that may wait, since the last batch */
        /* An entry that was to be deleted is not known to the store any more. */
        void (*on_deleted)(struct entry *entry);
};

void entry_changes_init(struct entry_changes *changes, void (*on_deleted)(struct entry *entry));

void entry_mark_dirty(struct entry_changes *changes, struct entry *entry);
/* Likewise, but it may wait until there is something else to write, or many of them. */
void entry_note_change(struct entry_changes *changes, struct entry *entry);
/* The entry is about to be freed. */
void entry_forget_changes(struct entry_changes *changes, struct entry *entry);

/*
 * Takes as much as a batch is to hold; on_dirty() is called when that is not all. *ret_drops is set
 * when a task is dropped, else left alone. Returns 0, or -ENOMEM with all as it was.
 */
int entry_changes_collect(struct entry_changes *changes, struct store_batch *batch,
                          bool *ret_drops);
void entry_changes_committed(struct entry_changes *changes, bool written);
