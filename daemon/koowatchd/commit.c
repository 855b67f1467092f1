#include "koowatchd/commit.h"

#include <errno.h>

#include "common/log.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/state-directory.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store-batch.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registry.h"

#define RETRY_PAUSE (5 * USEC_SEC)
#define ANSWER_TIME (10 * USEC_SEC)
#define PRUNE_FIRST USEC_MINUTE
#define COUNT_PAUSE USEC_SEC
#define PRUNE_PERIOD USEC_HOUR

struct commit {
        struct timers *timers;
        struct store *store;
        const char *path;
        struct registry *registry;
        struct deliveries *deliveries;
        struct commit_handler handler;
        enum commit_state state;
        usec_t state_since;
        usec_t history;
        struct timer retry_timer;  /* armed: nothing is handed over before it */
        struct timer answer_timer; /* armed: a batch is under way */
        struct timer prune_timer, count_timer;
        bool is_requested;
        bool has_reported_damage;
        bool is_busy;
        usec_t prune_wanted; /* in the next batch, as of this wall clock; 0: not */
        bool pruning;        /* in the one under way */
};

/* Whoever has met it, reading or writing. */
static void report_damage(struct commit *c) {
        if (c->has_reported_damage || !store_is_damaged(c->store))
                return;
        log_error("%s: damaged (%s); outcomes wait; restart koowatchd, which then moves it aside "
                  "and starts with a new one",
                  c->path, store_error(c->store));
        c->has_reported_damage = true;
}

/* error: of COMMIT_FAILING; that it cannot be reached is known before what fails for that. */
static void set_state(struct commit *c, enum commit_state state, int error) {
        if (state == c->state || (state == COMMIT_FAILING && c->state == COMMIT_UNREACHABLE))
                return;
        if (state == COMMIT_FAILING && store_is_damaged(c->store))
                report_damage(c);
        else if (state == COMMIT_FAILING)
                log_error("%s: cannot write (%s); outcomes wait until it is writable%s", c->path,
                          store_error(c->store),
                          store_is_shared(c->store) ? "" : store_advice(error));
        else if (state == COMMIT_SILENT)
                log_error("%s: no answer for %u s; polling goes on, outcomes wait until it answers",
                          c->path, (unsigned) (ANSWER_TIME / USEC_SEC));
        else if (state == COMMIT_UNREACHABLE)
                log_error("%s: cannot be reached (%s), retrying; new tasks and outcomes wait until "
                          "it is",
                          c->path, store_error(c->store));
        else if (c->state == COMMIT_UNREACHABLE)
                log_notice("%s: reached again", c->path);
        else
                log_notice("%s: writable again", c->path);
        c->state = state;
        c->state_since = clock_boot();
        callback_call(&c->handler.on_status);
}

/* ---- counts ---- */

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        struct commit *c = userdata;

        if (error < 0 && c->state == COMMIT_UNREACHABLE)
                return; /* it is counted when it is there again */
        if (error < 0)
                log_warning(
                        "%s: what is in it cannot be counted (%s), it is tried again in an hour",
                        c->path, store_error(c->store));
        else
                c->handler.on_counted(c->handler.userdata, counts->finished, counts->parked);
}

static void on_prune_timer(struct timer *timer, usec_t now) {
        struct commit *c = container_of(timer, struct commit, prune_timer);

        /* By a clock that was set years ahead all would be forgotten. */
        c->prune_wanted = MAX(c->handler.wall(c->handler.userdata), 0);
        commit_request(c);
        timer_arm(c->timers, timer, now + PRUNE_PERIOD);
}

void commit_count(void *commit) {
        struct commit *c = commit;

        store_count(c->store, on_counted, c);
}

static void on_count_timer(struct timer *timer, usec_t now) {
        (void) now;
        commit_count(container_of(timer, struct commit, count_timer));
}

void commit_count_soon(void *commit) {
        struct commit *c = commit;

        if (!timer_is_armed(&c->count_timer))
                timer_arm(c->timers, &c->count_timer, clock_boot() + COUNT_PAUSE);
}

void commit_start(struct commit *c) {
        commit_count(c);
        timer_arm(c->timers, &c->prune_timer, clock_boot() + PRUNE_FIRST);
}

/* ---- a batch ---- */

static void retry_later(struct commit *c) {
        c->is_requested = true;
        if (c->state == COMMIT_UNREACHABLE)
                return;
        timer_arm(c->timers, &c->retry_timer, clock_boot() + RETRY_PAUSE);
}

static void on_written(void *userdata, int error) {
        struct commit *c = userdata;
        bool pruned = c->pruning && error == 0;

        c->is_busy = c->pruning = false;
        timer_disarm(c->timers, &c->answer_timer);
        set_state(c, error < 0 ? COMMIT_FAILING : COMMIT_OK, error);
        if (error < 0)
                retry_later(c);
        if (pruned) {
                c->prune_wanted = 0;
                store_count(c->store, on_counted, c);
        }
        registry_committed(c->registry, error == 0);
        deliveries_committed(c->deliveries, error == 0);
        if (c->handler.committed)
                c->handler.committed(c->handler.userdata, error == 0);
        callback_call(&c->handler.on_status);
}

