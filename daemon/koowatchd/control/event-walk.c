#include "koowatchd/control/event-walk.h"

#include "common/util.h"
#include "koowatchd/store/store.h"

#define ROWS_AT_ONCE 32

static void on_row(void *userdata, const struct store_event *event) {
        struct event_walk *w = userdata;

        w->rows++;
        if (w->is_over)
                return;
        w->before = event->number;
        w->is_over = !w->on_event(w, event);
}

static void on_rows_end(void *userdata, int error) {
        struct event_walk *w = userdata;

        w->is_reading = false;
        w->error = error;
        w->is_over |= error < 0 || w->rows < ROWS_AT_ONCE;
        slice_run(&w->slice);
}

static enum slice_step step(struct slice *slice) {
        struct event_walk *w = container_of(slice, struct event_walk, slice);

        if (w->is_reading)
                return SLICE_WAIT;
        if (w->is_over) {
                w->on_end(w, w->error);
                return SLICE_END;
        }
        w->is_reading = true;
        w->rows = 0;
        store_each_event(w->store, w->before, ROWS_AT_ONCE, on_row, on_rows_end, w);
        return w->is_reading ? SLICE_WAIT : SLICE_GO_ON;
}

int event_walk_open(struct event_walk *w, struct timers *timers) {
        return slice_open(&w->slice, timers, step);
}

void event_walk_close(struct event_walk *w) {
        slice_close(&w->slice);
}

void event_walk_begin(struct event_walk *w) {
        slice_run(&w->slice);
}
