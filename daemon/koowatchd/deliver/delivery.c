#include "koowatchd/deliver/delivery.h"

#include <errno.h>
#include <json-c/json.h>
#include <sys/queue.h>

#include "common/backoff.h"
#include "common/event-id.h"
#include "common/hookdir.h"
#include "common/json.h"
#include "common/log.h"
#include "koowatchd/deliver/attempts.h"
#include "koowatchd/deliver/delivery-load.h"
#include "koowatchd/deliver/delivery-row.h"
#include "koowatchd/deliver/ephemeral.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/store-batch.h"
#include "koowatchd/store/store.h"

#define WAIT_MAX USEC_HOUR /* whatever the wall clock says */
#define DEFER_FIRST USEC_SEC
#define DEFER_MAX USEC_MINUTE
#define DEFERRALS_REPORTED 3

TAILQ_HEAD(delivery_list, delivery);

struct delivery {
        struct deliveries *owner;
        TAILQ_ENTRY(delivery) link;    /* deliveries::all */
        TAILQ_ENTRY(delivery) ready;   /* deliveries::ready */
        TAILQ_ENTRY(delivery) changed; /* deliveries::dirty or ::in_commit */
        struct timer timer;            /* until the next attempt */

        struct delivery_row row;
        json_object *event;       /* held while it is new or being run */
        unsigned deferrals;       /* times in a row that the runner could not take it */
        bool uncommitted;         /* not in the store yet */
        bool dirty;               /* differs from the store */
        bool in_commit;           /* a write of it is under way, ... */
        bool ends_in_commit;      /* ... by which it is over */
        bool is_waiting, failing; /* counted as such */
};

struct deliveries {
        struct delivery_modules with;
        struct delivery_handler handler;
        char *hook_directories;
        struct attempt_limits limits;
        unsigned max_parallel;

        struct delivery_list all, ready, dirty, in_commit; /* ready: in order, for a slot */
        struct ephemerals *ephemerals;                     /* behind them */
        struct delivery_counts counts;
        struct delivery_load load;
        bool stopping;
};

static void start_ready(struct deliveries *d);

static void count_waiting(struct delivery *v, bool waiting) {
        v->owner->counts.waiting += (unsigned) waiting - (unsigned) v->is_waiting;
        v->is_waiting = waiting;
}

static void count_failing(struct delivery *v, bool failing) {
        v->owner->counts.failing += (unsigned) failing - (unsigned) v->failing;
        v->failing = failing;
}

/* It is in no list but that of all. */
static void delivery_free(struct delivery *v) {
        struct deliveries *d = v->owner;

        count_waiting(v, false);
        count_failing(v, false);
        timer_close(d->with.timers, &v->timer);
        TAILQ_REMOVE(&d->all, v, link);
        d->counts.pending--;
        json_object_put(v->event);
        delivery_row_clear(&v->row);
        free(v);
}

static void make_ready(struct delivery *v) {
        count_waiting(v, true);
        TAILQ_INSERT_TAIL(&v->owner->ready, v, ready);
}

static void on_timer(struct timer *timer, usec_t now) {
        struct delivery *v = container_of(timer, struct delivery, timer);

        (void) now;
        make_ready(v);
        start_ready(v->owner);
}

static struct delivery *delivery_new(struct deliveries *d, const char *id) {
        struct delivery *v = calloc(1, sizeof(*v));

        if (!v || timer_open(d->with.timers, &v->timer, on_timer) < 0) {
                free(v);
                return NULL;
        }
        v->owner = d;
        (void) snprintf(v->row.id, sizeof(v->row.id), "%s", id);
        TAILQ_INSERT_TAIL(&d->all, v, link);
        d->counts.pending++;
        return v;
}

static void mark_dirty(struct delivery *v) {
        struct deliveries *d = v->owner;

        if (!v->dirty && !v->in_commit)
                TAILQ_INSERT_TAIL(&d->dirty, v, changed);
        v->dirty = true;
        callback_call(&d->handler.on_dirty);
}

/* ---- attempts ---- */

