#include "koowatchd/task/entry-changes.h"

#include "koowatchd/store/store-batch.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/watch.h"

void entry_changes_init(struct entry_changes *c, void (*on_deleted)(struct entry *entry)) {
        TAILQ_INIT(&c->dirty);
        TAILQ_INIT(&c->in_commit);
        c->on_dirty = (struct callback){};
        c->on_deleted = on_deleted;
}

void entry_mark_dirty(struct entry_changes *c, struct entry *e) {
        if (!e->is_dirty && !e->in_commit)
                TAILQ_INSERT_TAIL(&c->dirty, e, link);
        e->is_dirty = true;
        callback_call(&c->on_dirty);
}

void entry_forget_changes(struct entry_changes *c, struct entry *e) {
        if (e->in_commit)
                TAILQ_REMOVE(&c->in_commit, e, link);
        else if (e->is_dirty)
                TAILQ_REMOVE(&c->dirty, e, link);
        e->in_commit = e->is_dirty = false;
}

static bool precedes(const struct entry *a, const struct entry *b) {
        if (a->file->dir != b->file->dir)
                return a->file->dir < b->file->dir;
        return strcmp(a->file->name, b->file->name) < 0;
}

struct entry *entry_find_successor(const struct entry *owner) {
        struct entry *found = NULL, *e;
        size_t at = 0;

        /* Duplicates are mistakes: rare enough to look at all, and only when there is one. */
        if (!entries_have_duplicates(owner->table))
                return NULL;
        while ((e = entries_next(owner->table, &at)))
                if (entry_is_duplicate_of(e, owner) && (!found || precedes(e, found)))
                        found = e;
        return found;
}

/* ---- a batch ---- */

/* Writes what the store is to know of e, by the name and as the file of another entry maybe. */
static int put_task(struct store_batch *batch, const struct entry *e, const struct entry *by) {
        struct store_key key = task_key(e->task);
        struct store_task task = {
                .registered = e->registered,
                .inode = by->file->inode,
                .mtime_ns = by->file->mtime_ns,
        };

        if (e->event_id) {
                (void) snprintf(task.event_id, sizeof(task.event_id), "%s", e->event_id);
        } else if (e->watch) {
                struct watch_history history = watch_history(e->watch);

                task.refused = history.refused;
                task.refusals = history.refusals;
        }
        return store_batch_put_task(batch, &key, by->file->name, &task);
}

/*
 * A duplicate that has waited takes the place: its file has been there all along, so what is
 * done stays done; but one whose file came later is a registration of its own.
 */
static int delete_task(struct store_batch *batch, struct entry *e) {
        struct store_key key = task_key(e->task);
        struct entry *successor = entry_find_successor(e);

        e->is_deleted = true;
        if (!successor || (e->event_id && successor->state == ENTRY_LATE_DUPLICATE)) {
                e->is_dropped = true;
                return store_batch_drop_task(batch, &key, clock_wall());
        }
        successor->is_successor = true;
        return e->event_id || e->watch ? put_task(batch, e, successor) : 0;
}

static int write_entry(struct store_batch *batch, struct entry *e) {
        e->is_deleted = e->is_dropped = false;
        if (!entry_owns_key(e))
                return 0;
        return e->state == ENTRY_TO_DELETE ? delete_task(batch, e) : put_task(batch, e, e);
}

static void clear_successors(const struct entries *entries) {
        struct entry *e;
        size_t at = 0;

        while ((e = entries_next(entries, &at)))
                e->is_successor = false;
}

int entry_changes_collect(struct entry_changes *c, struct store_batch *batch) {
        struct entry *e;

        TAILQ_FOREACH(e, &c->dirty, link) {
                int r = write_entry(batch, e);

                if (r < 0) {
                        clear_successors(e->table);
                        return r;
                }
        }
        TAILQ_FOREACH(e, &c->dirty, link) {
                e->in_commit = true;
                e->is_dirty = false;
        }
        TAILQ_CONCAT(&c->in_commit, &c->dirty, link);
        return 0;
}

void entry_changes_committed(struct entry_changes *c, bool written) {
        struct entry_list deleted = TAILQ_HEAD_INITIALIZER(deleted);
        struct entry *e;

        /* All are clean before any goes: its successor may be one of them, and change. */
        while ((e = TAILQ_FIRST(&c->in_commit))) {
                TAILQ_REMOVE(&c->in_commit, e, link);
                e->in_commit = false;
                if (written && e->is_deleted) {
                        e->is_dirty = false;
                        TAILQ_INSERT_TAIL(&deleted, e, link);
                } else if (!written || e->is_dirty) {
                        e->is_dirty = true;
                        TAILQ_INSERT_TAIL(&c->dirty, e, link);
                } else if (e->event_id) {
                        watch_free(STEAL_PTR(e->watch));
                }
        }
        while ((e = TAILQ_FIRST(&deleted))) {
                TAILQ_REMOVE(&deleted, e, link);
                c->on_deleted(e);
        }
}
