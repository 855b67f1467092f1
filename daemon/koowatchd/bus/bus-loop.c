#include "koowatchd/bus/bus-loop.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>

#include "common/timespan.h"

/* How long it goes on with what has come, before others have their turn. */
#define TURN_MAX (4 * USEC_MSEC)

struct bus_loop {
        struct ev_loop *loop;
        sd_bus *bus;
        bus_loop_end_fn on_end;
        void *userdata;
        ev_prepare before_wait;
        ev_io io;
        ev_timer timeout; /* sd-bus's own: not a wait of policy */
};

static void stop_waiting(struct bus_loop *b) {
        ev_io_stop(b->loop, &b->io);
        ev_timer_stop(b->loop, &b->timeout);
}

static void end(struct bus_loop *b, int error) {
        stop_waiting(b);
        ev_prepare_stop(b->loop, &b->before_wait);
        b->on_end(b->userdata, error);
}

/* What is left over has a timeout that has passed, or a descriptor that is ready. */
static void process(struct bus_loop *b) {
        const usec_t start = clock_running();
        int r;

        stop_waiting(b);
        do
                r = sd_bus_process(b->bus, NULL);
        while (r > 0 && clock_running() - start < TURN_MAX);
        if (r < 0)
                end(b, r);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents) {
        (void) loop;
        (void) revents;
        process(container_of(io, struct bus_loop, io));
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents) {
        (void) loop;
        (void) revents;
        process(container_of(timer, struct bus_loop, timeout));
}

/*
 * Stopped and started: the descriptor may be another one of the same number, when an address was
 * tried in vain, and libev would not notice.
 */
static void wait_for_io(struct bus_loop *b, int fd, int events) {
        const int wanted = ((events & POLLIN) ? EV_READ : 0) | ((events & POLLOUT) ? EV_WRITE : 0);

        if (ev_is_active(&b->io) && b->io.fd == fd &&
            (b->io.events & (EV_READ | EV_WRITE)) == wanted)
                return;
        ev_io_stop(b->loop, &b->io);
        ev_io_set(&b->io, fd, wanted);
        if (wanted)
                ev_io_start(b->loop, &b->io);
}

/* due: on CLOCK_MONOTONIC. */
static void wait_until(struct bus_loop *b, uint64_t due) {
        const uint64_t now = (uint64_t) clock_running();

        ev_timer_stop(b->loop, &b->timeout);
        if (due == UINT64_MAX)
                return;
        ev_timer_set(&b->timeout, due > now ? (double) (due - now) / 1e6 : 0., 0.);
        ev_timer_start(b->loop, &b->timeout);
}

static void before_wait(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        struct bus_loop *b = container_of(prepare, struct bus_loop, before_wait);
        const int fd = sd_bus_get_fd(b->bus), events = fd < 0 ? fd : sd_bus_get_events(b->bus);
        uint64_t due = UINT64_MAX;
        int r = events < 0 ? events : sd_bus_get_timeout(b->bus, &due);

        (void) loop;
        (void) revents;
        if (r < 0) {
                end(b, r);
                return;
        }
        wait_for_io(b, fd, events);
        wait_until(b, due);
}

int bus_loop_new(struct ev_loop *loop, sd_bus *bus, bus_loop_end_fn on_end, void *userdata,
                 struct bus_loop **ret) {
        struct bus_loop *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        b->loop = loop;
        b->bus = bus;
        b->on_end = on_end;
        b->userdata = userdata;
        ev_io_init(&b->io, on_io, -1, 0);
        ev_timer_init(&b->timeout, on_timeout, 0., 0.);
        ev_prepare_init(&b->before_wait, before_wait);
        /* After all others, which may send; before the outbox, as this may log. */
        ev_set_priority(&b->before_wait, EV_MINPRI + 1);
        ev_prepare_start(loop, &b->before_wait);
        *ret = b;
        return 0;
}

void bus_loop_free(struct bus_loop *b) {
        if (!b)
                return;
        stop_waiting(b);
        ev_prepare_stop(b->loop, &b->before_wait);
        free(b);
}
