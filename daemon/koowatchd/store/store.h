#pragma once
/*
 * Store: what must outlive the daemon, in SQLite
 *
 * Which tasks are registered since when, which have finished, and how far the
 * delivery of each outcome is. WAL with full sync: what is committed survives a
 * power failure. All writes of one turn of the loop share a transaction, which the
 * owner begins and commits. Functions return errors and log nothing.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/event-id.h"
#include "common/timespan.h"
#include "common/util.h"

struct store;

/* A task is named by these three. Borrowed. */
struct store_key {
        const char *account, *share_id, *task_id;
};

/* A registration. The file is the one that was read last. */
struct store_task {
        usec_t registered; /* wall clock */
        uint64_t inode;
        int64_t mtime_ns;
        char event_id[EVENT_ID_LENGTH + 1]; /* "": it has not finished */
        bool gone;                          /* finished, and its file has disappeared since */
};

enum delivery_state { DELIVERY_PENDING, DELIVERY_DONE, DELIVERY_PARKED };

struct store_delivery {
        enum delivery_state state;
        unsigned attempts;   /* made so far */
        unsigned futile;     /* of them, those in a row that achieved nothing */
        usec_t finished;     /* when the event was put; only read */
        usec_t next;         /* wall clock of the next attempt; 0: at once */
        const char *settled; /* JSON array of hooks that have ended well; NULL: none */
};

/*
 * Opens or makes the database at path. Returns 0 or a negative errno; -EUCLEAN: it is
 * damaged, -EPROTO: it was written by a later version. store_error() has the words
 * also when opening failed.
 */
int store_open(const char *path, struct store **ret);
void store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close)

/* What SQLite said of the last failure. */
const char *store_error(const struct store *store);

/* A transaction. A commit that fails has been rolled back: all its writes are to be made again. */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

/* Returns 1 with *ret, 0 when the task is not known, or a negative errno. */
int store_find_task(struct store *store, const struct store_key *key, struct store_task *ret);
/* Registers the task, or replaces what was known of it. */
int store_put_task(struct store *store, const struct store_key *key, const char *name,
                   const struct store_task *task);
/* No file stands for the task any more: it is forgotten, or kept as finished and gone at now. */
int store_drop_task(struct store *store, const struct store_key *key, usec_t now);
/* Calls fn for each task that is not gone; writing from inside is not allowed. */
int store_each_task(struct store *store,
                    void (*fn)(void *userdata, const struct store_key *key, const char *name),
                    void *userdata);

/* body: the event as JSON text. */
int store_put_event(struct store *store, const char *event_id, const char *body, usec_t now);
int store_put_delivery(struct store *store, const char *event_id,
                       const struct store_delivery *delivery);
/* The event's text, owned by the caller. 0, -ENOENT or another negative errno. */
int store_get_event(struct store *store, const char *event_id, char **ret_body);
/* How far the delivery of an event is. Returns 0, -ENOENT or another negative errno. */
int store_get_delivery_state(struct store *store, const char *event_id, enum delivery_state *ret);
/* Calls fn for each event whose delivery is pending, the oldest first. No writing from inside. */
int store_each_pending(struct store *store,
                       void (*fn)(void *userdata, const char *event_id,
                                  const struct store_delivery *delivery),
                       void *userdata);

/* Forgets what has been gone for longer than history. */
int store_prune(struct store *store, usec_t now, usec_t history);

struct store_counts {
        unsigned finished; /* tasks that are remembered as finished */
        unsigned parked;   /* deliveries */
};
int store_count(struct store *store, struct store_counts *ret);
