#pragma once
/*
 * File state: what can be seen of a file without reading it, to tell whether it has changed
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Compared by file_state_is_same(). */
struct file_state {
        int error; /* errno, why nothing can be seen; 0: there is a file */
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec modified, changed;
};

struct file_state file_state_of(const struct stat *st);
/* Of the file that path leads to. */
struct file_state file_state_look(const char *path);
/* Nanoseconds since 1970; what is too far away for them is as far away as they reach. */
int64_t file_time_ns(const struct timespec *time);
bool file_state_is_same(const struct file_state *a, const struct file_state *b);
