#include "koowatchd/bus/bus-connection.h"

#include <errno.h>

#include "common/backoff.h"
#include "common/log.h"
#include "koowatchd/bus/bus-loop.h"
#include "koowatchd/loop/timer.h"

#define PAUSE_MIN USEC_SEC
#define PAUSE_MAX USEC_MINUTE

/* What RequestName answers. */
#define NAME_IS_OURS 1
#define NAME_WAS_OURS 4

struct bus_connection {
        struct ev_loop *loop;
        struct timers *timers;
        enum bus_kind kind;
        const char *name;
        struct bus_connection_handler handler;

        struct timer retry_timer; /* until it is opened, or its name asked for, again */
        sd_bus *bus;              /* NULL: not open */
        struct bus_loop *bus_loop;
        bool has_name;
        bool dropped;        /* to be given up by the timer */
        bool trouble_logged; /* since the name was ours last */
        unsigned failures;   /* in a row */
        usec_t named_at;     /* on clock_boot() */
};

static const char *kind_name(const struct bus_connection *c) {
        return c->kind == BUS_SYSTEM ? "system" : "session";
}

/* ---- trouble ---- */

static void retry_later(struct bus_connection *c) {
        timer_arm(c->timers, &c->retry_timer,
                  clock_boot() + backoff_pause(++c->failures, PAUSE_MIN, PAUSE_MAX));
}

static void log_trouble(struct bus_connection *c, const char *what, const char *why) {
        if (!c->trouble_logged)
                log_notice("%s the %s bus (%s); running without it, trying again", what,
                           kind_name(c), why);
        c->trouble_logged = true;
}

static void release(struct bus_connection *c) {
        bus_loop_free(STEAL_PTR(c->bus_loop));
        if (c->bus)
                (void) sd_bus_close_unref(STEAL_PTR(c->bus));
        c->has_name = c->dropped = false;
}

static void give_up(struct bus_connection *c) {
        if (c->named_at > 0 && clock_boot() - c->named_at >= USEC_MINUTE)
                c->failures = 0;
        c->named_at = 0;
        if (c->bus)
                c->handler.on_end(c->handler.userdata);
        release(c);
        retry_later(c);
}

static void on_loop_end(void *userdata, int error) {
        struct bus_connection *c = userdata;

        log_trouble(c, c->has_name ? "lost" : "cannot reach", strerror(-error));
        give_up(c);
}

void bus_connection_drop(struct bus_connection *c, const char *why) {
        log_trouble(c, "gave up", why);
        c->has_name = false;
        c->dropped = true;
        timer_arm(c->timers, &c->retry_timer, clock_boot());
}

/* ---- the name ---- */

static void log_refused_name(struct bus_connection *c, const char *why) {
        if (!c->trouble_logged)
                log_notice("cannot be %s on the %s bus (%s); running without it, trying again",
                           c->name, kind_name(c), why);
        c->trouble_logged = true;
        retry_later(c);
}

static int on_name_answer(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error) {
        struct bus_connection *c = userdata;
        uint32_t state = 0;

        (void) ret_error;
        if (c->dropped || sd_bus_is_open(c->bus) <= 0) /* its end follows, and says why */
                return 1;
        if (sd_bus_message_is_method_error(answer, NULL)) {
                log_refused_name(c, sd_bus_message_get_error(answer)->message);
                return 1;
        }
        if (sd_bus_message_read(answer, "u", &state) < 0 ||
            (state != NAME_IS_OURS && state != NAME_WAS_OURS)) {
                log_refused_name(c, "somebody else has that name");
                return 1;
        }
        c->has_name = true;
        c->named_at = clock_boot();
        c->trouble_logged = false;
        log_info("on the %s bus as %s", kind_name(c), c->name);
        return 1;
}

static int request_name(struct bus_connection *c) {
        return sd_bus_request_name_async(c->bus, NULL, c->name, 0, on_name_answer, c);
}

/* ---- opening ---- */

/* NULL: there is none. */
static const char *address(const struct bus_connection *c) {
        const char *text = getenv(c->kind == BUS_SYSTEM ? "DBUS_SYSTEM_BUS_ADDRESS"
                                                        : "DBUS_SESSION_BUS_ADDRESS");

        if (str_empty(text))
                text = c->kind == BUS_SYSTEM ? "unix:path=/run/dbus/system_bus_socket" : NULL;
        return text;
}

/*
 * Not sd_bus_open_system(): nothing here waits, neither for a bus that is being started nor for
 * one that hangs. What is sent before it is there goes out when it is.
 */
static int open_bus(struct bus_connection *c) {
        int r = sd_bus_new(&c->bus);

        if (r >= 0)
                r = sd_bus_set_address(c->bus, address(c));
        if (r >= 0)
                r = sd_bus_set_bus_client(c->bus, true);
        if (r >= 0)
                r = c->handler.on_new(c->handler.userdata, c->bus);
        if (r >= 0)
                r = sd_bus_start(c->bus);
        if (r >= 0)
                r = request_name(c);
        if (r >= 0)
                r = bus_loop_new(c->loop, c->bus, on_loop_end, c, &c->bus_loop);
        return r;
}

static void connect_bus(struct bus_connection *c) {
        int r = address(c) ? open_bus(c) : -ENOMEDIUM;

        if (r >= 0)
                return;
        log_trouble(c, "cannot reach",
                    r == -ENOMEDIUM ? "DBUS_SESSION_BUS_ADDRESS is not set" : strerror(-r));
        give_up(c);
}

static void on_retry(struct timer *timer, usec_t now) {
        struct bus_connection *c = container_of(timer, struct bus_connection, retry_timer);

        (void) now;
        if (!c->bus)
                connect_bus(c);
        else if (c->dropped || request_name(c) < 0)
                give_up(c);
}

void bus_connection_start(struct bus_connection *c) {
        if (c->kind != BUS_NONE)
                connect_bus(c);
}

sd_bus *bus_connection_get(const struct bus_connection *c) {
        return c->has_name ? c->bus : NULL;
}

int bus_connection_new(struct ev_loop *loop, struct timers *timers, enum bus_kind kind,
                       const char *name, const struct bus_connection_handler *handler,
                       struct bus_connection **ret) {
        struct bus_connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        *c = (struct bus_connection){
                .loop = loop, .timers = timers, .kind = kind, .name = name, .handler = *handler};
        r = timer_open(timers, &c->retry_timer, on_retry);
        if (r < 0) {
                free(c);
                return r;
        }
        *ret = c;
        return 0;
}

void bus_connection_free(struct bus_connection *c) {
        if (!c)
                return;
        release(c);
        timer_close(c->timers, &c->retry_timer);
        free(c);
}
