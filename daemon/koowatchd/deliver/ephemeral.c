#include "koowatchd/deliver/ephemeral.h"

#include <errno.h>
#include <sys/queue.h>

#include "common/backoff.h"
#include "common/log.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/report/report.h"

#define WAIT_MAX (5 * USEC_MINUTE)
#define WAITING_MAX 1000
#define DEFER_FIRST USEC_SEC
#define DEFER_MAX USEC_MINUTE
#define DEFERRALS_REPORTED 3

TAILQ_HEAD(ephemeral_list, ephemeral);

struct ephemeral {
        struct ephemerals *owner;
        TAILQ_ENTRY(ephemeral) link; /* ephemerals::waiting or ::running */
        struct timer timer;          /* while it waits: it is ready, or too old */
        json_object *event;
        usec_t since;       /* on the boot clock, when the event came */
        usec_t next;        /* likewise, when it is ready; 0: it is */
        unsigned deferrals; /* times that the runner could not take it */
};

struct ephemerals {
        struct ephemeral_modules with;
        struct ephemeral_list waiting, running; /* waiting: in order */
        unsigned n_waiting, n_running;
        bool reported_drops; /* since one was run last */
};

/* ---- the lists ---- */

static void arm(struct ephemeral *v) {
        usec_t end = v->since + WAIT_MAX;

        timer_arm(v->owner->with.timers, &v->timer, v->next > 0 ? MIN(v->next, end) : end);
}

static void set_event(struct ephemeral *v, json_object *event) {
        json_object_put(v->event);
        v->event = event;
        v->since = clock_boot();
}

/* It is in no list. */
static void ephemeral_free(struct ephemeral *v) {
        timer_close(v->owner->with.timers, &v->timer);
        json_object_put(v->event);
        free(v);
}

static void stop_waiting(struct ephemeral *v) {
        timer_disarm(v->owner->with.timers, &v->timer);
        TAILQ_REMOVE(&v->owner->waiting, v, link);
        v->owner->n_waiting--;
}

static void stop_running(struct ephemeral *v) {
        TAILQ_REMOVE(&v->owner->running, v, link);
        v->owner->n_running--;
}

static bool is_of_account(json_object *event) {
        return streq(event_string(event, "event"), EVENT_ACCOUNT);
}

/* The event that waits for the hooks of the same account. */
static struct ephemeral *find_same_account(const struct ephemerals *s, json_object *event) {
        struct ephemeral *v;

        if (!is_of_account(event))
                return NULL;
        TAILQ_FOREACH(v, &s->waiting, link) {
                if (is_of_account(v->event) &&
                    streq(event_string(v->event, "account"), event_string(event, "account")))
                        return v;
        }
        return NULL;
}

/* why: of the first of many. */
static void drop(struct ephemeral *v, const char *why) {
        struct ephemerals *s = v->owner;

        if (!s->reported_drops)
                log_notice("dropping account and stalled events, %s; check for hooks that run "
                           "long or do not start, or raise MaxParallel=",
                           why);
        s->reported_drops = true;
        metrics_event_dropped(s->with.metrics, is_of_account(v->event));
        stop_waiting(v);
        ephemeral_free(v);
}

static void on_timer(struct timer *timer, usec_t now) {
        struct ephemeral *v = container_of(timer, struct ephemeral, timer);
        struct ephemerals *s = v->owner;

        if (now >= v->since + WAIT_MAX) {
                drop(v, "their hooks have not been run for 5 minutes");
        } else {
                v->next = 0;
                arm(v);
        }
        callback_call(&s->with.on_ready);
}

static void drop_oldest(struct ephemerals *s) {
        if (s->n_waiting > WAITING_MAX)
                drop(TAILQ_FIRST(&s->waiting), "more than 1000 wait for their hooks");
}

