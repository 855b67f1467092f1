#include "koowatchd/loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>

#include "koowatchd/loop/io.h"

struct timers {
        struct ev_loop *loop;
        ev_io io;
        struct heap heap;
        usec_t armed; /* what the timerfd is set to; USEC_INFINITY: nothing */
        bool dispatching;
};

/* The one place that sets the timerfd. */
static void rearm(struct timers *t) {
        struct heap_node *first = heap_first(&t->heap);
        usec_t due = first ? MAX(first->key, 1) : USEC_INFINITY;
        struct itimerspec spec = {};

        if (t->dispatching || due == t->armed)
                return;

        if (due < USEC_INFINITY) {
                spec.it_value.tv_sec = due / USEC_SEC;
                spec.it_value.tv_nsec = due % USEC_SEC * 1000;
        }
        if (timerfd_settime(t->io.fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
                abort(); /* only a broken descriptor or a bad value: a daemon without time is none
                          */
        t->armed = due;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents) {
        struct timers *t = container_of(io, struct timers, io);
        uint64_t expirations;
        struct heap_node *first;
        usec_t now;

        if (revents & EV_ERROR)
                io_start_again(loop, io);
        if (read(io->fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
                return;

        now = clock_boot();
        t->armed = USEC_INFINITY;
        t->dispatching = true;
        while ((first = heap_first(&t->heap)) && first->key <= now) {
                struct timer *timer = container_of(first, struct timer, node);

                heap_remove(&t->heap, first);
                timer->fn(timer, now);
        }
        t->dispatching = false;
        rearm(t);
}

int timers_new(struct ev_loop *loop, struct timers **ret) {
        CLEANUP(freep) struct timers *t = NULL;
        int fd;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (fd < 0)
                return -errno;

        t->loop = loop;
        t->armed = USEC_INFINITY;
        ev_io_init(&t->io, on_readable, fd, EV_READ);
        ev_io_start(loop, &t->io);

        *ret = STEAL_PTR(t);
        return 0;
}

void timers_free(struct timers *t) {
        if (!t)
                return;
        assert(t->heap.reserved == 0);
        ev_io_stop(t->loop, &t->io);
        (void) close(t->io.fd);
        heap_clear(&t->heap);
        free(t);
}

int timer_open(struct timers *t, struct timer *timer, timer_fn fn) {
        int r;

        r = heap_reserve(&t->heap);
        if (r < 0)
                return r;
        timer_set(timer, fn);
        return 0;
}

void timer_close(struct timers *t, struct timer *timer) {
        if (!timer->fn)
                return;
        timer_disarm(t, timer);
        heap_unreserve(&t->heap);
        timer->fn = NULL;
}

void timer_arm(struct timers *t, struct timer *timer, usec_t due) {
        if (due == USEC_INFINITY) {
                timer_disarm(t, timer);
                return;
        }
        heap_put(&t->heap, &timer->node, due);
        rearm(t);
}

void timer_disarm(struct timers *t, struct timer *timer) {
        heap_remove(&t->heap, &timer->node);
        rearm(t);
}
