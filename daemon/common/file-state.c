#include "common/file-state.h"

#include <errno.h>

struct file_state file_state_of(const struct stat *st) {
        return (struct file_state){
                .device = st->st_dev,
                .inode = st->st_ino,
                .size = st->st_size,
                .modified = st->st_mtim,
                .changed = st->st_ctim,
        };
}

struct file_state file_state_look(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return (struct file_state){.error = errno};
        return file_state_of(&st);
}

int64_t file_time_ns(const struct timespec *t) {
        int64_t ns;

        if (__builtin_mul_overflow((int64_t) t->tv_sec, INT64_C(1000000000), &ns) ||
            __builtin_add_overflow(ns, (int64_t) t->tv_nsec, &ns))
                return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
        return ns;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_state_is_same(const struct file_state *a, const struct file_state *b) {
        return a->error == b->error && a->device == b->device && a->inode == b->inode &&
               a->size == b->size && is_same_time(&a->modified, &b->modified) &&
               is_same_time(&a->changed, &b->changed);
}
