#include "koowatchd/deliver/delivery.h"

#include <errno.h>

#include "common/event-id.h"
#include "common/hookdir.h"
#include "common/log.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"

#define PAUSE_FIRST (10 * USEC_SEC)
#define PAUSE_MAX USEC_HOUR
#define LATER_FIRST USEC_SEC
#define LATER_MAX USEC_MINUTE
#define LATERS_MAX 10 /* some five minutes, for an event that is not durable */
#define LATERS_TOLD 3

struct delivery {
        struct deliveries *owner;
        struct delivery *next, *previous; /* deliveries::first */
        struct delivery *next_ready, *next_dirty;
        struct timer timer; /* until the next attempt */
        char id[EVENT_ID_LENGTH + 1];

        json_object *event; /* held while it is new or being run */
        json_object *settled;
        unsigned attempts; /* made so far */
        unsigned futile;   /* of them, those in a row that achieved nothing */
        usec_t since;      /* wall clock; 0: not known */
        unsigned laters;   /* times in a row that the runner said "later" */
        usec_t next_wall;
        enum delivery_state state;
        bool once;             /* not durable */
        bool fresh;            /* not in the store yet */
        bool dirty;            /* differs from the store */
        bool unwell;           /* a hook of this attempt has not ended well */
        bool failed, achieved; /* one of them has failed; one has come further */
        bool waiting, failing; /* counted as such */
};

struct deliveries {
        struct timers *timers;
        struct store *store;
        struct runner *runner;
        struct delivery_handler handler;
        char *hook_directories;
        unsigned max_parallel, attempts;
        usec_t history;

        struct delivery *first;
        struct delivery *ready_first, **ready_last; /* in order, waiting for a slot */
        struct delivery *dirty_first, **dirty_last; /* in order, to be written */
        struct delivery_counts counts;
        unsigned pending;
        bool stopping;
};

static void start_ready(struct deliveries *d);

static void count_waiting(struct delivery *v, bool waiting) {
        v->owner->counts.waiting += (unsigned) waiting - (unsigned) v->waiting;
        v->waiting = waiting;
}

static void count_failing(struct delivery *v, bool failing) {
        v->owner->counts.failing += (unsigned) failing - (unsigned) v->failing;
        v->failing = failing;
}

static void delivery_free(struct delivery *v) {
        struct deliveries *d = v->owner;

        count_waiting(v, false);
        count_failing(v, false);
        timer_close(d->timers, &v->timer);
        *(v->previous ? &v->previous->next : &d->first) = v->next;
        if (v->next)
                v->next->previous = v->previous;
        if (!v->once)
                d->pending--;
        json_object_put(v->event);
        json_object_put(v->settled);
        free(v);
}

static void make_ready(struct delivery *v) {
        struct deliveries *d = v->owner;

        count_waiting(v, true);
        v->next_ready = NULL;
        *d->ready_last = v;
        d->ready_last = &v->next_ready;
}

static void on_timer(struct timer *timer, usec_t now) {
        struct delivery *v = container_of(timer, struct delivery, timer);

        (void) now;
        make_ready(v);
        start_ready(v->owner);
}

static struct delivery *delivery_new(struct deliveries *d, const char *id, bool once) {
        struct delivery *v = calloc(1, sizeof(*v));

        if (!v || timer_open(d->timers, &v->timer, on_timer) < 0) {
                free(v);
                return NULL;
        }
        v->owner = d;
        v->once = once;
        (void) snprintf(v->id, sizeof(v->id), "%s", id);
        v->next = d->first;
        if (d->first)
                d->first->previous = v;
        d->first = v;
        if (!once)
                d->pending++;
        return v;
}

static void mark_dirty(struct delivery *v) {
        struct deliveries *d = v->owner;

        if (v->once || v->dirty)
                return;
        v->dirty = true;
        v->next_dirty = NULL;
        *d->dirty_last = v;
        d->dirty_last = &v->next_dirty;
        d->handler.on_dirty(d->handler.userdata);
}

static bool is_settled(struct delivery *v, const char *hook) {
        for (size_t i = 0; v->settled && i < json_object_array_length(v->settled); i++)
                if (streq(json_object_get_string(json_object_array_get_idx(v->settled, i)), hook))
                        return true;
        return false;
}

