#pragma once
/*
 * Fake store: a backend that answers when the test says so
 *
 * It keeps its rows in memory. Every operation is queued, and nothing is carried out before
 * the test asks for it: so a test sees what a module does while the store has not answered
 * yet, answers late, fails, or never answers. It keeps the same contract as SQLite's
 * (test-store.c holds both to it), and is stricter than it where a mistake would go unseen:
 * what a callback is given is freed behind it, and a call from on_row ends the test.
 *
 * All of struct store's functions work on it. It asserts by cmocka, also that there is memory.
 */
#include "koowatchd/store/store.h"

/* Empty, with nothing queued, and not immediate. For store_close(). */
struct store *fake_store_new(void);

/* ---- the queue ---- */

/* How many operations wait. */
size_t fake_store_pending(const struct store *store);
/* Carries out the oldest one and calls its callback. Returns false when there was none. */
bool fake_store_step(struct store *store);
/* Steps until none is left, those included that the callbacks add. */
void fake_store_run(struct store *store);
/*
 * From now on each operation is answered before its function returns, as SQLite does, or is
 * queued again. With true, what is queued is carried out at once.
 */
void fake_store_set_immediate(struct store *store, bool immediate);
/*
 * The next operation that is carried out, queued already or not, fails with this negative
 * errno: it changes nothing and gives no rows, and store_error() has the system's words.
 */
void fake_store_fail_next(struct store *store, int error);
/*
 * As when the daemon was killed: what is queued is forgotten, without effect and without
 * callbacks. What was carried out stays.
 */
void fake_store_restart(struct store *store);

/* ---- what has been carried out; all borrowed until the next operation is ---- */

/* As store_find_task() would give it; NULL: the key is not known. */
const struct store_task *fake_store_task(struct store *store, const struct store_key *key);
/* The task's name; NULL: the key is not known. */
const char *fake_store_task_name(struct store *store, const struct store_key *key);
/* The delivery of an event, in any state; NULL: the event is not known. */
const struct store_delivery *fake_store_event(struct store *store, const char *event_id);
/* The event's text; NULL: it is not known. */
const char *fake_store_event_body(struct store *store, const char *event_id);
/* Those that are gone, or whose delivery is over, count as well. */
size_t fake_store_tasks(const struct store *store);
size_t fake_store_events(const struct store *store);
/* Batches written since fake_store_new(), without those that failed or were empty. */
size_t fake_store_writes(const struct store *store);
