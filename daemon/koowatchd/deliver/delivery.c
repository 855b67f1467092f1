#include "koowatchd/deliver/delivery.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/backoff.h"
#include "common/crash-point.h"
#include "common/event-id.h"
#include "common/json.h"
#include "common/log.h"
#include "koowatchd/deliver/delivery-table.h"
#include "koowatchd/deliver/ephemeral.h"
#include "koowatchd/deliver/redelivery-order.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store-batch.h"
#include "koowatchd/store/store.h"

#define DEFER_FIRST USEC_SEC
#define DEFER_MAX USEC_MINUTE
#define DEFERRALS_REPORTED 3

static void start_ready(struct deliveries *d);

static void on_timer(struct timer *timer, usec_t now) {
        struct delivery *v = container_of(timer, struct delivery, timer);

        (void) now;
        delivery_make_ready(v);
        start_ready(v->owner);
}

/* ---- attempts ---- */

static void wait_for(struct delivery *v, usec_t pause) {
        json_object_put(STEAL_PTR(v->run.event)); /* the store has it */
        delivery_count_waiting(v, true);
        v->row.next = clock_wall() + pause;
        timer_arm(v->owner->with.timers, &v->timer, clock_boot() + pause);
}

/* Nothing more is to be run. It is over when that is on disk. */
static void end_delivery(struct delivery *v, enum delivery_state state) {
        CRASH_POINT("delivery-ended");
        delivery_count_failing(v, false);
        v->row.state = state;
        delivery_mark_dirty(v);
}

/* The runner could not take it. */
static void defer(struct delivery *v, const char *why, int error) {
        const char *name = v->run.event ? event_string(v->run.event, "name") : NULL;

        /* The first times are normal: a place is taken, or an instance still runs it. */
        if (++v->deferrals == DEFERRALS_REPORTED)
                log_warning("%s: hooks of event %s are delayed: %s%s%s; retrying until they run",
                            name ? name : "?", v->row.id, why, error < 0 ? ": " : "",
                            error < 0 ? strerror(-error) : "");
        wait_for(v, backoff_pause(v->deferrals, DEFER_FIRST, DEFER_MAX));
}

static void end_attempt(struct delivery *v, bool is_over) {
        usec_t pause = attempts_pause(&v->row.attempts);
        bool is_last = delivery_run_is_last(&v->run);

        attempts_end(&v->row.attempts);
        if (is_over) {
                end_delivery(v, DELIVERY_DONE);
        } else if (is_last) {
                end_delivery(v, DELIVERY_PARKED);
        } else {
                delivery_count_failing(v, true);
                wait_for(v, pause);
                delivery_mark_dirty(v);
        }
}

/* ---- the runner ---- */

static void on_hook(struct delivery_run *run, bool settled) {
        struct delivery *v = container_of(run, struct delivery, run);

        if (settled)
                delivery_mark_dirty(v);
        callback_call(&v->owner->handler.on_status);
}

static void on_run_end(struct delivery_run *run, enum delivery_run_end end, const char *why,
                       int error) {
        struct delivery *v = container_of(run, struct delivery, run);
        struct deliveries *d = v->owner;

        v->is_running = false;
        d->counts.running--;
        if (end == DELIVERY_RUN_LATER) {
                defer(v, why, error);
        } else if (end == DELIVERY_RUN_NO_HOOKS) {
                end_delivery(v, DELIVERY_DONE);
        } else {
                v->deferrals = 0;
                end_attempt(v, end == DELIVERY_RUN_DONE);
        }
        start_ready(d);
}

static void start(struct delivery *v) {
        struct deliveries *d = v->owner;

        delivery_stop_waiting(v);
        v->is_running = true;
        d->counts.running++;
        delivery_run_start(&v->run);
}

/* Outcomes go first. */
static void start_ready(struct deliveries *d) {
        if (d->is_starting) /* what is started may be over at once */
                return;
        d->is_starting = true;
        while (!d->runs.stopping &&
               d->counts.running + ephemerals_running(d->ephemerals) < d->max_parallel) {
                struct delivery *first = TAILQ_FIRST(&d->ready);

                if (first ? tellings_delay(&d->tellings, &first->telling)
                          : !ephemerals_start(d->ephemerals))
                        break;
                if (first)
                        start(first);
        }
        d->is_starting = false;
}

static void on_progress(void *userdata) {
        struct deliveries *d = userdata;

        start_ready(d);
        callback_call(&d->handler.on_status);
}

