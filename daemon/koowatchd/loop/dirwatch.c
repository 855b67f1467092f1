#include "koowatchd/loop/dirwatch.h"

#include <errno.h>
#include <limits.h>
#include <sys/queue.h>

#include "common/log.h"

/*
 * One mask for all and more for some, added to what there is, because directories may share a
 * watch descriptor (the ancestor of one is another) and the mask belongs to the descriptor.
 */
#define EVENTS                                                                              \
        (IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | \
         IN_DELETE_SELF | IN_MOVE_SELF)
#define LOST (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

struct dirwatch_dir {
        LIST_ENTRY(dirwatch_dir) link; /* dirwatch::dirs */
        char *path;
        int wd;      /* -1: not watched */
        bool exact;  /* wd is path itself, not an ancestor */
        bool failed; /* reported as not watched */
        uint32_t more;
        dirwatch_fn fn;
        void *userdata;
};

struct dirwatch {
        struct ev_loop *loop;
        ev_io io;    /* its fd is -1 without an inotify instance */
        bool failed; /* a lack of instances or watches was reported */
        LIST_HEAD(dirwatch_dirs, dirwatch_dir) dirs;
};

static bool wd_in_use(struct dirwatch *w, int wd) {
        struct dirwatch_dir *d;

        LIST_FOREACH(d, &w->dirs, link)
        if (d->wd == wd)
                return true;
        return false;
}

static void dir_detach(struct dirwatch *w, struct dirwatch_dir *d) {
        int wd = d->wd;

        d->wd = -1;
        d->exact = false;
        if (wd >= 0 && !wd_in_use(w, wd))
                (void) inotify_rm_watch(w->io.fd, wd);
}

/*
 * Watches path, or else the nearest ancestor that there is. *ret_missing gets the
 * first component below it that is not there (all of path when it is there).
 */
static int add_nearest(struct dirwatch *w, const char *path, uint32_t more, char *ret_missing,
                       size_t size, bool *ret_exact) {
        char at[PATH_MAX];

        if (strlen(path) >= sizeof(at))
                return -ENAMETOOLONG;
        memcpy(at, path, strlen(path) + 1);
        (void) snprintf(ret_missing, size, "%s", path);
        *ret_exact = true;

        for (;;) {
                int wd = inotify_add_watch(
                        w->io.fd, at, EVENTS | (*ret_exact ? more : 0) | IN_ONLYDIR | IN_MASK_ADD);
                char *slash;

                if (wd >= 0)
                        return wd;
                if (errno != ENOENT && errno != ENOTDIR)
                        return -errno;
                slash = strrchr(at, '/');
                if (!slash || streq(at, "/"))
                        return -ENOENT;
                (void) snprintf(ret_missing, size, "%s", at);
                slash[slash == at ? 1 : 0] = '\0';
                *ret_exact = false;
        }
}

/* ENOSPC speaks of no disk here. */
static const char *describe(int error) {
        return error == -ENOSPC ? "too many watches for this user: raise "
                                  "fs.inotify.max_user_watches with sysctl"
                                : strerror(-error);
}

/* What all of them lack is reported for the first one. */
static void report_unwatched(struct dirwatch *w, struct dirwatch_dir *d, int error) {
        if (!d->failed && !(error == -ENOSPC && w->failed))
                log_warning("%s: cannot watch for changes (%s); they are noticed within two "
                            "minutes",
                            d->path, describe(error));
        d->failed = true;
        w->failed |= error == -ENOSPC;
}

static void dir_attach(struct dirwatch *w, struct dirwatch_dir *d) {
        char missing[PATH_MAX];
        bool exact = false;
        int wd;

        if (w->io.fd < 0)
                return;
        /* What was missing may have come between the look and the watch: look again until not. */
        for (unsigned i = 0; i < 64; i++) {
                wd = add_nearest(w, d->path, d->more, missing, sizeof(missing), &exact);
                if (wd != d->wd)
                        dir_detach(w, d);
                if (wd < 0) {
                        report_unwatched(w, d, wd);
                        return;
                }
                d->failed = false;
                d->wd = wd;
                d->exact = exact;
                if (exact || access(missing, F_OK) < 0)
                        return;
        }
}

