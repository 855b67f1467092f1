#pragma once
/*
 * Delivery row: how far the delivery of an event is, as the store keeps it
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/event-id.h"
#include "koowatchd/deliver/attempts.h"
#include "koowatchd/deliver/hook-runs.h"
#include "koowatchd/store/store.h"

struct store_batch;

struct delivery_row {
        char id[EVENT_ID_LENGTH + 1];
        enum delivery_state state;
        struct attempts attempts;
        usec_t next;           /* wall clock of the next attempt; 0: at once */
        json_object *settled;  /* array of the hooks that need not run again; NULL: none */
        bool told;             /* the journal has the outcome */
        int64_t fence;         /* of this node's claim of the event; 0: the store is not shared */
        struct hook_runs runs; /* of hooks that have ended, and are not in the store */
};

/* As the store has it; row->id is there. Returns 0 or -ENOMEM. */
int delivery_row_read(struct delivery_row *row, const struct store_delivery *stored);
/* Returns 0 or -ENOMEM with the batch as it was. */
int delivery_row_write(const struct delivery_row *row, struct store_batch *batch);
void delivery_row_clear(struct delivery_row *row);

/* The hook need not run again. Returns whether that is news. */
bool delivery_row_settle(struct delivery_row *row, const char *hook);
