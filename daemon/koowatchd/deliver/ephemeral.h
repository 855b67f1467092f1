#pragma once
/*
 * Ephemeral events: those of accounts and stalled tasks, which are not durable
 *
 * Each is handed to its hooks once, in order, when its owner has a slot for it. Of one account
 * only the last state waits. An event that has waited for five minutes is dropped and counted, as
 * is the oldest where more than a thousand wait.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/callback.h"
#include "common/util.h"

struct ephemerals;
struct metrics;
struct runner;
struct timers;

/* All borrowed. */
struct ephemeral_modules {
        struct timers *timers;
        struct runner *runner;
        struct metrics *metrics;
        struct callback on_ready; /* one waits for a slot, or has left its own */
};

/* Returns 0 or -ENOMEM. */
int ephemerals_new(const struct ephemeral_modules *modules, struct ephemerals **ret);
/* Accepts NULL. */
void ephemerals_free(struct ephemerals *ephemerals);
DEFINE_CLEANUP(struct ephemerals *, ephemerals_free)

/* Takes over the event. */
void ephemerals_add(struct ephemerals *ephemerals, json_object *event);
/* Hands the first that is ready to the runner. Returns false when there is none. */
bool ephemerals_start(struct ephemerals *ephemerals);

/* Those that wait, ready or not; and those that are being run, each in a slot. */
unsigned ephemerals_waiting(const struct ephemerals *ephemerals);
unsigned ephemerals_running(const struct ephemerals *ephemerals);