/* It rides along with the next write, if there is one to come. */
static void on_told(struct telling *telling) {
        struct delivery *v = container_of(telling, struct delivery, telling);

        v->row.told = true;
        if (v->row.state != DELIVERY_PENDING || v->is_foreign)
                delivery_mark_dirty(v);
}

/* ---- from outside ---- */

int deliveries_configure(struct deliveries *d, const struct delivery_settings *s) {
        int r = str_replace(&d->runs.hook_directories, s->hook_directories);

        if (r < 0)
                return r;
        d->max_parallel = s->max_parallel;
        d->runs.limits = (struct attempt_limits){s->attempts, s->history};
        start_ready(d);
        return 0;
}

void deliveries_free(struct deliveries *d) {
        struct delivery *v;

        if (!d)
                return;
        redeliveries_clear(d);
        while ((v = TAILQ_FIRST(&d->all)))
                delivery_free(v);
        ephemerals_free(d->ephemerals);
        delivery_load_close(&d->load);
        tellings_close(&d->tellings);
        free(d->runs.hook_directories);
        free(d);
}

void deliveries_set_handler(struct deliveries *d, const struct delivery_handler *handler) {
        d->handler = *handler;
}

/* How long ago that was; 0: not known. */
static usec_t age(usec_t wall) {
        return wall > 0 ? MAX(clock_wall() - wall, (usec_t) 0) : 0;
}

static int on_pending(void *userdata, const char *event_id, const struct store_delivery *stored,
                      bool again) {
        struct deliveries *d = userdata;
        usec_t wait = stored->next - clock_wall();
        struct delivery *v;

        if (again && delivery_find(d, event_id))
                return 0;
        v = delivery_new(d, event_id);
        if (!v)
                return -ENOMEM;
        if (delivery_row_read(&v->row, stored) < 0) {
                delivery_free(v);
                return -ENOMEM;
        }
        v->told_on_disk = stored->told;
        if (!stored->told)
                tellings_add_stored(&d->tellings, &v->telling, v->row.id);
        if (stored->state != DELIVERY_PENDING) {
                delivery_set_over(v, true);
                return 0;
        }
        /* It may have been asked for again; that is not known any more. */
        if (v->row.attempts.made > 0)
                delivery_fails_since(v, clock_boot() - age(v->row.attempts.since));
        delivery_count_waiting(v, true);
        /* The clock may have been set, or be that of another node. */
        wait = MIN(wait, attempts_pause(&v->row.attempts));
        if (wait > 0)
                timer_arm(d->with.timers, &v->timer, clock_boot() + wait);
        else
                delivery_make_ready(v);
        return 0;
}

static void on_loaded(void *userdata) {
        struct deliveries *d = userdata;

        tellings_advance(&d->tellings);
        on_progress(d);
}

void deliveries_tell(void *deliveries) {
        struct deliveries *d = deliveries;

        tellings_sent(&d->tellings);
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
                        .on_ready = {on_progress, d},
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
                .may_repeat = store_is_shared(d->with.store),
        };
        d->tellings = (struct tellings){
                .timers = d->with.timers,
                .store = d->with.store,
                .report = d->with.report,
                .on_told = on_told,
                .on_progress = {on_progress, d},
        };
        r = delivery_load_open(&d->load);
        return r < 0 ? r : tellings_open(&d->tellings);
}

