#include "koowatchd/task/finished-file.h"

#include <errno.h>

#include "common/crash-point.h"
#include "common/log.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

bool finished_is_new_file(const struct entry *e, uint64_t inode, int64_t mtime_ns) {
        return e->is.file->removes_finished &&
               (e->is.file->inode != inode || e->is.file->mtime_ns != mtime_ns);
}

static bool is_removable(const struct entry *e) {
        /* A file that is broken now is not the one that has finished. */
        return e->is.file->removes_finished && !entry_is_missing(e) && !e->file_invalid;
}

/* Returns whether it was removed. */
static bool remove_one(struct taskdir *taskdir, const struct entry *e) {
        CLEANUP(freep) char *path = NULL;
        int r;

        if (!is_removable(e))
                return false;
        r = taskdir_remove(taskdir, e->is.file);
        CRASH_POINT("file-removed");
        if (r == 0 || r == -ENOENT || r == -ESTALE)
                return r == 0;
        path = taskdir_path(taskdir, e->is.file);
        log_warning("%s: its file %s is finished but cannot be removed (%s); the task is "
                    "remembered as done",
                    e->is.file->name, path ? path : "", strerror(-r));
        return false;
}

/*
 * Its duplicates go first, and that is on disk: one that is left over by a crash, or comes back
 * after a power failure, would be a registration of its own.
 */
void finished_remove_file(struct taskdir *taskdir, const struct entry *e) {
        const struct entry *other;
        bool removed = false;
        size_t at = 0;

        if (entries_have_duplicates(e->table) && e->is.file->removes_finished &&
            !entry_is_missing(e))
                while ((other = entries_next(e->table, &at)))
                        if (entry_is_duplicate_of(other, e) && other->state == ENTRY_DUPLICATE)
                                removed |= remove_one(taskdir, other);
        if (removed)
                taskdir_sync(taskdir);
        (void) remove_one(taskdir, e);
}

void finished_report_change(struct entry *e) {
        const struct log_field fields[] = {{"KOOWATCH_NAME", e->is.file->name},
                                           {"KOOWATCH_EVENT_ID", e->end->event_id}};

        if (!e->reported_finished)
                log_entry(LEVEL_NOTICE, NULL, fields, ARRAY_LEN(fields),
                          "%s: already finished, the changed file has no effect; to watch it "
                          "again, remove the file and put it back a second later",
                          e->is.file->name);
        e->reported_finished = true;
}
