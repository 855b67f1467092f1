#pragma once
/*
 * Delivery load: what an earlier run of the daemon has left, read from the store until that tells
 */
#include <stdbool.h>

#include "koowatchd/loop/timer.h"

struct store;
struct store_delivery;

struct delivery_load {
        struct timers *timers;
        struct store *store;
        /* As from store_each_pending(). again: as may_repeat says. Returns 0, or a
         * negative errno: it is to be brought again. */
        int (*on_row)(void *userdata, const char *event_id, const struct store_delivery *delivery,
                      bool again);
        void (*on_end)(void *userdata);
        void *userdata;
        struct timer timer;
        bool may_repeat; /* an earlier read may have brought what comes */
        bool is_reading;
};

/* Its members down to userdata are set, and what they borrow is for as long as it lives. Returns 0
 * or a negative errno. */
int delivery_load_open(struct delivery_load *load);
void delivery_load_close(struct delivery_load *load);

/* Reads, unless it does so already; what fails is logged, and tried again in 5 s. */
void delivery_load_begin(struct delivery_load *load);
/* It is not tried again. */
void delivery_load_stop(struct delivery_load *load);
