#pragma once
/*
 * Watch notes: what is kept of a watched task for whoever looks at it
 *
 * How its progress went, and why it could not be asked last. Of a task that waits there is
 * nothing, and it costs nothing: notes are found by their watch, not by the watch.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/index.h"
#include "common/timespan.h"

#define WATCH_SAMPLES_MAX 200 /* then every other one is forgotten */

struct watch;
struct watch_notes;

/* Of all watches; zeroed, then watch_notebook_init(). */
struct watch_notebook {
        struct index notes;
};

void watch_notebook_init(struct watch_notebook *book);
/* All have been dropped. */
void watch_notebook_clear(struct watch_notebook *book);

bool watch_notes_have_samples(const struct watch_notebook *book, const struct watch *watch);
/* A sample is lost without memory, as is a failure. */
void watch_notes_add_sample(struct watch_notebook *book, const struct watch *watch, usec_t wall,
                            int progress);
/* why: copied; NULL: it is over. */
void watch_notes_set_failure(struct watch_notebook *book, const struct watch *watch,
                             const char *why);
void watch_notes_drop(struct watch_notebook *book, const struct watch *watch);

/* NULL: none. Borrowed until the next change. */
const char *watch_notes_failure(const struct watch_notebook *book, const struct watch *watch);
/*
 * "[[1747708152,3],...]": wall clock in seconds and progress in percent of each sample. The caller
 * frees it; NULL: there is none, or no memory.
 */
char *watch_notes_samples(const struct watch_notebook *book, const struct watch *watch);
