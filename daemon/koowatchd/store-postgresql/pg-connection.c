#include "koowatchd/store-postgresql/pg-connection.h"

#include <errno.h>
#include <openssl/ssl.h>

#include "common/backoff.h"
#include "common/event-id.h"
#include "common/random.h"
#include "koowatchd/loop/io.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/store-postgresql/pg-conninfo.h"
#include "koowatchd/store-postgresql/pg-resolver.h"
#include "koowatchd/store-postgresql/pg-setup.h"

#define CONNECT_TIME (10 * USEC_SEC)
#define MIGRATE_TIME (5 * USEC_MINUTE)
#define ANSWER_TIME (8 * USEC_SEC)
#define PAUSE_MIN (200 * USEC_MSEC)
#define PAUSE_MAX (5 * USEC_SEC)

enum pg_state { PG_DOWN, PG_RESOLVING, PG_CONNECTING, PG_SETTING_UP, PG_READY };

struct pg_connection {
        struct ev_loop *loop;
        struct timers *timers;
        char *(*password)(void *userdata);
        void *password_userdata;
        struct pg_conninfo conninfo;
        struct pg_connection_handler handler;
        struct pg_setup setup;

        enum pg_state state;
        struct pg_resolver *resolver;
        PGconn *conn;
        ev_io io;
        ev_timer again;     /* active: on_io() is due in the next turn of the loop */
        int again_events;   /* with these */
        struct timer timer; /* DOWN: the next attempt; else the deadline */
        unsigned failures;  /* in a row */
};

/* ---- down ---- */

static void disconnect(struct pg_connection *c) {
        ev_io_stop(c->loop, &c->io);
        ev_timer_stop(c->loop, &c->again);
        c->again_events = 0;
        timer_disarm(c->timers, &c->timer);
        pg_resolver_stop(STEAL_PTR(c->resolver));
        PQfinish(STEAL_PTR(c->conn));
}

void pg_connection_drop(struct pg_connection *c, const struct pg_error *error) {
        bool was_ready = c->state == PG_READY;
        struct pg_error own;
        usec_t pause;

        if (!error) {
                pg_error_of_connection(c->conn, &own);
                error = &own;
        }
        disconnect(c);
        c->state = PG_DOWN;
        c->failures = was_ready ? 1 : c->failures + 1;
        pause = backoff_pause(c->failures, PAUSE_MIN, PAUSE_MAX);
        timer_arm(c->timers, &c->timer,
                  clock_boot() + backoff_jitter(pause, 0.5, 1., random_share()));
        c->handler.on_down(c->handler.userdata, error, was_ready);
}

void pg_connection_stop(struct pg_connection *c) {
        disconnect(c);
        c->state = PG_DOWN;
}

static void fail(struct pg_connection *c, int number, const char *text) {
        struct pg_error error;

        pg_error_set(&error, number, text);
        pg_connection_drop(c, &error);
}

/* ---- input and output ---- */

/* Also for the same number: it may be another socket, of which epoll has not heard. */
static void watch(struct pg_connection *c, int events) {
        ev_io_stop(c->loop, &c->io);
        ev_io_set(&c->io, PQsocket(c->conn), events);
        ev_io_start(c->loop, &c->io);
}

/* Sends; -1: it failed, and all is over. */
static int flush(struct pg_connection *c) {
        int left = PQflush(c->conn), events = left > 0 ? EV_READ | EV_WRITE : EV_READ;

        if (left < 0) {
                pg_connection_drop(c, NULL);
                return -1;
        }
        if (!ev_is_active(&c->io) || (c->io.events & (EV_READ | EV_WRITE)) != events)
                watch(c, events);
        return 0;
}

/* What TLS has decrypted already, and the socket tells nobody of. */
static bool has_hidden_input(const PGconn *conn) {
        SSL *ssl = PQsslStruct((PGconn *) conn, "OpenSSL");

        return ssl && SSL_pending(ssl) > 0;
}

/* ---- setting up ---- */

