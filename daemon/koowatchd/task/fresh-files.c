#include "koowatchd/task/fresh-files.h"

#include <sys/stat.h>

#include "common/util.h"

enum fresh_state fresh_judge(const struct stat *st) {
        if (!S_ISREG(st->st_mode) || st->st_nlink > 1)
                return FRESH_WHOLE;
        if (st->st_size == 0)
                return FRESH_WRITTEN;
        /* A write sets both times to one value; the name that comes later sets the ctime alone. */
        return file_time_ns(&st->st_mtim) < file_time_ns(&st->st_ctim) ? FRESH_WHOLE : FRESH_WAIT;
}

/* ---- the list ---- */

static struct fresh_file *find(const struct fresh_files *f, const char *path) {
        for (unsigned i = 0; i < f->count; i++)
                if (streq(f->files[i].path, path))
                        return (struct fresh_file *) &f->files[i];
        return NULL;
}

static void arm(struct fresh_files *f) {
        timer_arm(f->timers, &f->timer, f->count > 0 ? f->files[0].due : USEC_INFINITY);
}

/* Takes it out; its path is the caller's then. */
static struct fresh_file take(struct fresh_files *f, struct fresh_file *file) {
        struct fresh_file taken = *file;
        size_t after = (size_t) (f->files + --f->count - file);

        memmove(file, file + 1, after * sizeof(*file));
        return taken;
}

/* Puts it in its place; the path is taken over. Returns false when there are too many. */
static bool insert(struct fresh_files *f, const struct fresh_file *file) {
        unsigned at = f->count;

        if (f->count == FRESH_MAX || !file->path) {
                free(file->path);
                return false;
        }
        while (at > 0 && f->files[at - 1].due > file->due)
                at--;
        memmove(f->files + at + 1, f->files + at, (f->count - at) * sizeof(*file));
        f->files[at] = *file;
        f->count++;
        arm(f);
        return true;
}

bool fresh_wait(struct fresh_files *f, const char *path, const struct stat *st) {
        struct fresh_file file = {.due = clock_boot() + FRESH_TIME};

        if (!f->timers)
                return false;
        fresh_end(f, path);
        file.path = strdup(path);
        file.seen = file_state_of(st);
        return insert(f, &file);
}

void fresh_write(struct fresh_files *f, const char *path) {
        struct fresh_file *known = find(f, path);

        if (!f->timers || (known && known->is_written))
                return;
        fresh_end(f, path);
        (void) insert(f, &(struct fresh_file){.path = strdup(path),
                                              .due = clock_boot() + FRESH_WRITTEN_MAX,
                                              .is_written = true});
}

void fresh_end(struct fresh_files *f, const char *path) {
        struct fresh_file *file = find(f, path);

        if (!file)
                return;
        free(take(f, file).path);
        arm(f);
}

bool fresh_is_written(const struct fresh_files *f, const char *path) {
        const struct fresh_file *file = find(f, path);

        return file && file->is_written;
}

static bool is_in(const struct fresh_file *file, const char *directory) {
        const char *base = strrchr(file->path, '/');

        return base && strlen(directory) == (size_t) (base - file->path) &&
               str_after(file->path, directory);
}

void fresh_lose_events(struct fresh_files *f, const char *directory) {
        for (unsigned i = 0; i < f->count;) {
                struct fresh_file file;

                if (!f->files[i].is_written || !is_in(&f->files[i], directory)) {
                        i++;
                        continue;
                }
                file = take(f, &f->files[i]);
                file.is_written = false;
                file.due = clock_boot() + FRESH_TIME;
                (void) insert(f, &file);
        }
}

/* ---- time ---- */

/* It is due, and taken out: it is read, waited for once more, or forgotten. */
static void look_at(struct fresh_files *f, struct fresh_file *file, usec_t now) {
        struct file_state state = file_state_look(file->path);

        if (!file->is_written && !state.error) {
                if (++file->tries >= FRESH_TRIES || file_state_is_same(&state, &file->seen)) {
                        f->on_rest(f->userdata, file->path);
                } else {
                        file->seen = state;
                        file->due = now + FRESH_TIME;
                        (void) insert(f, file);
                        return;
                }
        }
        free(file->path);
}

static void on_timer(struct timer *timer, usec_t now) {
        struct fresh_files *f = container_of(timer, struct fresh_files, timer);

        while (f->count > 0 && f->files[0].due <= now) {
                struct fresh_file file = take(f, &f->files[0]);

                look_at(f, &file, now);
        }
        arm(f);
}

int fresh_open(struct fresh_files *f, struct timers *timers,
               void (*on_rest)(void *userdata, const char *path), void *userdata) {
        f->timers = timers;
        f->on_rest = on_rest;
        f->userdata = userdata;
        return timers ? timer_open(timers, &f->timer, on_timer) : 0;
}

void fresh_close(struct fresh_files *f) {
        if (f->timers)
                timer_close(f->timers, &f->timer);
        while (f->count > 0)
                free(f->files[--f->count].path);
}
