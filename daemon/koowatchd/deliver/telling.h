#pragma once
/*
 * Telling: outcomes on their way into the journal
 *
 * An outcome that is on disk is told, in the order of commits, and has been told when the
 * journal, or the console, has taken its entry. What the log drops, and what an earlier run of
 * the daemon did not come to tell, is read from the store and told again, a few in a turn of the
 * loop: at least once, under the event's id.
 */
#include <json-c/json_types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/callback.h"
#include "koowatchd/loop/timer.h"

struct report;
struct store;

/* One outcome; in its delivery, and not freed before it has been told. */
struct telling {
        TAILQ_ENTRY(telling) link; /* tellings::due or ::logged */
        const char *event_id;      /* borrowed */
        uint64_t entry;            /* of the log; 0: not logged yet */
        bool has_failed;           /* it could not be read */
};

struct tellings {
        struct timers *timers;
        struct store *store;
        struct report *report;
        void (*on_told)(struct telling *telling); /* it has been, and is in no list */
        struct callback on_progress;              /* tellings_delay() may have changed */
        TAILQ_HEAD(telling_list, telling) due, logged;
        struct timer timer; /* until the next look, while there is one in a list */
        bool is_reading;    /* the first of those that are due */
        bool is_paused;     /* that could not be read, or logged */
        bool log_is_full;   /* as far as is known: the last entry was dropped */
};

/* Its members down to on_progress are set, and what they borrow is for as long as it lives. Returns
 * 0 or a negative errno. */
int tellings_open(struct tellings *tellings);
/* Forgets all that was to be told. */
void tellings_close(struct tellings *tellings);

/* An outcome of this run of the daemon, just committed; the event is borrowed for the call. */
void tellings_add(struct tellings *tellings, struct telling *telling, const char *event_id,
                  json_object *event);
/* An outcome of an earlier one, told with the next tellings_advance(). May be called from on_row
 * of the store. */
void tellings_add_stored(struct tellings *tellings, struct telling *telling, const char *event_id);

/* The log may have taken entries, or have room again: nothing is told before the next turn. */
void tellings_sent(struct tellings *tellings);
/* Tells a few of those that are due, now. */
void tellings_advance(struct tellings *tellings);

/* Whether the outcome's hooks are to wait for its entry, which is about to be logged. */
bool tellings_delay(const struct tellings *tellings, const struct telling *telling);
