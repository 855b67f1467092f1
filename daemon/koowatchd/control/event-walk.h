#pragma once
/*
 * Event walk: through the outcomes that are remembered, the latest first, in slices
 */
#include <stdbool.h>
#include <stdint.h>

#include "koowatchd/control/slice.h"

struct store;
struct store_event;

struct event_walk {
        struct slice slice;
        struct store *store;
        int64_t before; /* numbers below this are yet to come */
        /* Returns whether the walk goes on. The store must not be called. */
        bool (*on_event)(struct event_walk *walk, const struct store_event *event);
        /* error: 0 or a negative errno. The walk may be closed from inside. */
        void (*on_end)(struct event_walk *walk, int error);
        unsigned rows; /* that the store has brought, of those that were asked for */
        int error;
        bool is_reading, is_over;
};

/* store, before and both functions are set. Returns 0 or -ENOMEM; it is to be closed then too. */
int event_walk_open(struct event_walk *walk, struct timers *timers);
void event_walk_close(struct event_walk *walk);
/* on_end() may come before it returns. */
void event_walk_begin(struct event_walk *walk);
