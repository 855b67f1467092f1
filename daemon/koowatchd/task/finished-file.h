#pragma once
/*
 * Finished file: the file of a task that is done
 *
 * It is removed where finished files are, and remembered where they stay.
 */
#include <stdbool.h>
#include <stdint.h>

struct entry;
struct taskdir;

/* Whether this file is another one than that which the task finished with, and counts as such. */
bool finished_is_new_file(const struct entry *entry, uint64_t inode, int64_t mtime_ns);

/* Removes it, with the files of its duplicates; what cannot be removed is logged. */
void finished_remove_file(struct taskdir *taskdir, const struct entry *entry);

/* A file that stays was changed: logs, once, that this has no effect. */
void finished_report_change(struct entry *entry);