static void on_hook_start(void *userdata, const char *hook) {
        struct delivery *v = userdata;

        v->owner->handler.on_hook_start(v->owner->handler.userdata, v->event, hook);
}

/* What the attempt under way comes to, when it ends as it stands. */
static unsigned futile_then(const struct delivery *v) {
        return v->achieved && !v->failed ? 0 : v->futile + 1;
}

/* Achievements go on for as long as History=, and no clock that was set parks before Attempts=. */
static bool is_last_then(const struct delivery *v) {
        const struct deliveries *d = v->owner;

        return futile_then(v) >= d->attempts || (v->attempts + 1 >= d->attempts && v->since > 0 &&
                                                 clock_wall() > usec_add(v->since, d->history));
}

/* The pause after the nth of a row: first, doubling, up to most. */
static usec_t pause_after(unsigned n, usec_t first, usec_t most) {
        usec_t pause = first;

        while (n-- > 1 && pause < most)
                pause *= 2;
        return MIN(pause, most);
}

static usec_t pause_then(const struct delivery *v) {
        return pause_after(futile_then(v), PAUSE_FIRST, PAUSE_MAX);
}

static void on_hook_end(void *userdata, const struct hook_end *end) {
        struct delivery *v = userdata;

        if (!hook_result_is_final(end->result)) {
                v->unwell = true;
                v->achieved |= end->result == HOOK_PROGRESS;
                v->failed |= end->result == HOOK_FAILED;
        } else if (!is_settled(v, end->hook)) {
                if (!v->settled)
                        v->settled = json_object_new_array();
                if (v->settled)
                        (void) json_object_array_add(v->settled, json_object_new_string(end->hook));
                mark_dirty(v);
        }
        v->owner->handler.on_hook_end(v->owner->handler.userdata, v->event, end,
                                      v->once || is_last_then(v) ? 0 : pause_then(v));
}

static void wait_for(struct delivery *v, usec_t pause) {
        if (!v->once)
                json_object_put(STEAL_PTR(v->event)); /* the store has it */
        count_waiting(v, true);
        v->next_wall = clock_wall() + pause;
        timer_arm(v->owner->timers, &v->timer, clock_boot() + pause);
}

/* Nothing more is to be run. A durable one is over when that has been written down. */
static void finish(struct delivery *v, enum delivery_state state) {
        count_failing(v, false);
        v->state = state;
        if (v->once)
                delivery_free(v);
        else
                mark_dirty(v);
}

/* The runner would not have it now. An event that is not durable does not wait for ever. */
static void put_off(struct delivery *v, const char *why) {
        const char *name = v->event ? event_string(v->event, "name") : NULL;

        if (v->once && v->laters >= LATERS_MAX) {
                delivery_free(v);
                return;
        }
        /* The first times are nothing to speak of: a place is taken, or an instance still runs it.
         */
        if (++v->laters == LATERS_TOLD)
                log_warning("%s: the hooks of event %s wait, because %s; it is tried again until "
                            "they run",
                            name ? name : "?", v->id, why);
        wait_for(v, pause_after(v->laters, LATER_FIRST, LATER_MAX));
}

static void on_attempt(struct delivery *v, bool over) {
        usec_t pause = pause_then(v);
        bool is_last = is_last_then(v);

        v->futile = futile_then(v);
        v->attempts++;
        if (over) {
                finish(v, DELIVERY_DONE);
        } else if (is_last) {
                finish(v, DELIVERY_PARKED);
        } else {
                count_failing(v, true);
                wait_for(v, pause);
                mark_dirty(v);
        }
}

/* What its hooks did is not known: those of which no end was told are run again. */
static void fail_attempt(struct delivery *v) {
        const struct log_field fields[] = {{"KOOWATCH_NAME", event_string(v->event, "name")},
                                           {"KOOWATCH_EVENT_ID", v->id}};
        char next[64] = "the last attempt";

        v->failed = true;
        if (!v->once && !is_last_then(v))
                (void) snprintf(next, sizeof(next), "next try in %jd s",
                                (intmax_t) (pause_then(v) / USEC_SEC));
        log_entry(LEVEL_WARNING, NULL, fields, ARRAY_LEN(fields),
                  "%s: the hook runner ended before it had told how the hooks did (attempt %u, %s)",
                  fields[0].value, v->attempts + 1, v->once ? "not tried again" : next);
}

