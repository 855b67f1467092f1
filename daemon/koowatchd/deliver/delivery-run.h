#pragma once
/*
 * Delivery run: one attempt to run the hooks of an outcome
 *
 * Reads the event from the store where it is not held, hands it to the hook runner, and notes
 * what its hooks do in the delivery's row.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "koowatchd/deliver/attempts.h"
#include "koowatchd/deliver/delivery-row.h"

struct delivery_run;
struct metrics;
struct runner;
struct store;

enum delivery_run_end {
        DELIVERY_RUN_NO_HOOKS,   /* there is nothing to run */
        DELIVERY_RUN_DONE,       /* no hook must run again */
        DELIVERY_RUN_INCOMPLETE, /* one must */
        DELIVERY_RUN_LATER,      /* it did not come to an attempt */
};

/* What all runs share; borrowed, as is all that it points to. */
struct delivery_runs {
        struct store *store;
        struct runner *runner;
        struct metrics *metrics;
        char *hook_directories;
        struct attempt_limits limits;
        bool stopping; /* nothing more is handed to the runner */

        /* A hook has ended; settled: the row has changed. */
        void (*on_hook)(struct delivery_run *run, bool settled);
        /* The run is over; it may be so before delivery_run_start() returns. LATER: why, and error,
         * 0 or a negative errno. */
        void (*on_end)(struct delivery_run *run, enum delivery_run_end end, const char *why,
                       int error);
};

struct delivery_run {
        const struct delivery_runs *shared;
        struct delivery_row *row; /* borrowed */
        json_object *event;       /* owned, while it is new or being run; NULL: the store has it */
};

void delivery_run_start(struct delivery_run *run);
/* Of its attempt, as it is now. */
bool delivery_run_is_last(const struct delivery_run *run);

/* Whether an event has hooks that could be run. */
bool event_has_hooks(const char *hook_directories, json_object *event);
