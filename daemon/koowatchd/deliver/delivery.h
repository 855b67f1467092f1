#pragma once
/*
 * Delivery: an outcome on its way to its hooks
 *
 * An event is committed to the store before anything is reported, then told (telling.h) and handed
 * to the hook runner until every hook has succeeded, or parked after so many attempts. What a crash
 * interrupts is delivered again under the same event id. Events that are not durable (ephemeral.h)
 * share the slots, behind the outcomes.
 *
 * What has changed is written by commit.c: deliveries_collect(), and deliveries_committed()
 * when that has ended, however long it took and whatever happened in between.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/deliver/delivery-handler.h"

struct deliveries;
struct store_batch;

struct delivery_settings {
        const char *hook_directories; /* copied */
        unsigned max_parallel;
        unsigned attempts; /* in a row that achieve nothing */
        usec_t history;    /* no event is tried for longer, whatever is achieved */
};

/* Returns 0 or a negative errno. */
int deliveries_new(const struct delivery_modules *modules, const struct delivery_settings *settings,
                   struct deliveries **ret);
/* Accepts NULL. */
void deliveries_free(struct deliveries *deliveries);
DEFINE_CLEANUP(struct deliveries *, deliveries_free)

/* Who is called from now on; copied. */
void deliveries_set_handler(struct deliveries *deliveries, const struct delivery_handler *handler);

/* Returns 0 or -ENOMEM with the old settings in force. */
int deliveries_configure(struct deliveries *deliveries, const struct delivery_settings *settings);

/*
 * Takes up what an earlier run of the daemon left pending, or has not told; or, where the store is
 * shared, another node: then it is to be called again and again. What the store cannot tell now is
 * asked again every 5 s.
 */
void deliveries_load(struct deliveries *deliveries);

/* The log has made progress: tells what it had no room for, from the next turn on. May be called
 * from inside the log. */
void deliveries_tell(void *deliveries);

/*
 * A finished task's event: durable. samples: of its progress, to be kept with it; NULL: none. Takes
 * over both. Returns 0, or -ENOMEM without that.
 */
int deliveries_add(struct deliveries *deliveries, json_object *event, char *samples);
/* Any other event, for its hooks, if there are any. Takes over the event, or NULL. */
void deliveries_add_once(struct deliveries *deliveries, json_object *event);

/*
 * Adds what has changed to the batch, which is then to be written. One batch at a time.
 * Returns 0 or -ENOMEM: then the batch is not to be written, and all is as before.
 */
int deliveries_collect(struct deliveries *deliveries, struct store_batch *batch);
/* The batch has been written, or not: then all of it is collected again. */
void deliveries_committed(struct deliveries *deliveries, bool written);

/* No further run is started; what is to be written of those under way is. */
void deliveries_stop(struct deliveries *deliveries);

struct delivery_counts deliveries_count(const struct deliveries *deliveries);
/* When the oldest pending outcome came, by the wall clock; 0: there is none. Looks at all. */
usec_t deliveries_oldest(const struct deliveries *deliveries);
/* For how long one has been failing, the longest; now: clock_boot(). 0: none does. */
usec_t deliveries_failing_for(const struct deliveries *deliveries, usec_t now);
