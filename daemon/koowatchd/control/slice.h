#pragma once
/*
 * Slice: work that is done in pieces, so that no turn of the loop is long
 *
 * step() is called again and again until it says that it is done or waits for something; after
 * some 4 ms the rest is left to the next turn. slice_run() goes on, also from what it has waited
 * for, which may come from inside step().
 */
#include <stdbool.h>

#include "koowatchd/loop/timer.h"

enum slice_step {
        SLICE_GO_ON,
        SLICE_REST, /* go on in the next turn */
        SLICE_WAIT, /* until slice_run() is called */
        SLICE_END,  /* the slice may be gone */
};

struct slice {
        struct timers *timers;
        struct timer timer;
        enum slice_step (*step)(struct slice *slice);
        bool is_running, is_wanted;
};

/* Borrows timers. Returns 0 or -ENOMEM. */
int slice_open(struct slice *slice, struct timers *timers,
               enum slice_step (*step)(struct slice *slice));
/* One that is all zero is left alone. */
void slice_close(struct slice *slice);
void slice_run(struct slice *slice);
/* Runs it after pause, in a later turn; not twice if it is to be run already. */
void slice_run_later(struct slice *slice, usec_t pause);
