#include "koowatchd/bus/bus.h"

#include <errno.h>
#include <ev.h>
#include <json-c/json.h>
#include <sys/queue.h>

#include "common/json.h"
#include "common/timespan.h"
#include "koowatchd/bus/bus-arguments.h"
#include "koowatchd/bus/bus-interface.h"
#include "koowatchd/bus/bus-json.h"
#include "koowatchd/bus/bus-text.h"

/* How long answers are written in a turn of the loop, and how many values between two looks. */
#define TURN_MAX (4 * USEC_MSEC)
#define VALUES_AT_ONCE 256

/* How many messages may wait for the bus to read them. A signal takes about half a KiB. */
#define QUEUE_MAX 16384
/* With so many it is behind, and for how long it may read none of them. */
#define QUEUE_LONG 256
#define BEHIND_MAX (10 * USEC_SEC)

/* A call, until its answer is written. */
struct answer {
        TAILQ_ENTRY(answer) link; /* bus::answers, while it is being written */
        struct bus *bus;
        sd_bus_message *call;
        const char *result;      /* signature */
        sd_bus_message *message; /* NULL: not answered yet; writer likewise */
        struct bus_writer *writer;
};

struct property {
        struct bus_property is;
        json_object *value; /* NULL: not known yet */
        bool changed;       /* not announced yet */
};

struct bus {
        struct ev_loop *loop;
        struct bus_connection *connection;
        struct bus_object object;
        bus_call_fn on_call;
        void *userdata;
        ev_prepare before_wait;
        ev_idle more_to_write; /* active: the loop does not wait */
        TAILQ_HEAD(answers, answer) answers;
        struct property properties[BUS_PROPERTIES_MAX];
        size_t n_properties;
        usec_t behind_since;  /* clock_boot(): it has read nothing since; 0: it is not behind */
        uint64_t behind_with; /* so many messages */
};

int bus_kind_parse(const char *name, enum bus_kind *ret) {
        static const char *const names[] = {
                [BUS_SYSTEM] = "system", [BUS_SESSION] = "session", [BUS_NONE] = "none"};

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                if (streq(name, names[i])) {
                        *ret = (enum bus_kind) i;
                        return 0;
                }
        }
        return -EINVAL;
}

/* ---- answers ---- */

static void answer_free(struct answer *a) {
        bus_writer_free(a->writer);
        sd_bus_message_unref(a->message);
        sd_bus_message_unref(a->call);
        free(a);
}

/* Where it cannot be sent the bus is gone, and the caller with it. */
static void send_error(sd_bus_message *call, const char *name, const char *text) {
        CLEANUP(freep) char *copy = NULL;
        const char *sent = bus_text(text, strlen(text), &copy);
        const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(name, sent ? sent : "out of memory");

        (void) sd_bus_reply_method_error(call, &error);
}

static void send_failure(sd_bus_message *call, int error) {
        send_error(call, bus_error_name(BUS_UNAVAILABLE),
                   error == -EMSGSIZE ? "the answer is too large: ask for fewer at a time"
                                      : strerror(-error));
}

/* Returns whether that is the end of it. */
static bool write_answer(struct answer *a, usec_t until) {
        int r;

        do
                r = bus_writer_run(a->writer, VALUES_AT_ONCE);
        while (r == 0 && clock_running() < until);
        if (r > 0)
                r = sd_bus_send(NULL, a->message, NULL);
        else if (r == 0)
                return false;
        if (r < 0)
                send_failure(a->call, r);
        return true;
}

static void on_idle(struct ev_loop *loop, ev_idle *idle, int revents) {
        struct bus *b = container_of(idle, struct bus, more_to_write);
        const usec_t until = clock_running() + TURN_MAX;

        (void) revents;
        while (!TAILQ_EMPTY(&b->answers)) {
                struct answer *a = TAILQ_FIRST(&b->answers);

                if (!write_answer(a, until))
                        return;
                TAILQ_REMOVE(&b->answers, a, link);
                answer_free(a);
        }
        ev_idle_stop(loop, idle);
}

