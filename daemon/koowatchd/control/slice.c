#include "koowatchd/control/slice.h"

#define SLICE_TIME (4 * USEC_MSEC)

void slice_run(struct slice *s) {
        usec_t end = clock_running() + SLICE_TIME;

        s->is_wanted = true;
        if (s->is_running) /* from inside a step, which then does not wait */
                return;
        s->is_running = true;
        for (;;) {
                enum slice_step next;

                s->is_wanted = false;
                next = s->step(s);
                if (next == SLICE_END)
                        return;
                if (next == SLICE_WAIT && !s->is_wanted)
                        break;
                if (next == SLICE_REST || clock_running() >= end) {
                        slice_run_later(s, 0);
                        break;
                }
        }
        s->is_running = false;
}

void slice_run_later(struct slice *s, usec_t pause) {
        if (!timer_is_armed(&s->timer))
                timer_arm(s->timers, &s->timer, clock_boot() + MAX(pause, (usec_t) 1));
}

static void on_timer(struct timer *timer, usec_t now) {
        (void) now;
        slice_run(container_of(timer, struct slice, timer));
}

int slice_open(struct slice *s, struct timers *timers,
               enum slice_step (*step)(struct slice *slice)) {
        s->timers = timers;
        s->step = step;
        return timer_open(timers, &s->timer, on_timer);
}

void slice_close(struct slice *s) {
        if (s->timers)
                timer_close(s->timers, &s->timer);
}
