#include "koowatchd/task/taskdir-settling.h"

#include <sys/stat.h>

#include "common/util.h"

static int64_t nanoseconds(const struct timespec *t) {
        return (int64_t) t->tv_sec * 1000000000 + t->tv_nsec;
}

enum settling_state settling_judge(const struct stat *st) {
        if (!S_ISREG(st->st_mode) || st->st_nlink > 1)
                return SETTLING_WHOLE;
        if (st->st_size == 0)
                return SETTLING_WRITTEN;
        /* A write sets both times to one value; the name that comes later sets the ctime alone. */
        return nanoseconds(&st->st_mtim) < nanoseconds(&st->st_ctim) ? SETTLING_WHOLE
                                                                     : SETTLING_WAIT;
}

bool settling_add(struct settling *s, const char *path, const struct stat *st) {
        char *copy;

        for (unsigned i = 0; i < s->count; i++)
                if (streq(s->files[i].path, path))
                        return true;
        if (!s->timers || s->count == SETTLING_MAX)
                return false;
        copy = strdup(path);
        if (!copy)
                return false;
        s->files[s->count++] = (struct settling_file){
                copy,        clock_boot() + SETTLING_TIME, st->st_ino, nanoseconds(&st->st_mtim),
                st->st_size,
        };
        timer_arm(s->timers, &s->timer, s->files[0].due);
        return true;
}

static bool is_unchanged(const struct settling_file *file) {
        struct stat st;

        return stat(file->path, &st) == 0 && st.st_ino == file->inode &&
               nanoseconds(&st.st_mtim) == file->mtime_ns && st.st_size == file->size;
}

static void on_timer(struct timer *timer, usec_t now) {
        struct settling *s = container_of(timer, struct settling, timer);

        while (s->count > 0 && s->files[0].due <= now) {
                struct settling_file file = s->files[0];
                CLEANUP(freep) UNUSED char *path = file.path;

                memmove(s->files, s->files + 1, --s->count * sizeof(s->files[0]));
                if (is_unchanged(&file))
                        s->on_settled(s->userdata, file.path);
        }
        timer_arm(s->timers, timer, s->count > 0 ? s->files[0].due : USEC_INFINITY);
}

int settling_open(struct settling *s, struct timers *timers,
                  void (*on_settled)(void *userdata, const char *path), void *userdata) {
        s->timers = timers;
        s->on_settled = on_settled;
        s->userdata = userdata;
        return timers ? timer_open(timers, &s->timer, on_timer) : 0;
}

void settling_close(struct settling *s) {
        if (s->timers)
                timer_close(s->timers, &s->timer);
        while (s->count > 0)
                free(s->files[--s->count].path);
}
