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

#define TASK_SUFFIX ".task"

struct stat;

/* Whether a file that has not changed is read again. */
enum read_again {
        READ_AGAIN_NOT,
        READ_AGAIN_ON_RELOAD, /* what is wrong with it may lie in the configuration */
        READ_AGAIN_SOON,      /* what kept it from being read may pass */
};

/* As it was read last. One for each task that there is: it is packed. */
struct taskdir_file {
        uint64_t inode;
        int64_t mtime_ns;
        uint32_t stamp;     /* of the rest by which it is known: device, size, ctime */
        uint32_t text_hash; /* of its text and of who may read it; 0: it could not be read */
        uint16_t scan;      /* the last one that has seen it */
        uint8_t references; /* of the table, and of an entry or two */
        uint8_t dir;        /* 0 is the highest */
        enum read_again read_again : 2;
        bool removes_finished : 1; /* finished files are removed there: STATE/tasks.d, below /run */
        bool is_removed : 1; /* by us: what comes under its name is another one, however like it */
        bool is_link : 1;    /* not followed, and known by what the link itself is */
        bool is_remote : 1;  /* of another node, which alone reads and removes it */
        bool is_published : 1; /* the other nodes know it as it is; its own, that it is done */
        char name[];           /* without ".task"; of a remote one node and path follow */
};

#define REMOTE_DIR (UINT8_MAX - 1) /* the lowest, and none that a taskdir has */

/* With one reference; NULL when memory is short. */
struct taskdir_file *taskdir_file_new(const char *name);
/* Likewise, of another node; its name is the path's. */
struct taskdir_file *taskdir_file_new_remote(const char *node, const char *path);
/* Of a remote one. */
const char *taskdir_file_node(const struct taskdir_file *file);
const char *taskdir_file_remote_path(const struct taskdir_file *file);
struct taskdir_file *taskdir_file_ref(struct taskdir_file *file);
/* Accepts NULL. */
void taskdir_file_unref(struct taskdir_file *file);
DEFINE_CLEANUP(struct taskdir_file *, taskdir_file_unref)

/* Notes what it is known by. */
void taskdir_file_identify(struct taskdir_file *file, const struct stat *st);
/* Whether nothing shows that one is not the other. */
bool taskdir_file_is_same(const struct taskdir_file *a, const struct taskdir_file *b);
/* Whether the file is just as it was read, as far as can be seen without reading it. */
bool taskdir_file_is_unchanged(const struct taskdir_file *file, int dirfd, const char *base,
                               bool root_only);

/* What was read. Strings are borrowed from whoever has read it. */
struct task_file {
        struct taskdir_file *file;
        const char *path;
        const char *text; /* NULL: problem says why it could not be read */
        size_t length;
        const char *problem;
        bool may_pass;       /* the problem, without a change of the file: a disk that fails */
        bool root_only;      /* its directory is writable by root alone */
        bool world_readable; /* others than owner and group can read it */
        bool is_retry;       /* it has not changed, but what was wrong with it may have passed */
};

/*
 * Reads base in the directory dirfd and identifies file->file, which is there already, as is
 * file->root_only. Returns 0, also for a file that cannot be taken (text is NULL), -ENOENT, or
 * another negative errno for what may pass. *ret_text: what file->text points to; the caller
 * frees it.
 */
int task_file_load(int dirfd, const char *base, struct task_file *file, char **ret_text);

/* In the directory dirfd; as taskdir_remove(). */
int taskdir_file_remove(int dirfd, const struct taskdir_file *file);
/*
 * What a crash in taskdir_file_remove() has left set aside gets its name back: it may be another
 * file, not watched yet. Returns false when aside is no such name, else true with the name in ret.
 */
bool taskdir_file_put_back(int dirfd, const char *aside, char *ret, size_t size);
