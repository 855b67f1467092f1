#pragma once
/*
 * Pending: a call whose answer takes longer than a turn of the loop
 *
 * Embedded, as the first member, in what is needed to answer it. All of them are in one list, so
 * that those that are left at the end get an answer too.
 */
#include <json-c/json_types.h>
#include <sys/queue.h>

#include "koowatchd/bus/bus-call.h"

struct pending {
        LIST_ENTRY(pending) link;
        struct bus_call *call;
        void (*free)(struct pending *pending); /* it is answered, and in no list */
};

LIST_HEAD(pendings, pending);

/* Takes the call over. */
void pending_add(struct pendings *pendings, struct pending *pending, struct bus_call *call,
                 void (*free)(struct pending *pending));
/* Each answers it as bus_call_reply() and bus_call_fail() do, and frees it. */
void pending_reply(struct pending *pending, json_object *result);
void pending_fail(struct pending *pending, enum bus_error error, const char *format, ...)
        PRINTF_LIKE(3, 4);
/* Answers all that are left. */
void pendings_end(struct pendings *pendings);
