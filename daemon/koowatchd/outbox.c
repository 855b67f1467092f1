#include "koowatchd/outbox.h"

#include <errno.h>
#include <ev.h>

#include "common/log.h"
#include "koowatchd/report/notify.h"

struct outbox {
        struct ev_loop *loop;
        ev_prepare before_wait;
        ev_io log, notify;
        struct callback on_sent;
};

static void stop(struct outbox *t, ev_io *watcher) {
        ev_io_stop(t->loop, watcher);
        ev_io_set(watcher, -1, EV_WRITE);
}

/* fd: -1: nothing waits. */
static void watch(struct outbox *t, ev_io *watcher, int fd) {
        if (fd == watcher->fd)
                return;
        stop(t, watcher);
        if (fd < 0)
                return;
        ev_io_set(watcher, fd, EV_WRITE);
        ev_io_start(t->loop, watcher);
}

static void before_wait(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        struct outbox *t = container_of(prepare, struct outbox, before_wait);

        (void) loop;
        (void) revents;
        watch(t, &t->log, log_fd());
        watch(t, &t->notify, notify_fd());
}

/*
 * A descriptor that is opened again while flushing may get the number that it had, and libev would
 * not notice: each wait gets a watcher that was started for it.
 */
static void on_log(struct ev_loop *loop, ev_io *watcher, int revents) {
        struct outbox *t = container_of(watcher, struct outbox, log);
        uint64_t sent = log_sent();

        (void) loop;
        (void) revents;
        stop(t, watcher);
        (void) log_flush();
        if (log_sent() > sent)
                callback_call(&t->on_sent);
}

static void on_notify(struct ev_loop *loop, ev_io *watcher, int revents) {
        (void) loop;
        (void) revents;
        stop(container_of(watcher, struct outbox, notify), watcher);
        (void) notify_flush();
}

int outbox_new(struct ev_loop *loop, struct outbox **ret) {
        struct outbox *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->loop = loop;
        ev_io_init(&t->log, on_log, -1, EV_WRITE);
        ev_io_init(&t->notify, on_notify, -1, EV_WRITE);
        ev_prepare_init(&t->before_wait, before_wait);
        ev_set_priority(&t->before_wait, EV_MINPRI); /* after all others, which may log */
        ev_prepare_start(loop, &t->before_wait);
        *ret = t;
        return 0;
}

void outbox_free(struct outbox *t) {
        if (!t)
                return;
        stop(t, &t->log);
        stop(t, &t->notify);
        ev_prepare_stop(t->loop, &t->before_wait);
        free(t);
}

void outbox_set_on_sent(struct outbox *t, const struct callback *on_sent) {
        t->on_sent = *on_sent;
}