static void on_set_up(struct pg_connection *c) {
        if (PQenterPipelineMode(c->conn) != 1) {
                pg_connection_drop(c, NULL);
                return;
        }
        c->state = PG_READY;
        c->failures = 0;
        timer_disarm(c->timers, &c->timer);
        c->handler.on_ready(c->handler.userdata, c->setup.asked);
}

static void set_up(struct pg_connection *c) {
        struct pg_error error;
        PGresult *result;

        if (PQconsumeInput(c->conn) != 1) {
                pg_connection_drop(c, NULL);
                return;
        }
        while (!PQisBusy(c->conn)) {
                enum pg_setup_end end;

                result = PQgetResult(c->conn);
                end = pg_setup_advance(&c->setup, c->conn, result, &error);
                PQclear(result);
                if (end == PG_SETUP_FAILED) {
                        pg_connection_drop(c, &error);
                        return;
                }
                if (end == PG_SETUP_OVER) {
                        c->handler.on_over(c->handler.userdata, error.text);
                        return;
                }
                if (end == PG_SETUP_DONE) {
                        on_set_up(c);
                        return;
                }
                if (end == PG_SETUP_MIGRATES) /* others may be at it, on large tables */
                        timer_arm(c->timers, &c->timer, clock_boot() + MIGRATE_TIME);
        }
        if (flush(c) == 0 && has_hidden_input(c->conn))
                pg_connection_again(c, true);
}

static void on_connected(struct pg_connection *c) {
        struct pg_error error;

        if (PQsetnonblocking(c->conn, 1) < 0) {
                pg_connection_drop(c, NULL);
                return;
        }
        c->state = PG_SETTING_UP;
        watch(c, EV_READ);
        if (pg_setup_begin(&c->setup, c->conn, &error) < 0)
                pg_connection_drop(c, &error);
        else
                (void) flush(c);
}

static void poll_connecting(struct pg_connection *c) {
        switch (PQconnectPoll(c->conn)) {
        case PGRES_POLLING_READING:
                watch(c, EV_READ);
                break;
        case PGRES_POLLING_WRITING:
                watch(c, EV_WRITE);
                break;
        case PGRES_POLLING_OK:
                on_connected(c);
                break;
        default:
                pg_connection_drop(c, NULL);
        }
}

static void react(struct pg_connection *c, int events) {
        if (c->state == PG_CONNECTING)
                poll_connecting(c);
        else if (c->state == PG_SETTING_UP)
                set_up(c);
        else if (c->state == PG_READY)
                c->handler.on_io(c->handler.userdata, events);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents) {
        struct pg_connection *c = container_of(io, struct pg_connection, io);

        if (revents & EV_ERROR)
                io_start_again(loop, io);
        else
                react(c, revents);
}

static void on_again(struct ev_loop *loop, ev_timer *again, int revents) {
        struct pg_connection *c = container_of(again, struct pg_connection, again);

        (void) loop;
        (void) revents;
        react(c, c->again_events);
}

/* ---- connecting ---- */

static void notice(void *userdata, const PGresult *result) {
        (void) userdata; /* libpq would print it */
        (void) result;
}

static void start(struct pg_connection *c, const struct pg_address *addresses, size_t n) {
        char *password = c->password ? c->password(c->password_userdata) : NULL;
        struct pg_parameters parameters;
        int r = pg_conninfo_parameters(&c->conninfo, password, addresses, n, &parameters);

        if (r == 0)
                c->conn = PQconnectStartParams(parameters.keywords, parameters.values, 0);
        pg_parameters_clear(&parameters);
        secret_free(password);
        if (!c->conn) {
                fail(c, r < 0 ? r : -ENOMEM, NULL);
                return;
        }
        (void) PQsetNoticeReceiver(c->conn, notice, NULL);
        if (PQstatus(c->conn) == CONNECTION_BAD) {
                pg_connection_drop(c, NULL);
                return;
        }
        c->state = PG_CONNECTING;
        watch(c, EV_WRITE); /* as if the first poll had asked for it */
}

static void on_resolved(void *userdata, const struct pg_address *addresses, size_t n,
                        const char *problem) {
        struct pg_connection *c = userdata;

        if (n > 0 || str_empty(problem))
                start(c, addresses, n);
        else
                fail(c, -EHOSTUNREACH, problem);
        if (c->state != PG_DOWN)
                pg_resolver_stop(STEAL_PTR(c->resolver));
}

