#pragma once
/*
 * Task directories: which task files there are, and what happens to them
 *
 * Reads the configured directories, follows them by inotify, looks at them again every minute
 * for what no event tells of, and owns the table of the files that count: a file hides its
 * namesakes in lower directories. It reports a file that is new or has changed with its text,
 * and one that is gone. The files of a directory that is away (directory.h) stay.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/util.h"
#include "koowatchd/task/taskdir-handler.h"

struct dirwatch;
struct taskdir;
struct timers;

/*
 * Borrows watch, NULL: changes are found by looking alone; and timers, NULL: only by scans.
 * Returns 0 or a negative errno.
 */
int taskdir_new(struct dirwatch *watch, struct timers *timers,
                const struct taskdir_handler *handler, struct taskdir **ret);
/* Accepts NULL. */
void taskdir_free(struct taskdir *taskdir);
DEFINE_CLEANUP(struct taskdir *, taskdir_free)

/*
 * directories: colon-separated absolute paths, highest first. state_tasks: the one of them
 * (if any; may be NULL) whose finished files may be removed, as may those below /run. Files in
 * directories that are not named any more are gone; what is in new ones is for the next scan.
 * Returns 0, or a negative errno with the old directories in force.
 */
int taskdir_configure(struct taskdir *taskdir, const char *directories, const char *state_tasks);

/* Reads all directories, before it returns; or in pieces, from the next turn of the loop on. */
void taskdir_scan(struct taskdir *taskdir);
void taskdir_look(struct taskdir *taskdir);

/* Whether the file's directory has been away for so long that its task is not to be polled. */
bool taskdir_is_suspended(const struct taskdir *taskdir, const struct taskdir_file *file);

/* Each directory that cannot be read or is away, with that in words; borrowed for the call. */
void taskdir_each_trouble(const struct taskdir *taskdir,
                          void (*fn)(void *userdata, const char *path, const char *trouble),
                          void *userdata);

/* "DIRECTORY/NAME.task"; the caller frees it. NULL when memory is short. */
char *taskdir_path(const struct taskdir *taskdir, const struct taskdir_file *file);

/*
 * Reads the file as it is now, which changes nothing of what is known of it. on_file is called
 * once, unless a negative errno is returned.
 */
int taskdir_read(const struct taskdir *taskdir, const struct taskdir_file *file,
                 void (*on_file)(void *userdata, const struct task_file *file), void *userdata);

/*
 * Whether the file that counts under the name, read already or not, is this one: 1 or 0, or a
 * negative errno where that cannot be told now.
 */
int taskdir_has(const struct taskdir *taskdir, const char *name, uint64_t inode, int64_t mtime_ns);

/*
 * Whether a file of that path, which is not known, may be there all the same: its directory is away
 * or cannot be read, or no file counts in it.
 */
bool taskdir_may_have(const struct taskdir *taskdir, const char *path);

/*
 * The path of the highest file of that name, whether it was read or not. The caller frees it; NULL:
 * there is none, or memory is short.
 */
char *taskdir_find_path(const struct taskdir *taskdir, const char *name);
/* A file of that name was published or removed a moment ago: looks at once what counts now. */
void taskdir_notice(struct taskdir *taskdir, const char *name);

/* Syncs the directories from which files may have gone since the last time. */
void taskdir_sync(struct taskdir *taskdir);

/*
 * Removes a finished file, if it still is the one that was read: renamed away first,
 * looked at, then unlinked or put back. Returns 0, -ESTALE when it is another one
 * (which stays), or a negative errno.
 */
int taskdir_remove(struct taskdir *taskdir, struct taskdir_file *file);
