#pragma once
/*
 * Table of a taskdir: its directories and the files that count in them
 *
 * Reads single files into the table, and finds the one that counts under a name. taskdir-look.c
 * goes through all of them, taskdir.c is what others see of it.
 */
#include "common/index.h"
#include "koowatchd/task/directory.h"
#include "koowatchd/task/fresh-files.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir-handler.h"

#define TASKDIR_MAX 32 /* directories */

struct dirwatch;
struct look;
struct timers;

struct taskdir {
        struct dirwatch *watch; /* NULL: without following, and so are the timers */
        struct timers *timers;
        struct taskdir_handler handler;
        struct directory *dirs;
        unsigned count;
        struct index files;
        struct look *look;
        struct fresh_files fresh;
        uint16_t scan;    /* the number of the look that is under way, or was the last */
        bool in_pieces;   /* a look that nobody has asked for is under way */
        bool look_wanted; /* something was found that asks for one */
        bool missed;      /* something in the directory that is being read */
};

struct taskdir_file *taskdir_find(const struct taskdir *taskdir, const char *name);
/* The task's name in a file's name, or false when the file is none of ours. */
bool taskdir_task_name(const char *base, char *ret, size_t size);

/* Something could not be read that will be there at the next try. */
void taskdir_report_missed(struct taskdir *taskdir, const char *what, int error);
void taskdir_report_stray(struct taskdir *taskdir, const struct directory *directory,
                          const char *base);

/* No file counts under its name any more. */
void taskdir_drop(struct taskdir *taskdir, struct taskdir_file *file);
/*
 * Reads a file: it counts from now on, unless it is just what is known already. Returns false
 * when it is not there (any more). root_only: as directory_is_root_only() says of dirfd.
 */
bool taskdir_load(struct taskdir *taskdir, unsigned dir, int dirfd, bool root_only,
                  const char *name);
/*
 * Finds the file that counts under name, whichever directory it is in now. gone: it is none of
 * this directory, where there was none a moment ago; NULL: it may be in any.
 */
void taskdir_look_up(struct taskdir *taskdir, const char *name, const struct directory *gone);
/* Whether a directory above dir has a file of this name, as far as can be told: 1, 0, or -ENOMEM.
 */
int taskdir_is_hidden(const struct taskdir *taskdir, const char *name, unsigned dir);
