#pragma once
/*
 * Delivery: an outcome on its way
 *
 * An event is committed to the store before anybody is told, then reported, then
 * handed to the hook runner until every hook has ended well, or parked after so
 * many attempts. What a crash interrupts is delivered again under the same event
 * id. Events that are not durable (stalled, account) are handed over once.
 *
 * Writing is in two steps, because all writes of one turn of the loop share a
 * transaction: deliveries_write() inside it, deliveries_written() after it.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/store/store.h"

struct deliveries;

/* What a delivery tells; events are borrowed for the call. */
struct delivery_handler {
        /* The outcome is on disk: now it may be told. */
        void (*on_committed)(void *userdata, json_object *event);
        void (*on_hook_start)(void *userdata, json_object *event, const char *hook);
        /* next: the pause before it would be tried again, as things stand; 0: it would not. */
        void (*on_hook_end)(void *userdata, json_object *event, const struct hook_end *end,
                            usec_t next);
        /* All its hooks have ended well, or it was parked after attempts (unless 0); it is over. */
        void (*on_over)(void *userdata, json_object *event, unsigned parked_after);
        /* There is something to write. */
        void (*on_dirty)(void *userdata);
        void *userdata;
};

struct delivery_settings {
        const char *hook_directories; /* copied */
        unsigned max_parallel;
        unsigned attempts; /* in a row that achieve nothing */
        usec_t history;    /* no event is tried for longer, whatever is achieved */
};

/* Borrows timers, store and runner. Returns 0 or a negative errno. */
int deliveries_new(struct timers *timers, struct store *store, struct runner *runner,
                   const struct delivery_settings *settings, const struct delivery_handler *handler,
                   struct deliveries **ret);
void deliveries_free(struct deliveries *deliveries);
DEFINE_CLEANUP(struct deliveries *, deliveries_free)

/* Returns 0 or -ENOMEM with the old settings in force. */
int deliveries_configure(struct deliveries *deliveries, const struct delivery_settings *settings);

/* Takes up what an earlier run of the daemon left pending. Returns 0 or a negative errno. */
int deliveries_load(struct deliveries *deliveries);

/* A finished task's event: durable. Takes over the event. Returns 0 or -ENOMEM (event kept by
 * caller). */
int deliveries_add(struct deliveries *deliveries, json_object *event);
/* Any other event: handed to its hooks once, if there are any. Takes over the event in any case. */
void deliveries_add_once(struct deliveries *deliveries, json_object *event);

/* Inside a transaction: writes what is new. Returns 0 or a negative errno. */
int deliveries_write(struct deliveries *deliveries);
/* The transaction is committed: tells of new outcomes and starts what can start. */
void deliveries_written(struct deliveries *deliveries);

/* No further run is started. */
void deliveries_stop(struct deliveries *deliveries);

/* Deliveries that are not over yet, durable ones only. */
unsigned deliveries_pending(const struct deliveries *deliveries);

struct delivery_counts {
        unsigned waiting; /* for their first or next attempt */
        unsigned failing; /* durable, and an attempt has failed; waiting or running */
        unsigned running;
};
struct delivery_counts deliveries_count(const struct deliveries *deliveries);
