#pragma once
/*
 * Finished file: the file of a task that is done
 *
 * Where finished files are removed it is, when its delivery is done and that is on disk;
 * elsewhere it is remembered.
 */
#include <stdbool.h>
#include <stdint.h>

struct entries;
struct entry;
struct taskdir;

/*
 * Whether this file is another one than that which the task finished with, and counts as such.
 * After a delivery that was given up it is the same one, corrected: it may be delivered with that.
 */
bool finished_is_new_file(const struct entry *entry, uint64_t inode, int64_t mtime_ns);

/*
 * Removes it, with the files of its duplicates. What cannot be removed, or is away for now, is
 * left: noted with the entry and, the first time, logged.
 */
void finished_remove_file(struct taskdir *taskdir, struct entry *entry);
/* Tries again to remove what was left. */
void finished_remove_left(struct taskdir *taskdir, const struct entries *entries);

/* A file that stays was changed: logs, once, that this has no effect. */
void finished_report_change(struct entry *entry);