/* What was collected stays with its owners until it is written. NULL when memory is short. */
static struct store_batch *collect(struct commit *c) {
        CLEANUP(store_batch_freep) struct store_batch *batch = store_batch_new();
        int r;

        if (!batch ||
            (c->prune_wanted > 0 && store_batch_prune(batch, c->prune_wanted, c->history) < 0))
                return NULL;
        r = registry_collect(c->registry, batch);
        if (r < 0)
                return NULL;
        r = deliveries_collect(c->deliveries, batch);
        if (r < 0) {
                registry_committed(c->registry, false);
                return NULL;
        }
        r = c->handler.collect ? c->handler.collect(c->handler.userdata, batch) : 0;
        if (r < 0) {
                registry_committed(c->registry, false);
                deliveries_committed(c->deliveries, false);
                return NULL;
        }
        return STEAL_PTR(batch);
}

static void hand_over(struct commit *c) {
        struct store_batch *batch;

        c->is_requested = false;
        batch = collect(c);
        if (!batch) {
                log_warning("no memory to write to %s, it is tried again in 5 s", c->path);
                retry_later(c);
                return;
        }
        c->is_busy = true;
        c->pruning = c->prune_wanted > 0;
        store_write(c->store, batch, on_written, c);
        if (c->is_busy)
                timer_arm(c->timers, &c->answer_timer, clock_boot() + ANSWER_TIME);
}

void commit_request(void *commit) {
        struct commit *c = commit;

        c->is_requested = true;
}

static bool can_hand_over(const struct commit *c) {
        return c->is_requested && !c->is_busy && !timer_is_armed(&c->retry_timer) &&
               c->state != COMMIT_UNREACHABLE;
}

bool commit_run(struct commit *c) {
        if (can_hand_over(c))
                hand_over(c);
        report_damage(c);
        return can_hand_over(c);
}

void commit_finish(struct commit *c) {
        c->is_requested = true; /* also what may wait until there is more to write */
        timer_disarm(c->timers, &c->retry_timer);
        while (commit_run(c))
                ;
}

static void on_retry_timer(struct timer *timer, usec_t now) {
        (void) now;
        (void) commit_run(container_of(timer, struct commit, retry_timer));
}

static void on_answer_timer(struct timer *timer, usec_t now) {
        (void) now;
        set_state(container_of(timer, struct commit, answer_timer), COMMIT_SILENT, 0);
}

bool commit_is_busy(const struct commit *c) {
        return c->is_busy;
}

enum commit_state commit_state(const struct commit *c) {
        return c->state;
}

usec_t commit_state_since(const struct commit *c) {
        return c->state_since;
}

/* A store_reach_fn. What waits is handed over before the loop does. */
static void on_reach(void *userdata, int error) {
        struct commit *c = userdata;

        timer_disarm(c->timers, &c->retry_timer);
        if (error < 0) {
                set_state(c, COMMIT_UNREACHABLE, error);
        } else if (c->state == COMMIT_UNREACHABLE) {
                set_state(c, COMMIT_OK, 0);
                commit_count(c);
        }
}

/* ---- the whole ---- */

void commit_configure(struct commit *c, usec_t history) {
        c->history = history;
}

void commit_set_handler(struct commit *c, const struct commit_handler *handler) {
        c->handler = *handler;
}

int commit_new(struct timers *timers, struct store *store, const char *path,
               struct registry *registry, struct deliveries *deliveries, struct commit **ret) {
        CLEANUP(commit_freep) struct commit *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->timers = timers;
        c->store = store;
        c->path = path;
        c->registry = registry;
        c->deliveries = deliveries;
        c->history = USEC_INFINITY;
        r = timer_open(timers, &c->retry_timer, on_retry_timer);
        if (r == 0)
                r = timer_open(timers, &c->answer_timer, on_answer_timer);
        if (r == 0)
                r = timer_open(timers, &c->prune_timer, on_prune_timer);
        if (r == 0)
                r = timer_open(timers, &c->count_timer, on_count_timer);
        if (r < 0)
                return r;
        store_set_on_reach(store, on_reach, c);
        *ret = STEAL_PTR(c);
        return 0;
}

void commit_free(struct commit *c) {
        if (!c)
                return;
        store_set_on_reach(c->store, NULL, NULL);
        timer_close(c->timers, &c->retry_timer);
        timer_close(c->timers, &c->answer_timer);
        timer_close(c->timers, &c->prune_timer);
        timer_close(c->timers, &c->count_timer);
        free(c);
}
