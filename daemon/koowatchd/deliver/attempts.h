#pragma once
/*
 * Attempts: how often an event is handed to its hooks, and when it is given up
 *
 * Pure. Progress starts the count of attempts from zero, unless another hook has failed in
 * the same attempt; it goes on for as long as events are remembered.
 */
#include <stdbool.h>

#include "common/timespan.h"
#include "koowatchd/report/hook-result.h"

struct attempts {
        unsigned made;
        unsigned futile; /* of them, those in a row that achieved nothing */
        usec_t since;    /* wall clock, of the outcome; 0: not known */
        /* Of the attempt under way: a hook must run again, has failed, has come further. */
        bool incomplete, failed, progressed;
};

struct attempt_limits {
        unsigned futile; /* so many in a row are the last */
        usec_t history;  /* no event is tried for longer */
};

/* The next one begins. */
void attempts_begin(struct attempts *attempts);
/* A hook of it has ended. */
void attempts_note(struct attempts *attempts, enum hook_result result);

/* Whether the one under way is the last, if it ends as it is now; wall: now. */
bool attempts_is_last(const struct attempts *attempts, const struct attempt_limits *limits,
                      usec_t wall);
/* The pause after it, if it is not. */
usec_t attempts_pause(const struct attempts *attempts);
/* It has ended. */
void attempts_end(struct attempts *attempts);
