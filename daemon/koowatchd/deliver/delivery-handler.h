#pragma once
/*
 * Delivery handler: what deliveries are made with, report upwards, and count
 */
#include <json-c/json_types.h>

#include "common/callback.h"

struct metrics;
struct report;
struct runner;
struct store;
struct timers;

/* All borrowed. */
struct delivery_modules {
        struct timers *timers;
        struct store *store;
        struct runner *runner;
        struct report *report;
        struct metrics *metrics;
};

struct delivery_handler {
        struct callback on_dirty;  /* there is something to write */
        struct callback on_status; /* what the status line shows has changed */
        struct callback on_parked; /* a delivery was given up */
        /* An outcome is on disk; the event is borrowed. */
        void (*on_finished)(void *finished_userdata, json_object *event);
        void *finished_userdata;
        /* A delivery is done, not parked, and that is on disk. */
        void (*on_delivered)(void *delivered_userdata, json_object *event);
        /* Likewise, it was given up. */
        void (*on_given_up)(void *delivered_userdata, json_object *event);
        void *delivered_userdata;
};

struct delivery_counts {
        unsigned pending; /* not over yet; durable ones only, as are those that fail */
        unsigned waiting; /* for their first or next attempt */
        unsigned failing; /* an attempt has failed; waiting or running */
        unsigned running;
};
