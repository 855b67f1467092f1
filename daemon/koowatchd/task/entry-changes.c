#include "koowatchd/task/entry-changes.h"

#include "koowatchd/store/store-batch.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/watch.h"

/* So many at once keep a batch, which has copies, small; 100,000 may be registered at a start. */
#define BATCH_MAX 500
/* As many that may wait: they are not to make one turn of the loop long. */
#define NOTED_MAX 100

void entry_changes_init(struct entry_changes *c, void (*on_deleted)(struct entry *entry)) {
        TAILQ_INIT(&c->dirty);
        TAILQ_INIT(&c->in_commit);
        c->on_dirty = (struct callback){};
        c->noted = 0;
        c->on_deleted = on_deleted;
}

/* Its outcome and its event are to be written together. */
static bool is_urgent(const struct entry *e) {
        return entry_end(e) && e->watch;
}

static void add_dirty(struct entry_changes *c, struct entry *e) {
        e->is_dirty = true;
        if (is_urgent(e))
                TAILQ_INSERT_HEAD(&c->dirty, e, link);
        else
                TAILQ_INSERT_TAIL(&c->dirty, e, link);
}

static void mark(struct entry_changes *c, struct entry *e) {
        if (e->in_commit) {
                e->is_dirty = true;
                return;
        }
        if (e->is_dirty)
                TAILQ_REMOVE(&c->dirty, e, link);
        add_dirty(c, e);
}

void entry_mark_dirty(struct entry_changes *c, struct entry *e) {
        mark(c, e);
        callback_call(&c->on_dirty);
}

void entry_note_change(struct entry_changes *c, struct entry *e) {
        mark(c, e);
        if (++c->noted >= NOTED_MAX)
                callback_call(&c->on_dirty);
}

void entry_forget_changes(struct entry_changes *c, struct entry *e) {
        if (e->in_commit)
                TAILQ_REMOVE(&c->in_commit, e, link);
        else if (e->is_dirty)
                TAILQ_REMOVE(&c->dirty, e, link);
        e->in_commit = e->is_dirty = false;
}

/* ---- a batch ---- */

/* Writes what the store is to know of e, by the name and as the file of another entry maybe. */
static int put_task(struct store_batch *batch, const struct entry *e, const struct entry *by) {
        struct task_view view;
        struct store_key key = task_key(e->is.task, &view);
        struct store_task task = {
                .inode = by->is.file->inode,
                .mtime_ns = by->is.file->mtime_ns,
        };

        if (e->end) {
                task.registered = e->end->registered;
                memcpy(task.event_id, e->end->event_id, sizeof(task.event_id));
        } else if (e->watch) {
                watch_write(e->watch, &task);
        }
        return store_batch_put_task(batch, &key, by->is.file->name, &task);
}

/*
 * A duplicate that has waited takes the place: its file has been there all along, so what is
 * done stays done; but one whose file came later is a registration of its own.
 */
static int delete_task(struct store_batch *batch, struct entry *e) {
        struct task_view view;
        struct store_key key = task_key(e->is.task, &view);
        struct entry *successor = entry_find_successor(e);

        e->is_deleted = true;
        if (!successor || (e->end && successor->state == ENTRY_LATE_DUPLICATE)) {
                e->is_dropped = true;
                return store_batch_drop_task(batch, &key, clock_wall());
        }
        successor->is_successor = true;
        return e->end || e->watch ? put_task(batch, e, successor) : 0;
}

/*
 * While it is missing, as the file that may be it under another name: should that one be invalid at
 * the next start, its name is all that tells whose it is.
 */
static const struct entry *stands_for(const struct entry *e) {
        const struct entry *successor = entry_is_missing(e) ? entry_find_successor(e) : NULL;

        return successor && successor->state != ENTRY_LATE_DUPLICATE ? successor : e;
}

static int write_entry(struct store_batch *batch, struct entry *e) {
        e->is_deleted = e->is_dropped = false;
        if (!entry_owns_key(e))
                return 0;
        if (e->state == ENTRY_TO_DELETE)
                return delete_task(batch, e);
        return e->end || e->watch ? put_task(batch, e, stands_for(e)) : 0;
}

static void clear_successors(const struct entries *entries) {
        struct entry *e;
        size_t at = 0;

        if (!entries_have_duplicates(entries))
                return;
        while ((e = entries_next(entries, &at)))
                e->is_successor = false;
}

int entry_changes_collect(struct entry_changes *c, struct store_batch *batch, bool *ret_drops) {
        struct entry *e;
        unsigned count = 0;

        c->noted = 0;
        TAILQ_FOREACH(e, &c->dirty, link) {
                int r;

                if (count++ >= BATCH_MAX && !is_urgent(e))
                        break;
                r = write_entry(batch, e);
                if (r < 0) {
                        clear_successors(entry_table(e));
                        return r;
                }
                *ret_drops |= e->is_dropped;
        }
        while (TAILQ_FIRST(&c->dirty) != e) {
                struct entry *written = TAILQ_FIRST(&c->dirty);

                TAILQ_REMOVE(&c->dirty, written, link);
                written->in_commit = true;
                written->is_dirty = false;
                TAILQ_INSERT_TAIL(&c->in_commit, written, link);
        }
        if (e)
                callback_call(&c->on_dirty);
        return 0;
}

void entry_changes_committed(struct entry_changes *c, bool written) {
        struct entry_list deleted = TAILQ_HEAD_INITIALIZER(deleted);
        struct entry *e;

        e = TAILQ_FIRST(&c->in_commit);
        if (e && !written)
                clear_successors(entry_table(e));
        /* All are clean before any goes: its successor may be one of them, and change. */
        while ((e = TAILQ_FIRST(&c->in_commit))) {
                TAILQ_REMOVE(&c->in_commit, e, link);
                e->in_commit = false;
                if (written && e->is_deleted) {
                        e->is_dirty = false;
                        TAILQ_INSERT_TAIL(&deleted, e, link);
                } else if (!written || e->is_dirty) {
                        add_dirty(c, e);
                } else if (entry_end(e)) {
                        watch_free(STEAL_PTR(e->watch));
                }
        }
        while ((e = TAILQ_FIRST(&deleted))) {
                TAILQ_REMOVE(&deleted, e, link);
                c->on_deleted(e);
        }
}
