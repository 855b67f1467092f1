#include "koowatchd/task/finished-file.h"

#include <errno.h>

#include "common/crash-point.h"
#include "common/log.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/sources.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

bool finished_is_new_file(const struct entry *e, uint64_t inode, int64_t mtime_ns) {
        return e->is.file->removes_finished && !e->is_parked &&
               (e->is.file->is_removed || e->is.file->inode != inode ||
                e->is.file->mtime_ns != mtime_ns);
}

/* What became of files that were to be removed. */
struct removal {
        bool removed; /* one or more */
        bool left;    /* one may be there still */
};

/* said: that it cannot be removed is known. */
static void remove_one(struct taskdir *taskdir, const struct entry *e, bool said,
                       struct removal *removal) {
        CLEANUP(freep) char *path = NULL;
        int r;

        /* A file that is broken now is not the one that has finished. */
        if (!e->is.file->removes_finished || e->file_invalid)
                return;
        if (entry_is_missing(e)) {
                removal->left = true;
                return;
        }
        if (e->is.file->is_remote) {
                if (!e->is.file->is_published)
                        sources_finish(entry_table(e)->sources, e->is.file);
                return;
        }
        r = taskdir_remove(taskdir, e->is.file);
        CRASH_POINT("file-removed");
        removal->removed |= r == 0;
        if (r == 0 || r == -ESTALE)
                return;
        removal->left = true; /* -ENOENT: its directory may be away */
        if (r == -ENOENT || said)
                return;
        path = taskdir_path(taskdir, e->is.file);
        log_warning("%s: its file %s is finished but cannot be removed (%s); the task is "
                    "remembered as done",
                    e->is.file->name, path ? path : "", strerror(-r));
}

/*
 * Its duplicates go first, and that is on disk: one that is left over by a crash, or comes back
 * after a power failure, would be a registration of its own.
 */
void finished_remove_file(struct taskdir *taskdir, struct entry *e) {
        struct removal removal = {};
        const struct entry *other;

        if (e->is.file->removes_finished && !entry_is_missing(e)) {
                LIST_FOREACH(other, &entry_table(e)->duplicates, duplicate) {
                        if (entry_is_duplicate_of(other, e) && other->state == ENTRY_DUPLICATE)
                                remove_one(taskdir, other, e->has_left_file, &removal);
                }
        }
        if (removal.removed)
                taskdir_sync(taskdir);
        remove_one(taskdir, e, e->has_left_file, &removal);
        entry_set_left_file(e, removal.left);
}

void finished_remove_left(struct taskdir *taskdir, const struct entries *entries) {
        struct entry *e;
        size_t at = 0;

        if (entries->left_files == 0)
                return;
        while ((e = entries_next(entries, &at)))
                if (e->has_left_file)
                        finished_remove_file(taskdir, e);
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
