#pragma once
/*
 * Hook runs: what hooks of an event have done and the store does not know yet
 *
 * They are worth no write of their own, but are written with the delivery's next one: an attempt
 * ends with one.
 */
#include <stdbool.h>

#include "common/timespan.h"

struct hook_end;
struct hook_run;
struct store_batch;

/* Starts zeroed. */
struct hook_runs {
        struct hook_run *first; /* in the order of their ends */
        unsigned count;
        unsigned in_commit; /* of the first ones, which are being written */
};

void hook_runs_clear(struct hook_runs *runs);

/* A hook has ended at wall. Beyond STORE_RUNS_MAX, or without memory, one is forgotten. */
void hook_runs_add(struct hook_runs *runs, const struct hook_end *end, unsigned attempt,
                   usec_t wall);

/* Returns 0 or -ENOMEM. */
int hook_runs_write(const struct hook_runs *runs, const char *event_id, struct store_batch *batch);
/* That batch is handed over; and has been written, or not. */
void hook_runs_begin_commit(struct hook_runs *runs);
void hook_runs_end_commit(struct hook_runs *runs, bool written);
