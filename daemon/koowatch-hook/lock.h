#pragma once
/*
 * One runner an event: a lock file in a directory of the runner's own
 *
 * The lock is held by an open descriptor, so that it is gone with the process
 * that held it, whatever became of that one; the file itself says nothing.
 */
#include "common/util.h"

struct lock {
        int dir_fd;
        int fd;
        char *name; /* NULL: not held */
};

#define LOCK_NULL ((struct lock){.dir_fd = -1, .fd = -1})

/*
 * Takes the lock of id, a file name, without waiting. Returns 0, -EBUSY when
 * another process holds it, or another negative errno with *ret_why a static text
 * that says what failed.
 */
int lock_take(const char *id, struct lock *ret, const char **ret_why);

/* Removes the file and gives the lock up; does nothing to one that is not held. */
void lock_release(struct lock *lock);