static bool is_last_attempt(const struct delivery *v) {
        return attempts_is_last(&v->row.attempts, &v->owner->limits, clock_wall());
}

static void wait_for(struct delivery *v, usec_t pause) {
        json_object_put(STEAL_PTR(v->event)); /* the store has it */
        count_waiting(v, true);
        v->row.next = clock_wall() + pause;
        timer_arm(v->owner->with.timers, &v->timer, clock_boot() + pause);
}

/* Nothing more is to be run. It is over when that is on disk. */
static void end_delivery(struct delivery *v, enum delivery_state state) {
        count_failing(v, false);
        v->row.state = state;
        mark_dirty(v);
}

/* The runner could not take it. */
static void defer(struct delivery *v, const char *why, int error) {
        const char *name = v->event ? event_string(v->event, "name") : NULL;

        /* The first times are normal: a place is taken, or an instance still runs it. */
        if (++v->deferrals == DEFERRALS_REPORTED)
                log_warning("%s: hooks of event %s are delayed: %s%s%s; retrying until they run",
                            name ? name : "?", v->row.id, why, error < 0 ? ": " : "",
                            error < 0 ? strerror(-error) : "");
        wait_for(v, backoff_pause(v->deferrals, DEFER_FIRST, DEFER_MAX));
}

static void end_attempt(struct delivery *v, bool is_over) {
        usec_t pause = attempts_pause(&v->row.attempts);
        bool is_last = is_last_attempt(v);

        attempts_end(&v->row.attempts);
        if (is_over) {
                end_delivery(v, DELIVERY_DONE);
        } else if (is_last) {
                end_delivery(v, DELIVERY_PARKED);
        } else {
                count_failing(v, true);
                wait_for(v, pause);
                mark_dirty(v);
        }
}

/* What its hooks did is not known: those whose end was not reported are run again. */
static void fail_attempt(struct delivery *v) {
        attempts_note(&v->row.attempts, HOOK_FAILED);
        report_runner_failed(v->event, v->row.attempts.made + 1,
                             is_last_attempt(v) ? 0 : attempts_pause(&v->row.attempts));
}

/* ---- the runner ---- */

static void on_hook_start(void *userdata, const char *hook) {
        const struct delivery *v = userdata;

        report_hook_start(v->event, hook);
}

static void on_hook_end(void *userdata, const struct hook_end *end) {
        struct delivery *v = userdata;
        struct deliveries *d = v->owner;

        attempts_note(&v->row.attempts, end->result);
        if (hook_result_is_final(end->result) && delivery_row_settle(&v->row, end->hook))
                mark_dirty(v);
        metrics_hook(d->with.metrics, end->result);
        report_hook_end(v->event, end, is_last_attempt(v) ? 0 : attempts_pause(&v->row.attempts));
        callback_call(&d->handler.on_status);
}

static void on_end(void *userdata, enum runner_outcome outcome) {
        struct delivery *v = userdata;
        struct deliveries *d = v->owner;

        d->counts.running--;
        if (outcome == RUNNER_LATER) {
                defer(v, "the hook runner is still processing it, or is not becoming ready", 0);
        } else {
                v->deferrals = 0;
                if (outcome == RUNNER_FAILED)
                        fail_attempt(v);
                end_attempt(v, outcome == RUNNER_DONE && !v->row.attempts.incomplete);
        }
        start_ready(d);
}

static bool has_hooks(const struct deliveries *d, json_object *event) {
        const char *type = event_string(event, "event");
        CLEANUP(freep) char *subdirectory = str_printf("%s.d", type ? type : "");

        return event_names_hooks(event) || !subdirectory ||
               hookdir_has_any(d->hook_directories, subdirectory);
}

