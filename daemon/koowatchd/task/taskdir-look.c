#include "koowatchd/task/taskdir-look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/log.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/report/notify.h"
#include "koowatchd/task/taskdir-table.h"

/* A piece: some milliseconds each, and what they lead to is written in between. */
#define NAMES_A_PIECE 1000
#define KNOWN_A_PIECE 10000
#define FILES_A_PIECE 50
/* Files that take longer each come from a disk: so many of the next ones are announced to it. */
#define SLOW_READ ((usec_t) 60) /* µs */
#define FILES_AHEAD 256
#define PAUSE (10 * USEC_MSEC)

enum look_phase { LOOK_IDLE, LOOK_OPEN, LOOK_LIST, LOOK_LOAD, LOOK_SWEEP, LOOK_DROP };

struct found {
        char *name;
        int64_t mtime_ns;
        bool is_regular;
};

struct listing {
        struct found *files;
        size_t count, allocated;
};

struct look {
        struct taskdir *owner;
        struct timer timer; /* until the next look, or the next piece of this one */
        enum look_phase phase;
        bool again;         /* something has happened meanwhile that asks for another one */
        uint32_t kept;      /* directories (1 << dir) whose files stay, seen or not */
        bool is_incomplete; /* something could not be read */
        bool has_gaps;      /* a directory is absent or empty */
        bool resumed;       /* one that its tasks had waited for is there again */

        unsigned dir;
        DIR *stream; /* of that directory */
        struct stat st;
        bool has_files;         /* it has files with the name of a task */
        struct listing listing; /* those to be read; at the end, to be dropped */
        size_t at;              /* in it; in the table */
        size_t ahead;           /* in it: up to where they are announced; 0: none need be */
};

/* ---- a list: because of two files for one task, the one that came first counts ---- */

static void listing_clear(struct listing *l) {
        for (size_t i = 0; i < l->count; i++)
                free(l->files[i].name);
        free(l->files);
        *l = (struct listing){};
}