static void on_end(void *userdata, enum runner_outcome outcome) {
        struct delivery *v = userdata;
        struct deliveries *d = v->owner;

        d->counts.running--;
        if (outcome == RUNNER_LATER) {
                put_off(v, "the hook runner is still busy with it, or does not become ready");
        } else {
                v->laters = 0;
                if (outcome == RUNNER_FAILED)
                        fail_attempt(v);
                on_attempt(v, v->once || (outcome == RUNNER_DONE && !v->unwell));
        }
        start_ready(d);
}

/* The event as the store has it; NULL with *ret_error when it cannot be had. */
static json_object *load_event(struct delivery *v, int *ret_error) {
        CLEANUP(freep) char *body = NULL;
        json_object *event = NULL;
        int r;

        r = store_get_event(v->owner->store, v->id, &body);
        if (r == 0) {
                event = event_parse(body);
                r = -EBADMSG;
        }
        if (json_object_is_type(event, json_type_object))
                return event;
        json_object_put(event);
        *ret_error = r;
        return NULL;
}

static bool has_hooks(const struct deliveries *d, json_object *event) {
        const char *type = event_string(event, "event");
        CLEANUP(freep) char *subdirectory = str_printf("%s.d", type ? type : "");
        json_object *named;

        if (json_object_object_get_ex(event, "hooks", &named) &&
            json_object_array_length(named) > 0)
                return true;
        return !subdirectory || hookdir_has_any(d->hook_directories, subdirectory);
}