/* It has its event, and its slot. */
static void run(struct delivery *v) {
        static const struct runner_handler handler = {
                .on_hook_start = on_hook_start,
                .on_hook_end = on_hook_end,
                .on_end = on_end,
        };
        struct deliveries *d = v->owner;
        CLEANUP(freep) char *line = NULL;
        int r = -ENOMEM;

        if (!has_hooks(d, v->event)) {
                d->counts.running--;
                end_delivery(v, DELIVERY_DONE);
                return;
        }
        attempts_begin(&v->row.attempts);
        line = event_line(v->event, v->row.attempts.made + 1, v->row.settled);
        if (line)
                r = runner_start(d->with.runner, line, strlen(line), &handler, v);
        if (r == 0)
                return;
        d->counts.running--;
        defer(v, "the hook runner cannot be started or reached", r);
}

static void on_event(void *userdata, int error, const char *body) {
        struct delivery *v = userdata;
        struct deliveries *d = v->owner;

        if (d->stopping) {
                d->counts.running--;
                return;
        }
        if (error == 0) {
                v->event = event_parse(body);
                error = v->event ? 0 : -EBADMSG;
        }
        if (error == 0) {
                run(v);
        } else {
                d->counts.running--;
                defer(v, "it cannot be read from the store", error);
        }
        start_ready(d);
}

static void start(struct delivery *v) {
        struct deliveries *d = v->owner;

        TAILQ_REMOVE(&d->ready, v, ready);
        count_waiting(v, false);
        d->counts.running++;
        if (v->event)
                run(v);
        else
                store_get_event(d->with.store, v->row.id, on_event, v);
}

/* Outcomes go first. */
static void start_ready(struct deliveries *d) {
        while (!d->stopping &&
               d->counts.running + ephemerals_running(d->ephemerals) < d->max_parallel) {
                struct delivery *first = TAILQ_FIRST(&d->ready);

                if (first)
                        start(first);
                else if (!ephemerals_start(d->ephemerals))
                        break;
        }
}

static void on_ephemeral(void *userdata) {
        struct deliveries *d = userdata;

        start_ready(d);
        callback_call(&d->handler.on_status);
}

/* ---- from outside ---- */

int deliveries_configure(struct deliveries *d, const struct delivery_settings *s) {
        int r = str_replace(&d->hook_directories, s->hook_directories);

        if (r < 0)
                return r;
        d->max_parallel = s->max_parallel;
        d->limits = (struct attempt_limits){s->attempts, s->history};
        start_ready(d);
        return 0;
}

void deliveries_free(struct deliveries *d) {
        struct delivery *v;

        if (!d)
                return;
        while ((v = TAILQ_FIRST(&d->all)))
                delivery_free(v);
        ephemerals_free(d->ephemerals);
        delivery_load_close(&d->load);
        free(d->hook_directories);
        free(d);
}

void deliveries_set_handler(struct deliveries *d, const struct delivery_handler *handler) {
        d->handler = *handler;
}

static bool is_known(const struct deliveries *d, const char *event_id) {
        const struct delivery *v;

        TAILQ_FOREACH(v, &d->all, link) {
                if (streq(v->row.id, event_id))
                        return true;
        }
        return false;
}

static int on_pending(void *userdata, const char *event_id, const struct store_delivery *stored,
                      bool again) {
        struct deliveries *d = userdata;
        usec_t wait = stored->next - clock_wall();
        struct delivery *v;

        if (again && is_known(d, event_id))
                return 0;
        v = delivery_new(d, event_id);
        if (!v)
                return -ENOMEM;
        delivery_row_read(&v->row, stored);
        count_failing(v, v->row.attempts.made > 0);
        count_waiting(v, true);
        if (wait > 0)
                timer_arm(d->with.timers, &v->timer, clock_boot() + MIN(wait, WAIT_MAX));
        else
                make_ready(v);
        return 0;
}

static void on_loaded(void *userdata) {
        struct deliveries *d = userdata;

        callback_call(&d->handler.on_status);
        start_ready(d);
}

void deliveries_load(struct deliveries *d) {
        delivery_load_begin(&d->load);
}