/* Takes it over. */
static void begin_to_write(struct answer *a) {
        struct bus *b = a->bus;

        if (!TAILQ_EMPTY(&b->answers) || !write_answer(a, clock_running() + TURN_MAX)) {
                TAILQ_INSERT_TAIL(&b->answers, a, link);
                ev_idle_start(b->loop, &b->more_to_write);
                return;
        }
        answer_free(a);
}

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        struct answer *a = userdata;
        int r;

        if (error) {
                send_error(a->call, error, message);
        } else if (sd_bus_is_open(sd_bus_message_get_bus(a->call)) > 0) {
                r = sd_bus_message_new_method_return(a->call, &a->message);
                if (r >= 0)
                        r = bus_writer_new(a->message, a->result, result, &a->writer);
                if (r >= 0) {
                        begin_to_write(a);
                        return;
                }
                send_failure(a->call, r);
        }
        answer_free(a);
}

/* ---- what comes from the bus ---- */

static struct answer *answer_new(struct bus *b, sd_bus_message *call, const char *result) {
        struct answer *a = calloc(1, sizeof(*a));

        if (a)
                *a = (struct answer){.bus = b, .call = sd_bus_message_ref(call), .result = result};
        return a;
}

static int on_method(void *userdata, sd_bus_message *message, const char *result) {
        struct bus *b = userdata;
        char fault[BUS_FAULT_MAX];
        json_object *arguments;
        struct bus_call *call;
        struct answer *a;
        int r = bus_arguments_read(message, &arguments, fault);

        if (r == -EINVAL && *fault) {
                send_error(message, bus_error_name(BUS_INVALID), fault);
                return 1;
        }
        if (r < 0)
                return r;
        a = answer_new(b, message, result);
        if (!a) {
                json_object_put(arguments);
                return -ENOMEM;
        }
        r = bus_call_new(arguments, on_answer, a, &call);
        if (r < 0) {
                answer_free(a);
                return r;
        }
        b->on_call(b->userdata, sd_bus_message_get_member(message), call);
        return 1;
}

static struct property *find_property(struct bus *b, const char *name) {
        for (size_t i = 0; i < b->n_properties; i++)
                if (streq(b->properties[i].is.name, name))
                        return b->properties + i;
        return NULL;
}

static json_object *value_of(const struct property *p) {
        if (p->value)
                return json_object_get(p->value);
        if (*p->is.type == 'a')
                return json_object_new_array();
        return *p->is.type == 's' ? json_object_new_string("") : json_object_new_int(0);
}

