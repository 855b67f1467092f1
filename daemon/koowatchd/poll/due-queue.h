#pragma once
/*
 * Due queue: whose turn it is when more polls are due than may be sent
 *
 * Pure. The poll that is most overdue in proportion to its own interval goes
 * first. That order changes as time passes, so it is no heap: entries of similar
 * interval (within a quarter) share a bucket, in which the longest due is also the
 * most overdue, and only the heads of the buckets are compared.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/timespan.h"

#define DUE_BUCKETS 96 /* a factor of 1.25 each, from 100 ms up to years */

struct due_entry {
        TAILQ_ENTRY(due_entry) link;
        usec_t due;
        usec_t interval;
};

TAILQ_HEAD(due_bucket, due_entry);

struct due_queue {
        struct due_bucket buckets[DUE_BUCKETS];
        uint64_t used[(DUE_BUCKETS + 63) / 64]; /* a bit for each bucket that is not empty */
        size_t count;
};

void due_queue_init(struct due_queue *queue);

static inline bool due_queue_has(const struct due_entry *entry) {
        return entry->link.tqe_prev;
}

/* Adds an entry that became due at due; interval > 0. It must not be in a queue. */
void due_queue_add(struct due_queue *queue, struct due_entry *entry, usec_t due, usec_t interval);

/* An entry that is in no queue is left alone. */
void due_queue_remove(struct due_queue *queue, struct due_entry *entry);

/* The entry whose turn it is at now, left in the queue; NULL when there is none. */
struct due_entry *due_queue_first(const struct due_queue *queue, usec_t now);

/* The entry that has been due for the longest, left in the queue; NULL when there is none. */
struct due_entry *due_queue_oldest(const struct due_queue *queue);

/* How long the longest-waiting entry has been due at now; 0 for an empty queue. */
usec_t due_queue_lag(const struct due_queue *queue, usec_t now);
