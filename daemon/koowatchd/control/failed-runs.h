#pragma once
/*
 * Failed runs: why a delivery was given up, read from the runs of its hooks in the store
 */
#include <json-c/json_types.h>
#include <stdbool.h>

struct store;

struct failed_runs {
        struct store *store;
        /* error: 0 or a negative errno. */
        void (*on_end)(struct failed_runs *search, int error);
        json_object *view, *runs;
};

/*
 * Adds the reason to the view of the event, which is borrowed until on_end() is called, perhaps
 * before this returns. One at a time; store and on_end are set.
 */
void failed_runs_read(struct failed_runs *search, const char *event_id, json_object *view);
void failed_runs_close(struct failed_runs *search);
