#pragma once
/*
 * Ask link: KooDrive is asked once more about a task that has completed, for a fresh link
 *
 * As links expire. The request goes through the poller, as far as the account allows, and is
 * repeated after failures of the account; after 20 s it is given up, as callers wait no longer.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "koowatchd/loop/timer.h"
#include "koowatchd/poll/poller.h"

struct koodrive_answer;
struct koodrive_query;

/* Embedded in its owner, zeroed. */
struct ask_link {
        struct poller *poller;
        struct timers *timers;
        struct poll poll;
        struct timer timer; /* until it is given up, or its end is told */
        char *task_id, *share_id, *kdstoken;
        char *url;     /* NULL: none yet */
        char *problem; /* why there is none */
        /* url (borrowed) or NULL and problem, in words. It may be closed from inside. */
        void (*on_end)(struct ask_link *ask, const char *url, const char *problem);
};

/*
 * poller, timers and on_end are set. Asks about the task of an event with the kdstoken, NULL: none.
 * Returns 0 or -ENOMEM; it is to be closed in any case.
 */
int ask_link_begin(struct ask_link *ask, struct account *account, json_object *event,
                   const char *kdstoken);
void ask_link_close(struct ask_link *ask);

/* For the poller's handler, of polls that are POLL_OF_QUESTION. */
void ask_link_on_ask(struct poll *poll, struct koodrive_query *query);
usec_t ask_link_on_answer(struct poll *poll, const struct koodrive_answer *answer);
