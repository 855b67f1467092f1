#include "koowatchd/deliver/telling.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/crash-point.h"
#include "common/json.h"
#include "common/log.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/store.h"

#define BATCH_MAX 32         /* in a turn of the loop; that they were told is one write then */
#define PAUSE (5 * USEC_SEC) /* whether or not the log says that it has made progress */

static void look_again(struct tellings *t, usec_t pause) {
        bool is_idle = TAILQ_EMPTY(&t->due) && TAILQ_EMPTY(&t->logged);

        timer_arm(t->timers, &t->timer, is_idle ? USEC_INFINITY : clock_boot() + pause);
}

/* Those whose entries have been taken. */
static void finish_logged(struct tellings *t) {
        struct telling *first;

        while ((first = TAILQ_FIRST(&t->logged)) && first->entry <= log_sent()) {
                TAILQ_REMOVE(&t->logged, first, link);
                t->on_told(first);
        }
}

/* Returns false when the log has dropped it. */
static bool tell(struct tellings *t, struct telling *telling, json_object *event) {
        CRASH_POINT("telling");
        report_finished(t->report, event);
        CRASH_POINT("told");
        telling->entry = log_last();
        t->log_is_full = telling->entry == 0;
        if (t->log_is_full)
                return false;
        TAILQ_INSERT_TAIL(&t->logged, telling, link);
        return true;
}

void tellings_add(struct tellings *t, struct telling *telling, const char *event_id,
                  json_object *event) {
        telling->event_id = event_id;
        if (!TAILQ_EMPTY(&t->due) || !tell(t, telling, event))
                TAILQ_INSERT_TAIL(&t->due, telling, link);
        finish_logged(t);
        if (!timer_is_armed(&t->timer))
                look_again(t, PAUSE);
}

void tellings_add_stored(struct tellings *t, struct telling *telling, const char *event_id) {
        telling->event_id = event_id;
        TAILQ_INSERT_TAIL(&t->due, telling, link);
        if (!timer_is_armed(&t->timer))
                look_again(t, PAUSE);
}

/*
 * It could not be read. Returns whether it is tried again, and the others wait with it: the store
 * cannot be read now. One that is not there, or is no event, is never told.
 */
static bool put_off(struct tellings *t, struct telling *telling, int error) {
        bool is_final = error == -ENOENT || error == -EBADMSG;

        if (!telling->has_failed && error != -ENOENT)
                log_error("event %s: cannot be read from the store (%s), its outcome is not "
                          "reported%s",
                          telling->event_id, strerror(-error),
                          is_final ? "" : " yet; retrying until it is");
        telling->has_failed = true;
        if (is_final)
                t->on_told(telling);
        else
                TAILQ_INSERT_TAIL(&t->due, telling, link);
        return !is_final;
}

static void on_event(void *userdata, int error, const char *body) {
        struct tellings *t = userdata;
        struct telling *first = TAILQ_FIRST(&t->due);
        CLEANUP(json_object_putp) json_object *event = NULL;

        if (error == 0)
                error = event_parse(body, &event);
        t->is_reading = false;
        TAILQ_REMOVE(&t->due, first, link);
        if (!event)
                t->is_paused = put_off(t, first, error);
        else if (!tell(t, first, event))
                TAILQ_INSERT_HEAD(&t->due, first, link);
        finish_logged(t);
        t->is_paused |= t->log_is_full;
        look_again(t, t->is_paused || TAILQ_EMPTY(&t->due) ? PAUSE : 1);
        callback_call(&t->on_progress);
}

void tellings_sent(struct tellings *t) {
        finish_logged(t);
        /* Not from here: the log may be calling. */
        look_again(t, TAILQ_EMPTY(&t->due) ? PAUSE : 1);
}

void tellings_advance(struct tellings *t) {
        struct telling *first;
        unsigned count = 0;

        finish_logged(t);
        look_again(t, PAUSE);
        t->is_paused = false;
        while (!t->is_reading && !t->is_paused && count++ < BATCH_MAX &&
               (first = TAILQ_FIRST(&t->due))) {
                t->is_reading = true;
                store_get_event(t->store, first->event_id, on_event, t);
        }
}

static void on_timer(struct timer *timer, usec_t now) {
        (void) now;
        tellings_advance(container_of(timer, struct tellings, timer));
}

bool tellings_delay(const struct tellings *t, const struct telling *telling) {
        return telling->event_id && telling->entry == 0 && !telling->has_failed && !t->log_is_full;
}

int tellings_open(struct tellings *t) {
        TAILQ_INIT(&t->due);
        TAILQ_INIT(&t->logged);
        return timer_open(t->timers, &t->timer, on_timer);
}

void tellings_close(struct tellings *t) {
        timer_close(t->timers, &t->timer);
}
