#include "koowatchd/task/task-state.h"

#include "common/backoff.h"

#define URL_WAITS 3
#define URL_WAIT (10 * USEC_SEC)
#define TYPE_MAX 31
#define OVERDUE_FAULTS 3 /* in a row: then what is no answer goes on */

/* For the long waits: there may be a million tasks. Rounded up, none of them ends early. */
static int32_t to_seconds(usec_t time) {
        return (int32_t) ((time + USEC_SEC - 1) / USEC_SEC);
}

static usec_t from_seconds(int32_t time) {
        return time * USEC_SEC;
}

void task_state_init(struct task_state *c, usec_t registered, usec_t now) {
        *c = (struct task_state){
                .registered = registered,
                .changed = to_seconds(now),
                .status = KOODRIVE_STATUS_UNKNOWN,
                .progress = -1,
        };
        poll_interval_init(&c->interval, registered);
}

void task_state_set_registered(struct task_state *c, usec_t registered) {
        if (registered == c->registered)
                return;
        c->registered = registered;
        poll_interval_init(&c->interval, registered);
}

static bool waits_for_url(struct task_state *c, const struct koodrive_answer *a) {
        return a->type == KOODRIVE_TYPE_PACKAGE && !a->download_url && !a->url_problem &&
               (a->result == KOODRIVE_RESULT_SUCCEEDED || a->result == KOODRIVE_RESULT_PARTIAL) &&
               c->url_waits < URL_WAITS;
}

/*
 * Said after the deadline, and not for the first time: that one may have been on its way while the
 * machine slept, or be the first one of a daemon that has learnt the time by it.
 */
static bool is_past_deadline(struct task_state *c, const struct task_limits *limits, usec_t now) {
        bool again = c->overdue;

        c->overdue = now >= usec_add(c->registered, limits->timeout);
        return c->overdue && again;
}

struct task_verdict task_state_update(struct task_state *c, const struct task_limits *limits,
                                      usec_t now, const struct koodrive_answer *a, double random) {
        struct task_verdict v = {};
        usec_t deadline = usec_add(c->registered, limits->timeout);

        c->polls++;
        task_state_reset_failures(c);
        v.status_changed = a->status != c->status;
        if (v.status_changed || a->progress != c->progress) {
                c->changed = to_seconds(now);
                c->stalled = false;
        }
        c->status = (signed char) a->status;
        c->progress = (signed char) a->progress;
        if (a->type > 0 && a->type <= TYPE_MAX)
                c->type = (unsigned char) a->type & TYPE_MAX;

        if (a->status == KOODRIVE_STATUS_COMPLETED) {
                /* The link may come a moment after the end. */
                if (waits_for_url(c, a)) {
                        c->url_waits++;
                        v.delay = URL_WAIT;
                        return v;
                }
                v.outcome = OUTCOME_COMPLETED;
                return v;
        }
        if (a->status == KOODRIVE_STATUS_CANCELED) {
                v.outcome = OUTCOME_CANCELED;
                return v;
        }
        if (is_past_deadline(c, limits, now)) {
                v.outcome = OUTCOME_TIMEOUT;
                return v;
        }

        if (a->status == KOODRIVE_STATUS_UNKNOWN && !c->unknown_status)
                c->unknown_status = v.unknown_status = true;
        if (!c->stalled && now >= usec_add(from_seconds(c->changed), limits->stall_timeout))
                c->stalled = v.stalled = true;

        v.delay = poll_interval_next(&c->interval, &limits->interval, now,
                                     a->status == KOODRIVE_STATUS_RUNNING, a->progress, random);
        /* The deadline is passed by answers after it: they need not wait for their turn. */
        v.delay = MIN(v.delay, MAX(deadline - now, limits->interval.interval_min));
        return v;
}

/* Doubles from IntervalMin to IntervalMax. */
static usec_t next_pause(const struct task_state *c, const struct task_limits *limits,
                         double random) {
        usec_t pause = backoff_pause(c->faults + 1U, limits->interval.interval_min,
                                     limits->interval.interval_max);

        pause = backoff_jitter(pause, 0.9, 1.1, random);
        return MAX(MIN(pause, limits->interval.interval_max), limits->interval.interval_min);
}

struct task_verdict task_state_fail(struct task_state *c, const struct task_limits *limits,
                                    usec_t now, const struct koodrive_answer *answer,
                                    double random) {
        const struct koodrive_disposition *disposition = &answer->disposition;
        struct task_verdict v = {.delay = next_pause(c, limits, random)};
        usec_t end;

        c->faults++;
        if (disposition->class == KOODRIVE_REJECTED)
                v.outcome = OUTCOME_REJECTED;
        else if (disposition->overdue && is_past_deadline(c, limits, now) &&
                 c->faults >= OVERDUE_FAULTS)
                v.outcome = OUTCOME_TIMEOUT;
        if (disposition->class == KOODRIVE_RETRY_LIMITED) {
                if (c->refusals++ == 0)
                        c->refused = to_seconds(now);
                end = from_seconds(c->refused) + disposition->span;
                if (c->refusals >= disposition->tries && now >= end)
                        v.outcome = OUTCOME_REJECTED;
                /* The last try is not put off beyond the end. */
                v.delay = MIN(v.delay, MAX(end - now, limits->interval.interval_min));
        }
        v.delay = MAX(v.delay, answer->retry_after);
        return v;
}

usec_t task_state_detection_delay(const struct task_state *c, usec_t ended, usec_t now) {
        usec_t before = poll_interval_last(&c->interval);
        usec_t seen = MIN(task_state_changed(c), now); /* a link may have been waited for since */

        if (ended >= before && ended <= seen)
                return seen - ended;
        return c->polls > 1U + c->url_waits ? MAX(seen - before, (usec_t) 0) : -1;
}

void task_state_set_refusals(struct task_state *c, unsigned refusals, usec_t refused) {
        c->refusals = c->faults = refusals;
        c->refused = to_seconds(refused);
}

usec_t task_state_refused(const struct task_state *c) {
        return from_seconds(c->refused);
}

void task_state_reset_failures(struct task_state *c) {
        c->faults = c->refusals = 0;
}

usec_t task_state_changed(const struct task_state *c) {
        return from_seconds(c->changed);
}
