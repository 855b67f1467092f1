#pragma once
/*
 * Task directories: which task files there are, and what happens to them
 *
 * Reads the configured directories, follows them by inotify, and tells of each
 * file that counts: a file hides its namesakes in lower directories. It keeps no
 * table of files: what was there before is its caller's to know.
 */
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/util.h"
#include "koowatchd/loop/dirwatch.h"

#define TASKDIR_MAX 32 /* directories */

/* Where a file lies, and which one it is. */
struct task_file_id {
        uint64_t inode;
        int64_t mtime_ns;
        uint32_t size; /* bytes; one that is too large for this is too large for a task anyway */
        uint32_t dir;  /* 0 is the highest */
};

/* Strings are borrowed for the call. */
struct task_file {
        const char *name; /* without ".task" */
        const char *path;
        struct task_file_id id;
        const char *text; /* NULL: problem says why it could not be read */
        size_t length;
        const char *problem;
        bool root_only;      /* its directory is writable by root alone */
        bool world_readable; /* others than owner and group can read it */
};

struct taskdir_handler {
        /*
         * A file with this id counts under name, found by a scan. Returns whether it is known
         * as such, so that it need not be read.
         */
        bool (*on_seen)(void *userdata, const char *name, const struct task_file_id *id);
        /* The directory of the file that counts under name so far; -1: there is none. */
        int (*dir_of)(void *userdata, const char *name);
        /* A file is new or may have changed. */
        void (*on_file)(void *userdata, const struct task_file *file);
        /* No file counts under name any more. */
        void (*on_gone)(void *userdata, const char *name);
        /*
         * A scan begins, and ends: what was neither seen nor told of is gone, unless its
         * directory is among the unreadable (bit 1 << dir).
         */
        void (*on_scan)(void *userdata);
        void (*on_scanned)(void *userdata, uint32_t unreadable);
        /* A file, or what else it may be, whose name is not a task file's; not hidden. */
        void (*on_stray)(void *userdata, const char *path);
        /* Descriptors or memory were short, or a disk failed: something may have been missed. */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        void *userdata;
};

struct taskdir;

/*
 * directories: colon-separated absolute paths, highest first. state_tasks is the one
 * of them (if any) whose finished files may be removed, as may those below /run.
 * watch: NULL for a look without following. Returns 0 or a negative errno.
 */
int taskdir_new(struct dirwatch *watch, const char *directories, const char *state_tasks,
                const struct taskdir_handler *handler, struct taskdir **ret);
void taskdir_free(struct taskdir *taskdir);
DEFINE_CLEANUP(struct taskdir *, taskdir_free)

/* Reads all directories, with on_scan() first and on_scanned() last. */
void taskdir_scan(struct taskdir *taskdir);

/* Which of the directories path is, or -1. */
int taskdir_find(const struct taskdir *taskdir, const char *path);
const char *taskdir_path(const struct taskdir *taskdir, unsigned dir);
/* Whether finished files in it are removed: STATE/tasks.d and what lies below /run. */
bool taskdir_is_volatile(const struct taskdir *taskdir, unsigned dir);

/*
 * Removes a finished file, if it still is the one with this id: renamed away first,
 * looked at, then unlinked or put back. Returns 0, -ESTALE when it is another one
 * (which stays), or a negative errno.
 */
int taskdir_remove(struct taskdir *taskdir, const char *name, const struct task_file_id *id);