static void connect_now(struct pg_connection *c) {
        int r;

        timer_arm(c->timers, &c->timer, clock_boot() + CONNECT_TIME);
        if (!pg_conninfo_needs_resolving(&c->conninfo)) {
                start(c, NULL, 0);
                return;
        }
        c->state = PG_RESOLVING;
        r = pg_resolver_start(c->loop, &c->conninfo, on_resolved, c, &c->resolver);
        if (r < 0)
                fail(c, r, NULL);
}

static void on_timer(struct timer *timer, usec_t now) {
        struct pg_connection *c = container_of(timer, struct pg_connection, timer);

        (void) now;
        switch (c->state) {
        case PG_DOWN:
                connect_now(c);
                break;
        case PG_RESOLVING:
                fail(c, -ETIMEDOUT, "the name servers do not answer");
                break;
        default:
                fail(c, -ETIMEDOUT, "the server does not answer");
        }
}

/* ---- in use ---- */

PGconn *pg_connection_get(const struct pg_connection *c) {
        return c->state == PG_READY ? c->conn : NULL;
}

struct pg_identity *pg_connection_identity(struct pg_connection *c) {
        return &c->setup.identity;
}

bool pg_connection_flush(struct pg_connection *c) {
        if (c->state != PG_READY || flush(c) < 0)
                return false;
        if (has_hidden_input(c->conn))
                pg_connection_again(c, true);
        return !(c->io.events & EV_WRITE);
}

void pg_connection_wait(struct pg_connection *c, bool is_waiting, bool has_come) {
        if (c->state != PG_READY)
                return;
        if (!is_waiting)
                timer_disarm(c->timers, &c->timer);
        else if (has_come || !timer_is_armed(&c->timer))
                timer_arm(c->timers, &c->timer, clock_boot() + ANSWER_TIME);
}

void pg_connection_again(struct pg_connection *c, bool is_input) {
        if (!ev_is_active(&c->again))
                c->again_events = 0;
        c->again_events |= is_input ? EV_READ : EV_CUSTOM;
        if (c->state != PG_DOWN && !ev_is_active(&c->again)) {
                ev_timer_set(&c->again, 0., 0.);
                ev_timer_start(c->loop, &c->again);
        }
}

/* ---- the whole ---- */

static void forget_environment(void) {
        PQconninfoOption *defaults;

        (void) unsetenv("PGSERVICE"); /* which the next call would follow */
        defaults = PQconndefaults();
        for (const PQconninfoOption *o = defaults; o && o->keyword; o++)
                if (o->envvar)
                        (void) unsetenv(o->envvar);
        PQconninfoFree(defaults);
}

int pg_connection_new(const struct store_module_settings *settings,
                      const struct pg_connection_handler *handler, struct pg_connection **ret,
                      char **ret_name, char **ret_problem) {
        struct pg_connection *c = calloc(1, sizeof(*c));
        int r;

        *ret = c;
        if (!c)
                return -ENOMEM;
        c->loop = settings->loop;
        c->timers = settings->timers;
        c->password = settings->password;
        c->password_userdata = settings->userdata;
        c->handler = *handler;
        ev_io_init(&c->io, on_io, -1, EV_READ);
        ev_init(&c->again, on_again);
        forget_environment(); /* what holds is Connection= */
        r = pg_conninfo_parse(settings->connection, &c->conninfo, ret_problem);
        if (r == 0)
                r = pg_setup_open(&c->setup, settings);
        if (r == 0)
                r = timer_open(c->timers, &c->timer, on_timer);
        if (r < 0)
                return r;
        *ret_name = pg_conninfo_describe(&c->conninfo);
        if (!*ret_name)
                return -ENOMEM;
        timer_arm(c->timers, &c->timer, clock_boot());
        return 0;
}

void pg_connection_free(struct pg_connection *c) {
        if (!c)
                return;
        disconnect(c);
        timer_close(c->timers, &c->timer);
        pg_setup_close(&c->setup);
        pg_conninfo_clear(&c->conninfo);
        free(c);
}
