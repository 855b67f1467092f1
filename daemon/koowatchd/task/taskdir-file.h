#pragma once
/*
 * Task directory's file: one that counts under its name, and what is read of it
 *
 * The record is the table's of taskdir.c; others read it, and hold references for as long
 * as they name a task by it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/util.h"

struct stat;

/* As it was read last. */
struct taskdir_file {
        uint64_t inode;
        int64_t mtime_ns;
        uint32_t scan;         /* the last one that has seen it */
        uint32_t size;         /* bytes; one too large for this is too large for a task anyway */
        uint8_t references;    /* of the table, and of an entry or two */
        uint8_t dir;           /* 0 is the highest */
        bool removes_finished; /* finished files are removed there: STATE/tasks.d, below /run */
        bool read_again;       /* by the next scan, also when it has not changed */
        char name[];           /* without ".task" */
};

/* With one reference; NULL when memory is short. */
struct taskdir_file *taskdir_file_new(const char *name);
struct taskdir_file *taskdir_file_ref(struct taskdir_file *file);
/* Accepts NULL. */
void taskdir_file_unref(struct taskdir_file *file);
DEFINE_CLEANUP(struct taskdir_file *, taskdir_file_unref)

/* Notes inode, mtime and size. */
void taskdir_file_identify(struct taskdir_file *file, const struct stat *st);
/* Whether nothing shows that one is not the other. */
bool taskdir_file_is_same(const struct taskdir_file *a, const struct taskdir_file *b);

/* What was read. Strings are borrowed from whoever has read it. */
struct task_file {
        struct taskdir_file *file;
        const char *path;
        const char *text; /* NULL: problem says why it could not be read */
        size_t length;
        const char *problem;
        bool root_only;      /* its directory is writable by root alone */
        bool world_readable; /* others than owner and group can read it */
};

/*
 * Reads base in the directory dirfd and identifies file->file, which is there already. Returns
 * 0, also for a file that cannot be taken (text is NULL), -ENOENT, or another negative errno for
 * what may pass. *ret_text: what file->text points to; the caller frees it.
 */
int task_file_load(int dirfd, const char *base, struct task_file *file, char **ret_text);