void ephemerals_add(struct ephemerals *s, json_object *event) {
        struct ephemeral *v = find_same_account(s, event);

        if (!runner_may_run(s->with.runner, event)) {
                log_notice("%s: hooks of %s are not run: this node lacks a label of RunOn=",
                           event_string(event, "name"), event_string(event, "event"));
                json_object_put(event);
                return;
        }
        if (v) { /* in its place: one that changes all the time comes to its turn, too */
                set_event(v, event);
                arm(v);
                return;
        }
        v = calloc(1, sizeof(*v));
        if (!v || timer_open(s->with.timers, &v->timer, on_timer) < 0) {
                free(v);
                json_object_put(event);
                return;
        }
        v->owner = s;
        set_event(v, event);
        TAILQ_INSERT_TAIL(&s->waiting, v, link);
        s->n_waiting++;
        arm(v);
        drop_oldest(s);
        callback_call(&s->with.on_ready);
}

/* ---- a run ---- */

/* The runner could not take it, which is in no list. */
static void defer(struct ephemeral *v, const char *why, int error) {
        struct ephemerals *s = v->owner;
        const char *name = event_string(v->event, is_of_account(v->event) ? "account" : "name");

        if (find_same_account(s, v->event)) { /* a later state */
                ephemeral_free(v);
                return;
        }
        /* The first times are normal: a place is taken. */
        if (++v->deferrals == DEFERRALS_REPORTED)
                log_warning("%s: hooks of event %s are delayed: %s%s%s; retrying for 5 minutes",
                            name ? name : "?", event_string(v->event, "eventId"), why,
                            error < 0 ? ": " : "", error < 0 ? strerror(-error) : "");
        v->next = clock_boot() + backoff_pause(v->deferrals, DEFER_FIRST, DEFER_MAX);
        TAILQ_INSERT_HEAD(&s->waiting, v, link);
        s->n_waiting++;
        arm(v);
        drop_oldest(s);
}

static void on_hook_start(void *userdata, const char *hook) {
        const struct ephemeral *v = userdata;

        report_hook_start(v->event, hook);
}

static void on_hook_end(void *userdata, const struct hook_end *end) {
        const struct ephemeral *v = userdata;

        metrics_hook(v->owner->with.metrics, end->result);
        report_hook_end(v->event, end, 0);
}

static void on_end(void *userdata, enum runner_outcome outcome) {
        struct ephemeral *v = userdata;
        struct ephemerals *s = v->owner;

        stop_running(v);
        if (outcome == RUNNER_LATER) {
                defer(v, "the hook runner is not becoming ready", 0);
        } else {
                if (outcome == RUNNER_FAILED)
                        report_runner_failed(v->event, 1, 0);
                s->reported_drops = false;
                ephemeral_free(v);
        }
        callback_call(&s->with.on_ready);
}

bool ephemerals_start(struct ephemerals *s) {
        static const struct runner_handler handler = {
                .on_hook_start = on_hook_start,
                .on_hook_end = on_hook_end,
                .on_end = on_end,
        };
        struct event_attempt attempt = {.number = 1};
        CLEANUP(freep) char *line = NULL;
        struct ephemeral *v;
        int r = -ENOMEM;

        TAILQ_FOREACH(v, &s->waiting, link) {
                if (v->next == 0)
                        break;
        }
        if (!v)
                return false;
        stop_waiting(v);
        runner_complete_attempt(s->with.runner, &attempt);
        line = event_line(v->event, &attempt);
        if (line)
                r = runner_start(s->with.runner, line, strlen(line), &handler, v);
        if (r < 0) {
                defer(v, "the hook runner cannot be started or reached", r);
                return true;
        }
        TAILQ_INSERT_TAIL(&s->running, v, link);
        s->n_running++;
        return true;
}

/* ---- the whole ---- */

unsigned ephemerals_waiting(const struct ephemerals *s) {
        return s->n_waiting;
}

unsigned ephemerals_running(const struct ephemerals *s) {
        return s->n_running;
}

int ephemerals_new(const struct ephemeral_modules *modules, struct ephemerals **ret) {
        struct ephemerals *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->with = *modules;
        TAILQ_INIT(&s->waiting);
        TAILQ_INIT(&s->running);
        *ret = s;
        return 0;
}

static void free_list(struct ephemeral_list *list) {
        struct ephemeral *v;

        while ((v = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, v, link);
                ephemeral_free(v);
        }
}

void ephemerals_free(struct ephemerals *s) {
        if (!s)
                return;
        free_list(&s->waiting);
        free_list(&s->running);
        free(s);
}