/* Returns the event as the line that the runner reads; borrowed from the event. */
static const char *make_line(struct delivery *v) {
        json_object_object_add(v->event, "attempt",
                               json_object_new_int64((int64_t) v->attempts + 1));
        if (v->settled)
                json_object_object_add(v->event, "settled", json_object_get(v->settled));
        return json_object_to_json_string_ext(v->event, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void start(struct delivery *v) {
        static const struct runner_handler handler = {
                .on_hook_start = on_hook_start,
                .on_hook_end = on_hook_end,
                .on_end = on_end,
        };
        struct deliveries *d = v->owner;
        CLEANUP(freep) char *line = NULL;
        const char *text;
        char why[128];
        int r = -ENOMEM;

        count_waiting(v, false);
        if (!v->event)
                v->event = load_event(v, &r);
        if (v->event && !has_hooks(d, v->event)) {
                finish(v, DELIVERY_DONE);
                return;
        }

        v->unwell = v->failed = v->achieved = false;
        text = v->event ? make_line(v) : NULL;
        if (text)
                line = str_printf("%s\n", text);
        if (line)
                r = runner_start(d->runner, line, strlen(line), &handler, v);
        if (r == 0) {
                d->counts.running++;
                return;
        }
        (void) snprintf(why, sizeof(why), "%s (%s)",
                        v->event ? "the hook runner cannot be started or reached"
                                 : "the store does not give it",
                        strerror(-r));
        put_off(v, why);
}

static void start_ready(struct deliveries *d) {
        while (!d->stopping && d->counts.running < d->max_parallel && d->ready_first) {
                struct delivery *v = d->ready_first;

                d->ready_first = v->next_ready;
                if (!d->ready_first)
                        d->ready_last = &d->ready_first;
                start(v);
        }
}

int deliveries_configure(struct deliveries *d, const struct delivery_settings *s) {
        int r = str_replace(&d->hook_directories, s->hook_directories);

        if (r < 0)
                return r;
        d->max_parallel = s->max_parallel;
        d->attempts = s->attempts;
        d->history = s->history;
        start_ready(d);
        return 0;
}

int deliveries_new(struct timers *timers, struct store *store, struct runner *runner,
                   const struct delivery_settings *settings, const struct delivery_handler *handler,
                   struct deliveries **ret) {
        CLEANUP(deliveries_freep) struct deliveries *d = NULL;
        int r;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        d->timers = timers;
        d->store = store;
        d->runner = runner;
        d->handler = *handler;
        d->ready_last = &d->ready_first;
        d->dirty_last = &d->dirty_first;
        r = deliveries_configure(d, settings);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(d);
        return 0;
}

void deliveries_free(struct deliveries *d) {
        if (!d)
                return;
        while (d->first)
                delivery_free(d->first);
        free(d->hook_directories);
        free(d);
}

static void on_pending(void *userdata, const char *event_id, const struct store_delivery *stored) {
        struct deliveries *d = userdata;
        struct delivery *v = delivery_new(d, event_id, false);
        usec_t wait = stored->next - clock_wall();

        if (!v) {
                log_error("event %s: no memory to deliver it, it waits for the next start",
                          event_id);
                return;
        }
        v->attempts = stored->attempts;
        v->futile = stored->futile;
        v->since = stored->finished;
        v->next_wall = stored->next;
        count_failing(v, v->attempts > 0);
        count_waiting(v, true);
        if (stored->settled)
                v->settled = json_tokener_parse(stored->settled);
        /* A wall clock that was wrong must not hold an outcome back for longer than any pause is.
         */
        if (wait > 0)
                timer_arm(d->timers, &v->timer, clock_boot() + MIN(wait, PAUSE_MAX));
        else
                make_ready(v);
}

int deliveries_load(struct deliveries *d) {
        int r = store_each_pending(d->store, on_pending, d);

        start_ready(d);
        return r;
}

int deliveries_add(struct deliveries *d, json_object *event) {
        struct delivery *v = delivery_new(d, event_string(event, "eventId"), false);

        if (!v)
                return -ENOMEM;
        v->event = event;
        v->fresh = true;
        mark_dirty(v);
        return 0;
}

void deliveries_add_once(struct deliveries *d, json_object *event) {
        struct delivery *v;

        if (!event)
                return;
        v = has_hooks(d, event) ? delivery_new(d, event_string(event, "eventId"), true) : NULL;
        if (!v) {
                json_object_put(event);
                return;
        }
        v->event = event;
        make_ready(v);
        start_ready(d);
}

static int write_one(struct delivery *v) {
        struct store *store = v->owner->store;
        int r;

        if (v->fresh) {
                const char *body = json_object_to_json_string_ext(
                        v->event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

                v->since = clock_wall();
                r = body ? store_put_event(store, v->id, body, v->since) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return store_put_delivery(
                store, v->id,
                &(struct store_delivery){
                        .state = v->state,
                        .attempts = v->attempts,
                        .futile = v->futile,
                        .next = v->next_wall,
                        .settled = v->settled ? json_object_to_json_string_ext(
                                                        v->settled, JSON_C_TO_STRING_PLAIN)
                                              : NULL,
                });
}

int deliveries_write(struct deliveries *d) {
        for (struct delivery *v = d->dirty_first; v; v = v->next_dirty) {
                int r = write_one(v);

                if (r < 0)
                        return r;
        }
        return 0;
}

static void on_written(struct delivery *v) {
        struct deliveries *d = v->owner;
        bool fresh = v->fresh;

        v->dirty = v->fresh = false;
        if (fresh) {
                d->handler.on_committed(d->handler.userdata, v->event);
                json_object_put(STEAL_PTR(v->event));
                make_ready(v);
        } else if (v->state != DELIVERY_PENDING) {
                d->handler.on_over(d->handler.userdata, v->event,
                                   v->state == DELIVERY_PARKED ? v->attempts : 0);
                delivery_free(v);
        }
}

void deliveries_written(struct deliveries *d) {
        struct delivery *v = STEAL_PTR(d->dirty_first), *next;

        d->dirty_last = &d->dirty_first;
        for (; v; v = next) {
                next = v->next_dirty;
                on_written(v);
        }
        start_ready(d);
}

void deliveries_stop(struct deliveries *d) {
        d->stopping = true;
}

unsigned deliveries_pending(const struct deliveries *d) {
        return d->pending;
}

struct delivery_counts deliveries_count(const struct deliveries *d) {
        return d->counts;
}