static int listing_add(struct listing *l, const char *name, const struct stat *st) {
        char *copy;

        if (l->count == l->allocated) {
                size_t allocated = MAX((size_t) 64, l->allocated * 2);
                struct found *grown = reallocarray(l->files, allocated, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                l->files = grown;
                l->allocated = allocated;
        }
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        l->files[l->count++] = (struct found){.name = copy,
                                              .mtime_ns = file_time_ns(&st->st_mtim),
                                              .is_regular = S_ISREG(st->st_mode)};
        return 0;
}

static int compare_found(const void *a, const void *b) {
        const struct found *x = a, *y = b;

        if (x->mtime_ns != y->mtime_ns)
                return x->mtime_ns < y->mtime_ns ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* ---- one directory ---- */

static struct directory *current(const struct taskdir *t) {
        return &t->dirs[t->look->dir];
}

static void keep_files(struct taskdir *t) {
        t->look->kept |= UINT32_C(1) << t->look->dir;
}

static void report_unreadable(struct taskdir *t, int error) {
        struct directory *d = current(t);

        if (error_is_transient(error))
                taskdir_report_missed(t, d->path, error);
        if (!d->is_failing)
                log_warning("%s: cannot read (%s); its known tasks stay as they are", d->path,
                            strerror(error));
        d->is_failing = true;
        t->look->is_incomplete = true;
        keep_files(t);
}

static void leave_directory(struct taskdir *t) {
        struct look *l = t->look;

        if (l->stream)
                (void) closedir(STEAL_PTR(l->stream));
        listing_clear(&l->listing);
        l->at = l->ahead = 0;
        l->dir++;
        l->phase = LOOK_OPEN;
}

static void open_current(struct taskdir *t) {
        struct look *l = t->look;
        enum directory_state state;
        int fd, error;

        if (l->dir == t->count) {
                l->phase = LOOK_SWEEP;
                return;
        }
        l->has_files = t->missed = false;
        state = directory_open(current(t), &fd, &l->st, &error);
        if (fd >= 0) {
                l->stream = fdopendir(fd);
                error = errno;
        }
        if (l->stream) {
                l->phase = LOOK_LIST;
                return;
        }
        closep(&fd);
        if (state == DIRECTORY_ABSENT) {
                current(t)->is_failing = false;
                directory_is_away(current(t), NULL, clock_boot());
                l->has_gaps = true;
                keep_files(t);
        } else {
                report_unreadable(t, error);
        }
        leave_directory(t);
}

/* Notes that a file is there. Returns whether it need not be read. */
static bool mark_seen(struct taskdir *t, const char *name, const char *base) {
        const struct look *l = t->look;
        struct taskdir_file *known = taskdir_find(t, name);

        if (!known || known->dir != l->dir ||
            known->read_again > (t->in_pieces ? READ_AGAIN_ON_RELOAD : READ_AGAIN_NOT) ||
            !taskdir_file_is_unchanged(known, dirfd(l->stream), base,
                                       directory_is_root_only(&l->st)))
                return false;
        known->scan = t->scan;
        return true;
}

/* It may be half written: it is read when its writer closes it, or looked at a moment later. */
static bool is_fresh(struct taskdir *t, const char *base, const struct stat *st) {
        usec_t age = clock_wall() - file_time_ns(&st->st_mtim) / 1000;
        bool is_young = t->in_pieces && age >= 0 && age < FRESH_TIME;
        CLEANUP(freep) char *path = NULL;

        if (!is_young && t->fresh.count == 0)
                return false;
        path = str_printf("%s/%s", current(t)->path, base);
        if (!path || fresh_is_written(&t->fresh, path))
                return path;
        return is_young && fresh_wait(&t->fresh, path, st);
}

static int note_entry(struct taskdir *t, const char *base) {
        struct look *l = t->look;
        char name[NAME_MAX + 1], back[NAME_MAX + 1];
        struct stat st = {};
        int r;

        if (t->timers && current(t)->removes_finished &&
            taskdir_file_put_back(dirfd(l->stream), base, back, sizeof(back)))
                base = back;
        if (!taskdir_task_name(base, name, sizeof(name))) {
                taskdir_report_stray(t, current(t), base);
                return 0;
        }
        l->has_files = true;
        r = mark_seen(t, name, base) ? 1 : taskdir_is_hidden(t, name, l->dir);
        if (r != 0)
                return MIN(r, 0); /* what cannot be told apart must not count as gone */
        if (fstatat(dirfd(l->stream), base, &st, 0) == 0 && is_fresh(t, base, &st)) {
                struct taskdir_file *known = taskdir_find(t, name);

                if (known)
                        known->scan = t->scan;
                else
                        l->is_incomplete = true; /* there is a file that nobody knows of yet */
                return 0;
        }
        return listing_add(&l->listing, name, &st);
}

static void list_some(struct taskdir *t) {
        struct look *l = t->look;
        const struct dirent *entry = NULL;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < NAMES_A_PIECE; i++) {
                errno = 0;
                entry = readdir(l->stream);
                r = entry ? note_entry(t, entry->d_name) : -errno;
                if (!entry)
                        break;
        }
        if (r < 0)
                report_unreadable(t, -r); /* what was listed is read all the same */
        if (entry && r == 0)
                return;
        if (l->listing.count > 0)
                qsort(l->listing.files, l->listing.count, sizeof(*l->listing.files), compare_found);
        if (r == 0)
                current(t)->is_failing = false;
        l->phase = LOOK_LOAD;
}

/* All of it was read that could be. */
static void finish_directory(struct taskdir *t) {
        struct look *l = t->look;
        struct directory *d = current(t);
        bool is_same = d->inode == l->st.st_ino && d->device == l->st.st_dev;

        if (t->missed) {
                l->is_incomplete = true;
                keep_files(t);
        }
        l->has_gaps |= !l->has_files;
        if (d->is_failing) { /* as if nothing had been seen */
        } else if (l->has_files || is_same || d->files == 0) {
                l->resumed |= d->is_suspended;
                directory_is_there(d, &l->st);
        } else {
                directory_is_away(d, &l->st, clock_boot());
                keep_files(t);
        }
        leave_directory(t);
}

/* The disk reads them all at once, and not one after the other. */
static void announce(const struct look *l, const struct found *file) {
        char base[NAME_MAX + 1];
        int fd;

        if (!file->is_regular)
                return;
        (void) snprintf(base, sizeof(base), "%s%s", file->name, TASK_SUFFIX);
        fd = openat(dirfd(l->stream), base,
                    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                (void) posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
        closep(&fd);
}

static void load_some(struct taskdir *t) {
        struct look *l = t->look;
        const size_t end = MIN(l->at + FILES_A_PIECE, l->listing.count);
        const usec_t began = clock_running(), bound = (usec_t) (end - l->at) * SLOW_READ;

        for (; l->at < end; l->at++)
                (void) taskdir_load(t, l->dir, dirfd(l->stream), directory_is_root_only(&l->st),
                                    l->listing.files[l->at].name);
        if (l->ahead > 0 || clock_running() - began > bound)
                for (l->ahead = MAX(l->ahead, end);
                     l->ahead < MIN(end + FILES_AHEAD, l->listing.count); l->ahead++)
                        announce(l, &l->listing.files[l->ahead]);
        if (l->at == l->listing.count)
                finish_directory(t);
}

/* ---- what was not seen ---- */

static bool is_kept(const struct taskdir *t, const struct taskdir_file *file) {
        return file->scan == t->scan || (t->look->kept & UINT32_C(1) << file->dir);
}

/* A file may be added meanwhile, and others move in the table: such a one is for the next look. */
static void sweep_some(struct taskdir *t) {
        struct look *l = t->look;

        for (unsigned i = 0; i < KNOWN_A_PIECE; i++) {
                const struct taskdir_file *file = index_next(&t->files, &l->at);

                if (!file) {
                        l->phase = LOOK_DROP;
                        l->at = 0;
                        return;
                }
                if (!is_kept(t, file) && listing_add(&l->listing, file->name, &(struct stat){}) < 0)
                        l->is_incomplete = true;
        }
}

/*
 * It may have been moved to a directory that was read before, or be in no place of one that it is
 * renamed in while that is read.
 */
static void drop_unseen(struct taskdir *t, const char *name) {
        const struct taskdir_file *file = taskdir_find(t, name);

        if (file && !is_kept(t, file)) /* else it has come back meanwhile */
                taskdir_look_up(t, name, NULL);
}

static void finish(struct taskdir *t) {
        struct look *l = t->look;

        listing_clear(&l->listing);
        l->phase = LOOK_IDLE;
        t->in_pieces = false;
        l->again |= t->look_wanted;
        if (t->handler.on_scanned)
                t->handler.on_scanned(t->handler.userdata, !l->is_incomplete, l->has_gaps);
        if (l->resumed && t->handler.on_suspended)
                t->handler.on_suspended(t->handler.userdata);
}

static void drop_some(struct taskdir *t) {
        struct look *l = t->look;

        for (unsigned i = 0; i < FILES_A_PIECE && l->at < l->listing.count; i++)
                drop_unseen(t, l->listing.files[l->at++].name);
        if (l->at == l->listing.count)
                finish(t);
}

/* ---- the whole ---- */

void look_cancel(struct taskdir *t) {
        struct look *l = t->look;

        if (l->stream)
                (void) closedir(STEAL_PTR(l->stream));
        listing_clear(&l->listing);
        l->phase = LOOK_IDLE;
        t->in_pieces = false;
}

static void begin(struct taskdir *t, bool in_pieces) {
        struct look *l = t->look;

        look_cancel(t);
        t->in_pieces = in_pieces;
        l->again = l->is_incomplete = l->has_gaps = l->resumed = false;
        t->look_wanted = false;
        t->scan++;
        l->kept = 0;
        l->dir = 0;
        l->at = l->ahead = 0;
        l->phase = LOOK_OPEN;
        if (t->handler.on_scan)
                t->handler.on_scan(t->handler.userdata);
}

static void step(struct taskdir *t) {
        static void (*const steps[])(struct taskdir * t) = {
                [LOOK_OPEN] = open_current, [LOOK_LIST] = list_some, [LOOK_LOAD] = load_some,
                [LOOK_SWEEP] = sweep_some,  [LOOK_DROP] = drop_some,
        };

        steps[t->look->phase](t);
}

static void suspend_some(struct taskdir *t, usec_t now) {
        bool changed = false;

        for (unsigned i = 0; i < t->count; i++)
                changed |= directory_suspend(&t->dirs[i], now);
        if (changed && t->handler.on_suspended)
                t->handler.on_suspended(t->handler.userdata);
}

static void on_timer(struct timer *timer, usec_t now) {
        struct look *l = container_of(timer, struct look, timer);
        struct taskdir *t = l->owner;

        if (l->phase == LOOK_IDLE) {
                if (t->watch)
                        dirwatch_refresh(t->watch);
                begin(t, true);
        }
        step(t);
        if (l->phase != LOOK_IDLE) {
                timer_arm(t->timers, timer, now + PAUSE);
                return;
        }
        suspend_some(t, now);
        timer_arm(t->timers, timer, l->again ? now : now + LOOK_PERIOD);
}

void look_scan(struct taskdir *t) {
        begin(t, false);
        while (t->look->phase != LOOK_IDLE) {
                step(t);
                notify_busy(clock_boot());
        }
        if (t->timers)
                timer_arm(t->timers, &t->look->timer, clock_boot() + LOOK_PERIOD);
}

void look_soon(struct taskdir *t) {
        if (!t->timers)
                return;
        if (t->look->phase != LOOK_IDLE)
                t->look->again = true;
        else
                timer_arm(t->timers, &t->look->timer, clock_boot());
}

int look_open(struct taskdir *t) {
        t->look = calloc(1, sizeof(*t->look));
        if (!t->look)
                return -ENOMEM;
        t->look->owner = t;
        return t->timers ? timer_open(t->timers, &t->look->timer, on_timer) : 0;
}

void look_close(struct taskdir *t) {
        if (!t->look)
                return;
        look_cancel(t);
        if (t->timers)
                timer_close(t->timers, &t->look->timer);
        free(STEAL_PTR(t->look));
}
