#pragma once
/*
 * Run search: the latest run of a task by its name, in the store
 *
 * Where its file is gone, or the task has finished, the registry does not have it.
 */
#include <stdbool.h>

#include "common/event-id.h"
#include "koowatchd/control/event-walk.h"

struct run_search {
        struct event_walk walk;
        const char *name; /* borrowed */
        char *member;     /* "name":"NAME", as an event's text has it */
        char event_id[EVENT_ID_LENGTH + 1];
        /* error: 0, -ENOENT, or a negative errno of the store; then event_id is "". */
        void (*on_end)(struct run_search *search, int error);
};

/* store of the walk, name and on_end are set. Returns 0 or -ENOMEM; it is to be closed then too. */
int run_search_open(struct run_search *search, struct timers *timers);
void run_search_close(struct run_search *search);
void run_search_begin(struct run_search *search);
