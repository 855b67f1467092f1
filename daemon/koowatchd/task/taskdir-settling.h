#pragma once
/*
 * Settling files: those that have come into a directory and may still be written
 *
 * A file that is opened under its name and written is read when its writer closes it. One that
 * was written before it got its name, by link() or as an O_TMPFILE, is closed by nobody
 * afterwards: it is whole when nothing has happened to it for a second.
 */
#include <stdbool.h>
#include <stdint.h>

#include "koowatchd/loop/timer.h"

struct stat;

#define SETTLING_MAX 256
#define SETTLING_TIME USEC_SEC

struct settling_file {
        char *path;
        usec_t due; /* clock_boot() */
        uint64_t inode;
        int64_t mtime_ns, size;
};

struct settling {
        struct settling_file files[SETTLING_MAX]; /* the first that is due first */
        unsigned count;
        struct timers *timers; /* NULL: nothing is waited for */
        struct timer timer;
        /* It has not changed for a second. */
        void (*on_settled)(void *userdata, const char *path);
        void *userdata;
};

enum settling_state {
        SETTLING_WHOLE,   /* it was there before it got its name */
        SETTLING_WAIT,    /* that cannot be seen */
        SETTLING_WRITTEN, /* it is empty, and about to be written */
};

/* A file that has just come under its name. */
enum settling_state settling_judge(const struct stat *st);

/* Waits for it. Returns false when there are too many already, or no memory. */
bool settling_add(struct settling *settling, const char *path, const struct stat *st);

/* Borrows all; timers may be NULL. Returns 0 or -ENOMEM. */
int settling_open(struct settling *settling, struct timers *timers,
                  void (*on_settled)(void *userdata, const char *path), void *userdata);
void settling_close(struct settling *settling);
