#pragma once
/*
 * The store's functions as plain calls, for tests
 *
 * Each hands over, lets the store work, and asserts that its callback came exactly once.
 */
#include "koowatchd/store/store.h"

struct sync_store {
        struct store *store;
        /* Lets the store carry out what it has queued; NULL: it answers at once. */
        void (*settle)(struct store *store);
};

/* Takes the batch over. Returns what the callback was told, as the next ones do. */
int sync_write(const struct sync_store *s, struct store_batch *batch);
/* ret->name is borrowed until the next call. */
int sync_find_task(const struct sync_store *s, const struct store_key *key, struct store_task *ret);
/* *ret_body is the caller's, NULL on error. */
int sync_get_event(const struct sync_store *s, const char *event_id, char **ret_body);
int sync_count(const struct sync_store *s, struct store_counts *ret);
/* "ACCOUNT/SHARE/TASK:NAME " of each, sorted by the key: the store promises no order. */
int sync_each_task(const struct sync_store *s, char **ret_text);
/*
 * "EVENT:ATTEMPTS:FUTILE:FINISHED:NEXT:SETTLED " of each, "-": none; times in microseconds; behind
 * it ":told", and ":done" or ":parked" where it is not pending.
 */
int sync_each_pending(const struct sync_store *s, char **ret_text);

/* "BODY " of each. */
int sync_each_latest(const struct sync_store *s, unsigned most, char **ret_text);

/* "NUMBER:EVENT:BODY:SAMPLES:STATE:ATTEMPTS:SETTLED", "-": none; NULL: there is none. */
int sync_find_event(const struct sync_store *s, const char *event_id, char **ret_text);
/* Likewise of each, with a blank behind it. */
int sync_each_event(const struct sync_store *s, int64_t before, unsigned most, char **ret_text);
/* "HOOK:ATTEMPT:STARTED:DURATION:STATUS:EXIT:SIGNAL:TAIL " of each. */
int sync_each_run(const struct sync_store *s, const char *event_id, char **ret_text);

/* A batch of one write, which must succeed. */
void sync_put_task(const struct sync_store *s, const struct store_key *key, const char *name,
                   const struct store_task *task);
void sync_drop_task(const struct sync_store *s, const struct store_key *key, usec_t now);
void sync_miss_task(const struct sync_store *s, const struct store_key *key, usec_t now);
void sync_put_event(const struct sync_store *s, const char *event_id, const char *body, usec_t now);
void sync_put_delivery(const struct sync_store *s, const char *event_id,
                       const struct store_delivery *delivery);
void sync_prune(const struct sync_store *s, usec_t now, usec_t history);