static void event_dispatch(struct dirwatch *w, const struct inotify_event *event) {
        const char *name = event->len > 0 ? event->name : NULL;

        struct dirwatch_dir *d;

        LIST_FOREACH(d, &w->dirs, link) {
                bool was_exact = d->exact;

                if (event->mask & IN_Q_OVERFLOW) {
                        dir_attach(w,
                                   d); /* what was lost may have been about the directory itself */
                        d->fn(d->userdata, NULL, event->mask);
                        continue;
                }
                if (d->wd != event->wd)
                        continue;
                if ((event->mask & IN_ALL_EVENTS) == IN_MODIFY && !(was_exact && d->more))
                        continue;
                if (was_exact && !(event->mask & LOST)) {
                        /* Without a name it is about the directory: its mode, say. */
                        d->fn(d->userdata, name, event->mask);
                        continue;
                }
                if (event->mask & LOST)
                        dir_detach(w, d);
                dir_attach(w, d);
                if (was_exact || d->exact)
                        d->fn(d->userdata, NULL, event->mask);
        }
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents) {
        struct dirwatch *w = container_of(io, struct dirwatch, io);
        char buffer[8 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
        ssize_t n;

        (void) loop;
        (void) revents;

        /* One buffer a turn: a flood of events must not hold up the polls. */
        n = read(io->fd, buffer, sizeof(buffer));
        for (ssize_t at = 0; at < n;) {
                const struct inotify_event *event = (const void *) (buffer + at);

                event_dispatch(w, event);
                at += (ssize_t) (sizeof(*event) + event->len);
        }
}

static void report_no_instance(struct dirwatch *w, int error) {
        if (!w->failed)
                log_warning("no directory can be watched for changes (%s); they are noticed within "
                            "two minutes",
                            error == EMFILE ? "too many inotify instances for this user: raise "
                                              "fs.inotify.max_user_instances with sysctl, or "
                                              "LimitNOFILE= of the unit"
                                            : strerror(error));
        w->failed = true;
}

static void instance_open(struct dirwatch *w) {
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (fd < 0) {
                report_no_instance(w, errno);
                return;
        }
        ev_io_set(&w->io, fd, EV_READ);
        ev_io_start(w->loop, &w->io);
}

int dirwatch_new(struct ev_loop *loop, struct dirwatch **ret) {
        struct dirwatch *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        w->loop = loop;
        LIST_INIT(&w->dirs);
        ev_io_init(&w->io, on_readable, -1, EV_READ);
        instance_open(w);
        *ret = w;
        return 0;
}

void dirwatch_free(struct dirwatch *w) {
        if (!w)
                return;
        while (!LIST_EMPTY(&w->dirs))
                dirwatch_remove(w, LIST_FIRST(&w->dirs));
        ev_io_stop(w->loop, &w->io);
        closep(&w->io.fd);
        free(w);
}

int dirwatch_add(struct dirwatch *w, const char *path, uint32_t more, dirwatch_fn fn,
                 void *userdata, struct dirwatch_dir **ret) {
        CLEANUP(freep) struct dirwatch_dir *d = NULL;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        d->path = strdup(path);
        if (!d->path)
                return -ENOMEM;
        d->wd = -1;
        d->more = more;
        d->fn = fn;
        d->userdata = userdata;
        LIST_INSERT_HEAD(&w->dirs, d, link);
        dir_attach(w, d);

        *ret = STEAL_PTR(d);
        return 0;
}

void dirwatch_remove(struct dirwatch *w, struct dirwatch_dir *d) {
        if (!d)
                return;
        LIST_REMOVE(d, link);
        dir_detach(w, d);
        free(d->path);
        free(d);
}

void dirwatch_refresh(struct dirwatch *w) {
        struct dirwatch_dir *d;
        bool failed = false;

        if (w->io.fd < 0)
                instance_open(w);
        LIST_FOREACH(d, &w->dirs, link) {
                dir_attach(w, d);
                failed |= d->wd < 0;
        }
        w->failed = w->failed && failed;
}
