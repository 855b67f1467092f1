#include "koowatchd/deliver/delivery-load.h"

#include "common/log.h"
#include "koowatchd/store/store.h"

#define PAUSE (5 * USEC_SEC)

static void load_later(struct delivery_load *l) {
        l->may_repeat = true;
        timer_arm(l->timers, &l->timer, clock_boot() + PAUSE);
}

static void on_row(void *userdata, const char *event_id, const struct store_delivery *delivery) {
        struct delivery_load *l = userdata;
        int r = l->on_row(l->userdata, event_id, delivery, l->may_repeat);

        if (r < 0) {
                log_error("event %s: %s, retrying in 5 s", event_id, strerror(-r));
                load_later(l);
        }
}

static void on_end(void *userdata, int error) {
        struct delivery_load *l = userdata;

        l->is_reading = false;
        if (error < 0) {
                log_error("cannot read from the store which outcomes are to be delivered (%s), "
                          "retrying in 5 s",
                          store_error(l->store));
                load_later(l);
        }
        l->on_end(l->userdata);
}

void delivery_load_begin(struct delivery_load *l) {
        if (l->is_reading)
                return;
        l->is_reading = true;
        store_each_pending(l->store, on_row, on_end, l);
}

static void on_timer(struct timer *timer, usec_t now) {
        (void) now;
        delivery_load_begin(container_of(timer, struct delivery_load, timer));
}

void delivery_load_stop(struct delivery_load *l) {
        timer_disarm(l->timers, &l->timer);
}

int delivery_load_open(struct delivery_load *l) {
        return timer_open(l->timers, &l->timer, on_timer);
}

void delivery_load_close(struct delivery_load *l) {
        timer_close(l->timers, &l->timer);
}
