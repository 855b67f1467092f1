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
#include "koowatchd/store/fleet.h"
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

/* ---- a fleet: several stores over the same rows, one a node ---- */

/*
 * From now on it is that of the node, and shared. fake_store_restart() ends its session, too. It is
 * as strict as with the rest: a task of an account that the node has not must not be written.
 */
void fake_store_share(struct store *store, const char *node);
/* Another node of a fleet. For store_close(), in any order. */
struct store *fake_store_join(struct store *store, const char *node);
/* Borrowed. */
const char *fake_store_node(const struct store *store);

/* What the handler of store_set_fleet_handler() hears. */
void fake_store_begin(struct store *store);
/* Nobody else must have it, and the node must serve it. */
void fake_store_give(struct store *store, const char *account);
/* Nothing without a session. */
void fake_store_look(struct store *store);
/* The session is over, and the node does not know: its next write tells it so, and is none. */
void fake_store_expire(struct store *store);
/* It is told now, unless it knows. */
void fake_store_end(struct store *store, const char *why);

bool fake_store_serves(const struct store *store, const char *account);
bool fake_store_holds(const struct store *store, const char *account);

/* As any node that is not run here would; source->node is not read. */
void fake_store_put_source(struct store *store, const char *node,
                           const struct store_source *source);
void fake_store_drop_source(struct store *store, const char *node, const char *path);
/* Borrowed until the next operation; NULL: there is none, or it is gone. */
const struct store_source *fake_store_source(struct store *store, const char *node,
                                             const char *path);
/* That this node has written, one after the other. */
size_t fake_store_sources_put(const struct store *store);
/* As any node would that has the account. */
void fake_store_put_secret(struct store *store, const char *account, const char *sealed);
/* Borrowed until the next operation; NULL: there is none. */
const char *fake_store_secret(const struct store *store, const char *account);
