#pragma once
/*
 * Directory: one task directory, and whether it is the one that it was
 *
 * It is known by device and inode. Another one that holds task files is believed at once. One
 * that is absent, or another one and empty, while files of it are known, is away: a file system
 * is not mounted, or somebody is replacing it. Nothing of it is forgotten meanwhile.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/task/directory-sync.h"

struct dirwatch_dir;
struct stat;
struct taskdir;

#define DIRECTORY_PATIENCE                                                     \
        (5 * USEC_MINUTE) /* for so long its tasks are polled while it is away \
                           */

struct directory {
        struct taskdir *owner;
        struct dirwatch_dir *watched;
        char *path;
        struct directory_sync sync;
        uint64_t device, inode; /* of when it was seen last, and was not away; 0: never */
        usec_t away_since;      /* clock_boot(); 0: it is there */
        unsigned files;         /* that count and lie in it */
        bool removes_finished;
        bool is_failing;   /* reported as unreadable */
        bool is_suspended; /* away for too long: its tasks wait */
};

/* What there is in its place now. */
enum directory_state {
        DIRECTORY_SAME,
        DIRECTORY_OTHER,
        DIRECTORY_ABSENT,
        DIRECTORY_UNREADABLE,
};

/*
 * Opens it: *ret_fd is -1 where it is absent or unreadable. *ret_error, if not NULL, gets the
 * errno of what is unreadable.
 */
enum directory_state directory_open(const struct directory *directory, int *ret_fd,
                                    struct stat *ret_stat, int *ret_error);

/* Whether root alone can write to a directory, and so none but it can put a link there. */
bool directory_is_root_only(const struct stat *st);

/* Why its tasks stay as they were, in words; NULL: they do not. */
const char *directory_trouble(const struct directory *directory);

/* It was read, and is believed. */
void directory_is_there(struct directory *directory, const struct stat *st);
/* It is absent, or (st is not NULL) another one and empty. Without known files it is just that. */
void directory_is_away(struct directory *directory, const struct stat *st, usec_t now);
/* Its patience may be over. Returns whether its tasks wait from now on. */
bool directory_suspend(struct directory *directory, usec_t now);
