#pragma once
/*
 * Redelivery: what an administrator asks of a delivery
 *
 * To try it again now, as it was committed or with a changed event, under the same event id; or to
 * give it up. What is asked for is done when it is on disk.
 */
#include <json-c/json_types.h>

struct deliveries;

enum redelivery_result {
        REDELIVERY_DONE,      /* it is on disk */
        REDELIVERY_UNKNOWN,   /* there is no such event */
        REDELIVERY_ELSEWHERE, /* another node delivers it */
        REDELIVERY_BUSY,      /* its hooks are running, or it is being written */
        REDELIVERY_OVER,      /* dismiss: it has been delivered already */
        REDELIVERY_FAILED,    /* the store or memory, or what changes the event: error */
};

struct redelivery_request {
        const char *event_id;
        /* Changes the event (borrowed); NULL: it stays as it was committed. 0 or a negative errno.
         */
        int (*change)(void *userdata, json_object *event);
        /* Once, at once or later; not after deliveries_free(). error: a negative errno of FAILED.
         */
        void (*on_done)(void *userdata, enum redelivery_result result, int error);
        void *userdata;
};

/*
 * Hooks that have not ended well are run again, all when there is none; the attempts that are made
 * before it is parked count anew.
 */
void deliveries_redeliver(struct deliveries *deliveries, const struct redelivery_request *request);
/* A delivery that waits or was given up is over; change is not used. */
void deliveries_dismiss(struct deliveries *deliveries, const struct redelivery_request *request);
