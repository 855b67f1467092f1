#pragma once
/*
 * Delivery table: the deliveries that are not over, each as an object
 *
 * delivery.c leads them, redelivery.c does what an administrator asks of one; nobody else looks
 * inside.
 */
#include <json-c/json_types.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "koowatchd/deliver/delivery-handler.h"
#include "koowatchd/deliver/delivery-load.h"
#include "koowatchd/deliver/delivery-row.h"
#include "koowatchd/deliver/delivery-run.h"
#include "koowatchd/deliver/telling.h"
#include "koowatchd/loop/timer.h"

struct ephemerals;
struct redelivery;

TAILQ_HEAD(delivery_list, delivery);

struct delivery {
        struct deliveries *owner;
        TAILQ_ENTRY(delivery) link;    /* deliveries::all */
        TAILQ_ENTRY(delivery) ready;   /* deliveries::ready */
        TAILQ_ENTRY(delivery) changed; /* deliveries::dirty or ::in_commit */
        TAILQ_ENTRY(delivery) fails;   /* deliveries::failing */
        struct timer timer;            /* until the next attempt */
        struct telling telling;

        struct delivery_row row;
        struct delivery_run run;    /* with the event, while it is new or being run */
        unsigned deferrals;         /* times in a row that the runner could not take it */
        bool uncommitted;           /* not in the store yet */
        bool dirty;                 /* differs from the store */
        bool in_commit;             /* a write of it is under way: ... */
        bool ends_in_commit;        /* ... with that it is over, ... */
        bool told_in_commit;        /* ... and the store knows that it was told */
        bool is_over, told_on_disk; /* likewise, by a write that has ended; both: it is freed */
        bool is_waiting, failing;   /* counted as such */
        usec_t failing_since;       /* clock_boot(), which may be before it began */
        bool is_running;
        bool is_ready; /* in deliveries::ready */
        /* Another node is to run its hooks, as this one lacks a label: it is told, and left. */
        bool is_foreign;

        char *samples;            /* to be written with the event; NULL: none */
        struct redelivery *order; /* that is being written; NULL: none */
        bool new_body;            /* the event is another one than the store has */
        bool reopens;             /* it is ready when that is on disk */
        bool reopens_in_commit;   /* likewise, by the write that is under way */
};

struct deliveries {
        struct delivery_modules with;
        struct delivery_handler handler;
        struct delivery_runs runs; /* its hook_directories are owned */
        unsigned max_parallel;

        struct delivery_list all, ready, dirty, in_commit; /* ready: in order, for a slot */
        struct delivery_list failing;                      /* the oldest first */
        struct ephemerals *ephemerals;                     /* behind them */
        struct delivery_counts counts;
        struct delivery_load load;
        struct tellings tellings;
        bool is_starting;
        void (*on_timer)(struct timer *timer, usec_t now); /* of a delivery */
        LIST_HEAD(, redelivery) orders;
};

/* NULL when memory is short. */
struct delivery *delivery_new(struct deliveries *deliveries, const char *id);
/* It is in no list but that of all. */
void delivery_free(struct delivery *delivery);
/* NULL: there is none of that event. */
struct delivery *delivery_find(const struct deliveries *deliveries, const char *event_id);

void delivery_count_waiting(struct delivery *delivery, bool waiting);
void delivery_count_failing(struct delivery *delivery, bool failing);
/* It fails, and has done so for a while. */
void delivery_fails_since(struct delivery *delivery, usec_t since);
/* It is over, or after all it is not. */
void delivery_set_over(struct delivery *delivery, bool over);
/* It has its event: whether its hooks are another node's to run. */
void delivery_judge(struct delivery *delivery);
/* It waits for a slot, or is over here when its hooks are another node's to run. */
void delivery_make_ready(struct delivery *delivery);
/* It waits for nothing any more: neither for a slot nor for its next attempt. */
void delivery_stop_waiting(struct delivery *delivery);
/* It differs from the store. */
void delivery_mark_dirty(struct delivery *delivery);
