#pragma once
/*
 * Task directories: which task files there are, and what happens to them
 *
 * Reads the configured directories, follows them by inotify, and owns the table of the
 * files that count: a file hides its namesakes in lower directories. It reports a file
 * that is new or has changed with its text, and one that is gone.
 */
#include <stdbool.h>

#include "common/util.h"

struct dirwatch;
struct task_file;
struct taskdir;
struct taskdir_file;

#define TASKDIR_MAX 32 /* directories */

struct taskdir_handler {
        /*
         * A file is new or may have changed. Returns whether that is settled; if not, the next
         * scan reads it again, changed or not.
         */
        bool (*on_file)(void *userdata, const struct task_file *file);
        /* No file counts under this name any more. */
        void (*on_gone)(void *userdata, struct taskdir_file *file);
        /* Descriptors or memory were short, or a disk failed: something may have been missed. */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        /* What is not hidden and has not the name of a task file. NULL: nobody wants to know. */
        void (*on_stray)(void *userdata, const char *path);
        /* A scan begins, and ends; complete: no directory was unreadable. NULL likewise. */
        void (*on_scan)(void *userdata);
        void (*on_scanned)(void *userdata, bool complete);
        void *userdata;
};

/* watch: borrowed; NULL for a look without following. Returns 0 or a negative errno. */
int taskdir_new(struct dirwatch *watch, const struct taskdir_handler *handler,
                struct taskdir **ret);
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

/* Reads all directories. */
void taskdir_scan(struct taskdir *taskdir);

/* "DIRECTORY/NAME.task"; the caller frees it. NULL when memory is short. */
char *taskdir_path(const struct taskdir *taskdir, const struct taskdir_file *file);

/*
 * Removes a finished file, if it still is the one that was read: renamed away first,
 * looked at, then unlinked or put back. Returns 0, -ESTALE when it is another one
 * (which stays), or a negative errno.
 */
int taskdir_remove(struct taskdir *taskdir, const struct taskdir_file *file);