static int open_parts(struct deliveries *d) {
        int r = ephemerals_new(
                &(struct ephemeral_modules){
                        .timers = d->with.timers,
                        .runner = d->with.runner,
                        .metrics = d->with.metrics,
                        .on_ready = {on_ephemeral, d},
                },
                &d->ephemerals);

        if (r < 0)
                return r;
        d->load = (struct delivery_load){
                .timers = d->with.timers,
                .store = d->with.store,
                .on_row = on_pending,
                .on_end = on_loaded,
                .userdata = d,
        };
        return delivery_load_open(&d->load);
}

int deliveries_new(const struct delivery_modules *modules, const struct delivery_settings *settings,
                   struct deliveries **ret) {
        CLEANUP(deliveries_freep) struct deliveries *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->with = *modules;
        TAILQ_INIT(&d->all);
        TAILQ_INIT(&d->ready);
        TAILQ_INIT(&d->dirty);
        TAILQ_INIT(&d->in_commit);
        r = open_parts(d);
        if (r == 0)
                r = deliveries_configure(d, settings);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(d);
        return 0;
}

int deliveries_add(struct deliveries *d, json_object *event) {
        struct delivery *v = delivery_new(d, event_string(event, "eventId"));

        if (!v)
                return -ENOMEM;
        v->event = event;
        v->uncommitted = true;
        mark_dirty(v);
        return 0;
}

void deliveries_add_once(struct deliveries *d, json_object *event) {
        if (event && has_hooks(d, event))
                ephemerals_add(d->ephemerals, event);
        else
                json_object_put(event);
}

/* ---- the store ---- */

static int write_delivery(struct store_batch *batch, struct delivery *v) {
        const char *body;
        int r = 0;

        if (v->uncommitted) {
                body = json_object_to_json_string_ext(
                        v->event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
                v->row.attempts.since = clock_wall();
                r = body ? store_batch_put_event(batch, v->row.id, body, v->row.attempts.since)
                         : -ENOMEM;
        }
        return r < 0 ? r : delivery_row_write(&v->row, batch);
}

int deliveries_collect(struct deliveries *d, struct store_batch *batch) {
        struct delivery *v;

        TAILQ_FOREACH(v, &d->dirty, changed) {
                int r = write_delivery(batch, v);

                if (r < 0)
                        return r;
        }
        TAILQ_FOREACH(v, &d->dirty, changed) {
                v->in_commit = true;
                v->dirty = false;
                v->ends_in_commit = v->row.state != DELIVERY_PENDING;
        }
        TAILQ_CONCAT(&d->in_commit, &d->dirty, changed);
        return 0;
}

static void on_written(struct delivery *v) {
        struct deliveries *d = v->owner;

        if (v->uncommitted) {
                v->uncommitted = false;
                report_finished(d->with.report, v->event);
                d->handler.on_finished(d->handler.finished_userdata, v->event);
                json_object_put(STEAL_PTR(v->event));
                make_ready(v);
        } else if (v->ends_in_commit && !v->dirty) {
                if (v->row.state == DELIVERY_PARKED) {
                        report_parked(v->event, v->row.attempts.made);
                        callback_call(&d->handler.on_parked);
                }
                d->handler.on_delivered(d->handler.delivered_userdata,
                                        event_string(v->event, "name"), v->row.id);
                callback_call(&d->handler.on_status);
                delivery_free(v);
        }
}

void deliveries_committed(struct deliveries *d, bool written) {
        struct delivery *v;

        while ((v = TAILQ_FIRST(&d->in_commit))) {
                TAILQ_REMOVE(&d->in_commit, v, changed);
                v->in_commit = false;
                v->dirty |= !written;
                if (v->dirty)
                        TAILQ_INSERT_TAIL(&d->dirty, v, changed);
                if (written)
                        on_written(v);
        }
        start_ready(d);
}

void deliveries_stop(struct deliveries *d) {
        d->stopping = true;
        delivery_load_stop(&d->load);
}

struct delivery_counts deliveries_count(const struct deliveries *d) {
        struct delivery_counts counts = d->counts;

        counts.waiting += ephemerals_waiting(d->ephemerals);
        counts.running += ephemerals_running(d->ephemerals);
        return counts;
}