int deliveries_new(const struct delivery_modules *modules, const struct delivery_settings *settings,
                   struct deliveries **ret) {
        CLEANUP(deliveries_freep) struct deliveries *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->with = *modules;
        d->on_timer = on_timer;
        d->runs = (struct delivery_runs){
                .store = modules->store,
                .runner = modules->runner,
                .metrics = modules->metrics,
                .on_hook = on_hook,
                .on_end = on_run_end,
        };
        TAILQ_INIT(&d->all);
        TAILQ_INIT(&d->ready);
        TAILQ_INIT(&d->failing);
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

int deliveries_add(struct deliveries *d, json_object *event, char *samples) {
        struct delivery *v = delivery_new(d, event_string(event, "eventId"));

        if (!v)
                return -ENOMEM;
        v->run.event = event;
        v->samples = samples;
        v->uncommitted = true;
        delivery_mark_dirty(v);
        return 0;
}

void deliveries_add_once(struct deliveries *d, json_object *event) {
        if (event && event_has_hooks(d->runs.hook_directories, event))
                ephemerals_add(d->ephemerals, event);
        else
                json_object_put(event);
}

/* ---- the store ---- */

/* NULL when memory is short. */
static const char *body_of(const struct delivery *v) {
        return json_text(v->run.event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static int write_event(struct store_batch *batch, struct delivery *v) {
        CLEANUP(freep) char *run_on = NULL;
        const char *body = body_of(v);
        int r = event_run_on(v->run.event, &run_on);

        CRASH_POINT("outcome-collected");
        v->row.attempts.since = clock_wall();
        delivery_judge(v);
        if (r == 0)
                r = body ? store_batch_put_event(batch, v->row.id, body, run_on,
                                                 v->row.attempts.since)
                         : -ENOMEM;
        return r < 0 || !v->samples ? r : store_batch_put_samples(batch, v->row.id, v->samples);
}

static int write_body(struct store_batch *batch, const struct delivery *v) {
        CLEANUP(freep) char *run_on = NULL;
        const char *body = body_of(v);
        int r = event_run_on(v->run.event, &run_on);

        if (r < 0)
                return r;
        return body ? store_batch_put_body(batch, v->row.id, body, run_on) : -ENOMEM;
}

static int write_delivery(struct store_batch *batch, struct delivery *v) {
        int r = 0;

        if (v->uncommitted)
                return write_event(batch, v);
        if (v->new_body)
                r = write_body(batch, v);
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
                v->told_in_commit = v->row.told;
                v->reopens_in_commit = v->reopens;
                hook_runs_begin_commit(&v->row.runs);
        }
        TAILQ_CONCAT(&d->in_commit, &d->dirty, changed);
        return 0;
}

/* That is on disk. */
static void end_delivered(struct delivery *v) {
        struct deliveries *d = v->owner;
        json_object *event = STEAL_PTR(v->run.event);

        CRASH_POINT("delivery-committed");
        if (v->row.state == DELIVERY_PARKED) {
                report_parked(event, v->row.attempts.made);
                d->handler.on_given_up(d->handler.delivered_userdata, event);
                callback_call(&d->handler.on_parked);
        } else {
                d->handler.on_delivered(d->handler.delivered_userdata, event);
        }
        delivery_set_over(v, true);
        callback_call(&d->handler.on_status);
        json_object_put(event);
}

static void on_written(struct delivery *v) {
        struct deliveries *d = v->owner;

        if (v->uncommitted) {
                v->uncommitted = false;
                free(STEAL_PTR(v->samples));
                tellings_add(&d->tellings, &v->telling, v->row.id, v->run.event);
                d->handler.on_finished(d->handler.finished_userdata, v->run.event);
                delivery_make_ready(v);
                return; /* it is told before it may go */
        }
        v->told_on_disk = v->told_in_commit;
        if (v->ends_in_commit && !v->is_over)
                end_delivered(v);
        redelivery_written(v);
        if (v->is_over && v->told_on_disk && !v->dirty)
                delivery_free(v);
}

void deliveries_committed(struct deliveries *d, bool written) {
        struct delivery *v;

        while ((v = TAILQ_FIRST(&d->in_commit))) {
                TAILQ_REMOVE(&d->in_commit, v, changed);
                v->in_commit = false;
                v->dirty |= !written;
                hook_runs_end_commit(&v->row.runs, written);
                if (v->dirty)
                        TAILQ_INSERT_TAIL(&d->dirty, v, changed);
                if (written)
                        on_written(v);
        }
        start_ready(d);
        /* The store has the events of those that wait for a slot; they were added last. */
        TAILQ_FOREACH_REVERSE(v, &d->ready, delivery_list, ready) {
                if (!v->run.event)
                        break;
                json_object_put(STEAL_PTR(v->run.event));
        }
}

void deliveries_stop(struct deliveries *d) {
        struct delivery *v;

        d->runs.stopping = true;
        TAILQ_FOREACH(v, &d->all, link) {
                if (v->row.told && !v->told_on_disk)
                        delivery_mark_dirty(v);
        }
        delivery_load_stop(&d->load);
}

usec_t deliveries_failing_for(const struct deliveries *d, usec_t now) {
        const struct delivery *oldest = TAILQ_FIRST(&d->failing);

        return oldest ? now - oldest->failing_since : 0;
}

struct delivery_counts deliveries_count(const struct deliveries *d) {
        struct delivery_counts counts = d->counts;

        counts.waiting += ephemerals_waiting(d->ephemerals);
        counts.running += ephemerals_running(d->ephemerals);
        return counts;
}

usec_t deliveries_oldest(const struct deliveries *d) {
        const struct delivery *v;
        usec_t oldest = 0;

        TAILQ_FOREACH(v, &d->all, link) {
                const usec_t since = v->row.attempts.since;

                if (!v->is_over && since > 0 && (oldest == 0 || since < oldest))
                        oldest = since;
        }
        return oldest;
}
