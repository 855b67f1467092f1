#pragma once
/*
 * Fresh files: those that have just come into a task directory, or changed, and may not be whole
 *
 * A file that is opened under its name and written is read when its writer closes it, however
 * long that takes. One that was written before it got its name, by link() or as an O_TMPFILE, is
 * closed by nobody afterwards; and where no event tells of a change, its end cannot be seen
 * either: such a one is read when nothing has happened to it for a second, or after ten in which
 * it would not rest.
 */
#include <stdbool.h>

#include "common/file-state.h"
#include "koowatchd/loop/timer.h"

struct stat;

#define FRESH_MAX 256
#define FRESH_TIME USEC_SEC
#define FRESH_TRIES 10
#define FRESH_WRITTEN_MAX (10 * USEC_MINUTE) /* a writer that is forgotten, then */

struct fresh_file {
        char *path;
        usec_t due;      /* clock_boot() */
        unsigned tries;  /* how often it was looked at, and had changed */
        bool is_written; /* somebody has it open for that, as far as events tell */
        struct file_state seen;
};

struct fresh_files {
        struct fresh_file files[FRESH_MAX]; /* the first that is due first */
        unsigned count;
        struct timers *timers; /* NULL: nothing is waited for */
        struct timer timer;
        void (*on_rest)(void *userdata, const char *path);
        void *userdata;
};

enum fresh_state {
        FRESH_WHOLE,   /* it was there before it got its name */
        FRESH_WAIT,    /* that cannot be seen */
        FRESH_WRITTEN, /* it is empty, and about to be written */
};

/* A file that has just come under its name. */
enum fresh_state fresh_judge(const struct stat *st);

/* on_rest() tells when it is whole. Returns false when there are too many, or no memory. */
bool fresh_wait(struct fresh_files *fresh, const char *path, const struct stat *st);
/* An event says that it is being written; and that this is over, or it is another file now. */
void fresh_write(struct fresh_files *fresh, const char *path);
void fresh_end(struct fresh_files *fresh, const char *path);
/* Events of a directory were lost, the end of a writer perhaps: its files are waited for, too. */
void fresh_lose_events(struct fresh_files *fresh, const char *directory);
bool fresh_is_written(const struct fresh_files *fresh, const char *path);

/* Borrows all; timers may be NULL. Returns 0 or -ENOMEM. */
int fresh_open(struct fresh_files *fresh, struct timers *timers,
               void (*on_rest)(void *userdata, const char *path), void *userdata);
void fresh_close(struct fresh_files *fresh);