static int on_property(void *userdata, const char *name, sd_bus_message *message) {
        const struct property *p = find_property(userdata, name);
        CLEANUP(json_object_putp) json_object *values = json_object_new_array();
        json_object *value = p ? value_of(p) : NULL;

        if (!values || !value || json_object_array_add(values, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return bus_json_write(message, p->is.type, values);
}

/* ---- what goes to the bus ---- */

/* The one that is to get a signal; NULL: none. More only gathers where it does not read. */
static sd_bus *listening_bus(struct bus *b) {
        sd_bus *bus = bus_connection_get(b->connection);
        uint64_t waiting = 0;

        if (!bus || sd_bus_get_n_queued_write(bus, &waiting) < 0 || waiting < QUEUE_MAX)
                return bus;
        bus_connection_drop(b->connection, "it does not read what it is sent");
        return NULL;
}

static int send_signal(sd_bus *bus, const char *signal, json_object *arguments) {
        CLEANUP(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r = sd_bus_message_new_signal(bus, &message, BUS_PATH, BUS_INTERFACE, signal);

        if (r >= 0)
                r = bus_json_write(message, bus_interface_signal(signal), arguments);
        return r < 0 ? r : sd_bus_send(bus, message, NULL);
}

bool bus_is_heard(const struct bus *b) {
        return bus_connection_get(b->connection) != NULL;
}

bool bus_is_behind(struct bus *b) {
        sd_bus *bus = bus_connection_get(b->connection);
        uint64_t waiting = 0;

        if (!bus || sd_bus_get_n_queued_write(bus, &waiting) < 0 || waiting < QUEUE_LONG) {
                b->behind_since = 0;
                return false;
        }
        if (b->behind_since == 0 || waiting < b->behind_with)
                b->behind_since = clock_boot();
        b->behind_with = waiting;
        if (clock_boot() - b->behind_since < BEHIND_MAX)
                return true;
        bus_connection_drop(b->connection, "it does not read what it is sent");
        return false;
}

/* A listener that missed one would wait for ever; one that sees us come back reads anew. */
static void drop_bus(struct bus *b) {
        sd_bus *bus = bus_connection_get(b->connection);

        if (sd_bus_is_open(bus) <= 0) /* its end follows, and says why */
                return;
        bus_connection_drop(b->connection, "a signal could not be sent");
}

void bus_emit(struct bus *b, const char *signal, json_object *arguments) {
        sd_bus *bus = listening_bus(b);

        if (bus && (!arguments || send_signal(bus, signal, arguments) < 0))
                drop_bus(b);
        json_object_put(arguments);
}

void bus_set_property(struct bus *b, const char *name, json_object *value) {
        struct property *p = find_property(b, name);

        if (!p || !value || json_object_equal(p->value, value)) {
                json_object_put(value);
                return;
        }
        json_object_put(p->value);
        p->value = value;
        p->changed = true;
}

/* Announces what has changed. */
static void before_wait(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        struct bus *b = container_of(prepare, struct bus, before_wait);
        sd_bus *bus;
        char *names[BUS_PROPERTIES_MAX + 1];
        size_t n = 0;

        (void) loop;
        (void) revents;
        for (size_t i = 0; i < b->n_properties; i++) {
                if (b->properties[i].changed)
                        names[n++] = (char *) b->properties[i].is.name;
                b->properties[i].changed = false;
        }
        names[n] = NULL;
        bus = n > 0 ? listening_bus(b) : NULL;
        if (bus && sd_bus_emit_properties_changed_strv(bus, BUS_PATH, BUS_INTERFACE, names) < 0)
                drop_bus(b);
}

/* ---- the whole ---- */

static int on_new(void *userdata, sd_bus *bus) {
        struct bus *b = userdata;

        return bus_interface_add(bus, &b->object);
}

static void on_end(void *userdata) {
        struct bus *b = userdata;

        while (!TAILQ_EMPTY(&b->answers)) {
                struct answer *a = TAILQ_FIRST(&b->answers);

                TAILQ_REMOVE(&b->answers, a, link);
                answer_free(a);
        }
        ev_idle_stop(b->loop, &b->more_to_write);
}

int bus_new(struct ev_loop *loop, struct timers *timers, enum bus_kind kind, struct bus **ret) {
        struct bus_property properties[BUS_PROPERTIES_MAX];
        struct bus *b = calloc(1, sizeof(*b));
        const struct bus_connection_handler handler = {on_new, on_end, b};
        int r;

        if (!b)
                return -ENOMEM;
        r = bus_connection_new(loop, timers, kind, BUS_NAME, &handler, &b->connection);
        if (r < 0) {
                free(b);
                return r;
        }
        b->loop = loop;
        b->object = (struct bus_object){on_method, on_property, b};
        b->n_properties = bus_interface_properties(properties);
        for (size_t i = 0; i < b->n_properties; i++)
                b->properties[i].is = properties[i];
        TAILQ_INIT(&b->answers);
        ev_idle_init(&b->more_to_write, on_idle);
        ev_set_priority(&b->more_to_write, EV_MAXPRI); /* no event of others holds it up */
        ev_prepare_init(&b->before_wait, before_wait);
        ev_set_priority(&b->before_wait, EV_MINPRI + 1); /* after those that set properties */
        ev_prepare_start(loop, &b->before_wait);
        *ret = b;
        return 0;
}

void bus_free(struct bus *b) {
        if (!b)
                return;
        on_end(b);
        ev_prepare_stop(b->loop, &b->before_wait);
        bus_connection_free(b->connection);
        for (size_t i = 0; i < b->n_properties; i++)
                json_object_put(b->properties[i].value);
        free(b);
}

void bus_start(struct bus *b, bus_call_fn on_call, void *userdata) {
        b->on_call = on_call;
        b->userdata = userdata;
        bus_connection_start(b->connection);
}
