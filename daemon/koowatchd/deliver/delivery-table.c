#include "koowatchd/deliver/delivery-table.h"

#include <json-c/json.h>

#include "common/log.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/fleet.h"

void delivery_count_waiting(struct delivery *v, bool waiting) {
        v->owner->counts.waiting += (unsigned) waiting - (unsigned) v->is_waiting;
        v->is_waiting = waiting;
}

void delivery_fails_since(struct delivery *v, usec_t since) {
        struct delivery_list *failing = &v->owner->failing;
        struct delivery *before = TAILQ_LAST(failing, delivery_list);

        if (v->failing)
                return;
        v->failing = true;
        v->failing_since = since;
        v->owner->counts.failing++;
        /* Only what a restart has read may have failed for longer than the last one. */
        while (before && before->failing_since > since)
                before = TAILQ_PREV(before, delivery_list, fails);
        if (before)
                TAILQ_INSERT_AFTER(failing, before, v, fails);
        else
                TAILQ_INSERT_HEAD(failing, v, fails);
}

void delivery_count_failing(struct delivery *v, bool failing) {
        if (failing) {
                delivery_fails_since(v, clock_boot());
        } else if (v->failing) {
                v->failing = false;
                v->owner->counts.failing--;
                TAILQ_REMOVE(&v->owner->failing, v, fails);
        }
}

void delivery_free(struct delivery *v) {
        struct deliveries *d = v->owner;

        delivery_count_waiting(v, false);
        delivery_count_failing(v, false);
        timer_close(d->with.timers, &v->timer);
        TAILQ_REMOVE(&d->all, v, link);
        d->counts.pending -= !v->is_over;
        json_object_put(v->run.event);
        free(v->samples);
        delivery_row_clear(&v->row);
        free(v);
}

void delivery_set_over(struct delivery *v, bool over) {
        v->owner->counts.pending += (unsigned) v->is_over - (unsigned) over;
        v->is_over = over;
}

void delivery_judge(struct delivery *v) {
        v->is_foreign = store_is_shared(v->owner->with.store) &&
                        !runner_may_run(v->owner->with.runner, v->run.event);
}

void delivery_make_ready(struct delivery *v) {
        if (v->is_foreign) {
                log_notice(
                        "%s: hooks of event %s are left to another node: this node lacks a label "
                        "of RunOn=",
                        event_string(v->run.event, "name"), v->row.id);
                delivery_set_over(v, true);
                return;
        }
        delivery_count_waiting(v, true);
        TAILQ_INSERT_TAIL(&v->owner->ready, v, ready);
        v->is_ready = true;
}

void delivery_stop_waiting(struct delivery *v) {
        if (v->is_ready)
                TAILQ_REMOVE(&v->owner->ready, v, ready);
        v->is_ready = false;
        timer_disarm(v->owner->with.timers, &v->timer);
        delivery_count_waiting(v, false);
}

struct delivery *delivery_new(struct deliveries *d, const char *id) {
        struct delivery *v = calloc(1, sizeof(*v));

        if (!v || timer_open(d->with.timers, &v->timer, d->on_timer) < 0) {
                free(v);
                return NULL;
        }
        v->owner = d;
        v->run = (struct delivery_run){.shared = &d->runs, .row = &v->row};
        (void) snprintf(v->row.id, sizeof(v->row.id), "%s", id);
        TAILQ_INSERT_TAIL(&d->all, v, link);
        d->counts.pending++;
        return v;
}

void delivery_mark_dirty(struct delivery *v) {
        struct deliveries *d = v->owner;

        if (!v->dirty && !v->in_commit)
                TAILQ_INSERT_TAIL(&d->dirty, v, changed);
        v->dirty = true;
        callback_call(&d->handler.on_dirty);
}

struct delivery *delivery_find(const struct deliveries *d, const char *event_id) {
        struct delivery *v;

        TAILQ_FOREACH(v, &d->all, link) {
                if (streq(v->row.id, event_id))
                        return v;
        }
        return NULL;
}
