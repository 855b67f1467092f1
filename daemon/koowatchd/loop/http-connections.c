#include "koowatchd/loop/http-connections.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "common/timespan.h"

/* How long a turn of the loop sees to answers; those that are left have the next one. */
#define TURN_MAX (8 * USEC_MSEC)

struct http_pool {
        struct http_connections *owner;
        struct http_pool *next;
        CURLM *multi;
        unsigned transfers;
        ev_timer timer;
        double deadline; /* what curl asked for, on monotonic(); 0: nothing */
};

struct http_connections {
        struct ev_loop *loop;
        http_ended_fn on_ended;
        long max;                /* 0: as many as libcurl likes */
        struct http_pool *pools; /* the first one takes what is new */
        usec_t spent;            /* on answers, in this turn */
        ev_prepare turn_end;
        ev_timer more; /* started: some have been read, and not been seen to */
};

struct http_socket {
        ev_io io;
        struct http_pool *pool;
};

/* The clock that curl's own timeouts run on, in seconds. */
static double monotonic(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void pool_free(struct http_pool *p) {
        (void) curl_multi_cleanup(p->multi);
        ev_timer_stop(p->owner->loop, &p->timer);
        free(p);
}

/* Frees the older pools that are empty; never from within one of their callbacks. */
static void pools_sweep(struct http_connections *c) {
        struct http_pool **at = &c->pools->next, *p;

        while ((p = *at)) {
                if (p->transfers > 0) {
                        at = &p->next;
                        continue;
                }
                *at = p->next;
                pool_free(p);
        }
}

/* Says which transfers have ended, one at least. */
static void pool_collect(struct http_pool *p) {
        struct http_connections *c = p->owner;
        CURLMsg *message;
        int queued;

        do {
                const usec_t began = clock_running();

                message = curl_multi_info_read(p->multi, &queued);
                if (message && message->msg == CURLMSG_DONE)
                        c->on_ended(message->easy_handle, message->data.result);
                c->spent += clock_running() - began;
        } while (message && queued > 0 && c->spent < TURN_MAX);
        if (message && queued > 0 && !ev_is_active(&c->more)) {
                ev_timer_set(&c->more, 0., 0.);
                ev_timer_start(c->loop, &c->more);
        }
}

static void on_more(struct ev_loop *loop, ev_timer *timer, int revents) {
        struct http_connections *c = container_of(timer, struct http_connections, more);

        (void) loop;
        (void) revents;
        for (struct http_pool *p = c->pools; p; p = p->next)
                pool_collect(p);
        pools_sweep(c);
}

static void on_turn_end(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        (void) loop;
        (void) revents;
        container_of(prepare, struct http_connections, turn_end)->spent = 0;
}

static void on_socket_ready(struct ev_loop *loop, ev_io *io, int revents) {
        struct http_pool *p = container_of(io, struct http_socket, io)->pool;
        struct http_connections *c = p->owner;
        const usec_t began = clock_running();
        int running;

        (void) loop;
        if (c->spent >= TURN_MAX) /* it is ready in the next turn as well */
                return;
        (void) curl_multi_socket_action(p->multi, io->fd,
                                        ((revents & EV_READ) ? CURL_CSELECT_IN : 0) |
                                                ((revents & EV_WRITE) ? CURL_CSELECT_OUT : 0),
                                        &running);
        c->spent += clock_running() - began;
        pool_collect(p);
        pools_sweep(c);
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *userdata,
                            void *socket_data) {
        struct http_pool *p = userdata;
        struct ev_loop *loop = p->owner->loop;
        struct http_socket *s = socket_data;

        (void) easy;

        if (what == CURL_POLL_REMOVE) {
                if (s) {
                        ev_io_stop(loop, &s->io);
                        (void) curl_multi_assign(p->multi, fd, NULL);
                        free(s);
                }
                return 0;
        }

        if (!s) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return -1;
                s->pool = p;
                ev_init(&s->io, on_socket_ready);
                (void) curl_multi_assign(p->multi, fd, s);
        }
        ev_io_stop(loop, &s->io);
        ev_io_set(&s->io, fd,
                  ((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0));
        ev_io_start(loop, &s->io);
        return 0;
}

/* The one place that sets the timer. curl names a deadline once: it is kept until it has passed. */
static void pool_arm(struct http_pool *p) {
        struct ev_loop *loop = p->owner->loop;

        ev_timer_stop(loop, &p->timer);
        if (p->deadline > 0) {
                ev_now_update(loop);
                ev_timer_set(&p->timer, fmax(p->deadline - monotonic(), 0.), 0.);
                ev_timer_start(loop, &p->timer);
        }
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents) {
        struct http_pool *p = container_of(timer, struct http_pool, timer);
        struct http_connections *c = p->owner;
        int running;

        (void) loop;
        (void) revents;

        if (monotonic() < p->deadline) {
                pool_arm(p);
                return;
        }
        p->deadline = 0;
        (void) curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        pool_collect(p);
        pools_sweep(c);
}

static int on_timeout_change(CURLM *multi, long timeout_ms, void *userdata) {
        struct http_pool *p = userdata;

        (void) multi;
        p->deadline = timeout_ms < 0 ? 0 : monotonic() + (double) timeout_ms / 1000.;
        pool_arm(p);
        return 0;
}

static int pool_add(struct http_connections *c) {
        struct http_pool *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->multi = curl_multi_init();
        if (!p->multi) {
                free(p);
                return -ENOMEM;
        }
        p->owner = c;
        ev_init(&p->timer, on_deadline);
        (void) curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
        (void) curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
        (void) curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
        (void) curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
        if (c->max > 0)
                (void) curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, c->max);
        p->next = c->pools;
        c->pools = p;
        return 0;
}

int http_connections_new(struct ev_loop *loop, http_ended_fn on_ended,
                         struct http_connections **ret) {
        CLEANUP(freep) struct http_connections *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = loop;
        c->on_ended = on_ended;
        r = pool_add(c);
        if (r < 0)
                return r;
        ev_timer_init(&c->more, on_more, 0., 0.);
        ev_prepare_init(&c->turn_end, on_turn_end);
        ev_prepare_start(loop, &c->turn_end);
        *ret = STEAL_PTR(c);
        return 0;
}

void http_connections_free(struct http_connections *c) {
        struct http_pool *p;

        if (!c)
                return;
        ev_timer_stop(c->loop, &c->more);
        ev_prepare_stop(c->loop, &c->turn_end);
        while ((p = c->pools)) {
                c->pools = p->next;
                pool_free(p);
        }
        free(c);
}

void http_connections_set_max(struct http_connections *c, unsigned max) {
        /* Later libcurls close idle connections early unless the number is set. */
        c->max = (long) max;
        (void) curl_multi_setopt(c->pools->multi, CURLMOPT_MAXCONNECTS, c->max);
}

int http_connections_add(struct http_connections *c, CURL *easy, struct http_pool **ret) {
        struct http_pool *p = c->pools;

        if (curl_multi_add_handle(p->multi, easy) != CURLM_OK)
                return -ENOMEM;
        p->transfers++;
        *ret = p;
        return 0;
}

void http_pool_remove(struct http_pool *p, CURL *easy) {
        (void) curl_multi_remove_handle(p->multi, easy);
        p->transfers--;
}

void http_pool_retire(struct http_pool *p) {
        if (p == p->owner->pools)
                (void) pool_add(p->owner); /* or try again with the next one */
}
