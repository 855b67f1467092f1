#pragma once
/*
 * Store batch: writes that belong together
 *
 * Collected during one turn of the loop and handed over by store_write(). A batch has
 * copies of all that it is given: it may be written long after its sources have changed.
 */
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store.h"

struct store_batch;

/* NULL when memory is short. */
struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *batch);
DEFINE_CLEANUP(struct store_batch *, store_batch_free)

bool store_batch_is_empty(const struct store_batch *batch);

/* Each adds a write and returns 0 or -ENOMEM with the batch as it was. */

/* Registers the task, or replaces what was known of it. name: its file's, without ".task". */
int store_batch_put_task(struct store_batch *batch, const struct store_key *key, const char *name,
                         const struct store_task *task);
/* No file stands for the task any more: it is forgotten, or kept as finished and gone at now. */
int store_batch_drop_task(struct store_batch *batch, const struct store_key *key, usec_t now);
/* Likewise, but the file may have gone with its directory: it is kept in any case. */
int store_batch_miss_task(struct store_batch *batch, const struct store_key *key, usec_t now);
/* body: the event as JSON text; run_on: labels, space-separated, that a node of a fleet (fleet.h)
 * must have to deliver it, NULL: none; now: wall clock. Its delivery is pending from then on, and
 * it is not told. */
int store_batch_put_event(struct store_batch *batch, const char *event_id, const char *body,
                          const char *run_on, usec_t now);
int store_batch_put_delivery(struct store_batch *batch, const char *event_id,
                             const struct store_delivery *delivery);
/* Another text for an event that is there, and other labels, with all else of it as it was. */
int store_batch_put_body(struct store_batch *batch, const char *event_id, const char *body,
                         const char *run_on);
/* What is kept of the task's progress, in place of what was. */
int store_batch_put_samples(struct store_batch *batch, const char *event_id, const char *samples);
/* Adds a run to those of the event; beyond STORE_RUNS_MAX the first goes. */
int store_batch_put_run(struct store_batch *batch, const char *event_id,
                        const struct store_run *run);
/* Only where the store is shared, see fleet.h. Another file of this node is there, or what was is
 * not any more; another node's is to be removed there, if it still is the one that it was. */
int store_batch_put_source(struct store_batch *batch, const struct store_source *source);
int store_batch_drop_source(struct store_batch *batch, const char *path);
int store_batch_finish_source(struct store_batch *batch, const struct store_source *source);
/* Likewise. In place of what was kept for the account, which this node must have: else nothing is
 * written. */
int store_batch_put_secret(struct store_batch *batch, const char *account, const char *sealed);
/* Forgets what has been gone, or delivered and told, for longer than history. */
int store_batch_prune(struct store_batch *batch, usec_t now, usec_t history);

/* ---- for backends ---- */

enum store_write {
        STORE_PUT_TASK,
        STORE_DROP_TASK,
        STORE_MISS_TASK,
        STORE_PUT_EVENT,
        STORE_PUT_DELIVERY,
        STORE_PUT_BODY,
        STORE_PUT_SAMPLES,
        STORE_PUT_RUN,
        STORE_PRUNE,
        STORE_PUT_SOURCE,
        STORE_DROP_SOURCE,
        STORE_FINISH_SOURCE,
        STORE_PUT_SECRET,
};

/* One write, with what its kind needs. All strings are the batch's. */
struct store_op {
        enum store_write kind;
        struct store_key key; /* of the tasks'; PUT_SECRET: its account */
        const char *name;     /* PUT_TASK */
        const char *event_id; /* of the events' */
        const char *body;     /* PUT_EVENT, PUT_BODY; PUT_SAMPLES: these; PUT_SECRET: sealed */
        const char *run_on;   /* PUT_EVENT, PUT_BODY; NULL: none */
        usec_t now;           /* DROP_TASK, MISS_TASK, PUT_EVENT, PRUNE */
        usec_t history;       /* PRUNE */
        struct store_task task;
        struct store_delivery delivery;
        struct store_run run;
        struct store_source source; /* PUT_SOURCE, FINISH_SOURCE; DROP_SOURCE: its path */
};

/* The first write after op (NULL: the first of all), in the order of adding; NULL: no more. */
const struct store_op *store_batch_next(const struct store_batch *batch, const struct store_op *op);
