#include "koowatchd/poll/due-queue.h"

#include <assert.h>

#include "common/util.h"

void due_queue_init(struct due_queue *queue) {
        *queue = (struct due_queue){};
        for (size_t i = 0; i < DUE_BUCKETS; i++)
                TAILQ_INIT(&queue->buckets[i]);
}

static size_t bucket_of(usec_t interval) {
        usec_t bound = 100 * USEC_MSEC;
        size_t i = 0;

        while (i + 1 < DUE_BUCKETS && interval >= bound) {
                bound += bound / 4;
                i++;
        }
        return i;
}

/* The first bucket from i on that is not empty; DUE_BUCKETS: there is none. */
static size_t next_used(const struct due_queue *queue, size_t i) {
        for (; i < DUE_BUCKETS; i = (i / 64 + 1) * 64) {
                uint64_t used = queue->used[i / 64] >> i % 64;

                if (used)
                        return i + (size_t) __builtin_ctzll(used);
        }
        return DUE_BUCKETS;
}

void due_queue_add(struct due_queue *queue, struct due_entry *entry, usec_t due, usec_t interval) {
        size_t i = bucket_of(interval);
        struct due_bucket *bucket = &queue->buckets[i];
        struct due_entry *after = TAILQ_LAST(bucket, due_bucket);

        assert(!due_queue_has(entry) && interval > 0);
        entry->due = due;
        entry->interval = interval;

        /* They mostly arrive in order of their due times: from the tail it is a step or two. */
        while (after && after->due > due)
                after = TAILQ_PREV(after, due_bucket, link);
        if (after)
                TAILQ_INSERT_AFTER(bucket, after, entry, link);
        else
                TAILQ_INSERT_HEAD(bucket, entry, link);
        queue->used[i / 64] |= UINT64_C(1) << i % 64;
        queue->count++;
}

void due_queue_remove(struct due_queue *queue, struct due_entry *entry) {
        size_t i;

        if (!due_queue_has(entry))
                return;
        i = bucket_of(entry->interval);
        TAILQ_REMOVE(&queue->buckets[i], entry, link);
        entry->link.tqe_prev = NULL;
        if (TAILQ_EMPTY(&queue->buckets[i]))
                queue->used[i / 64] &= ~(UINT64_C(1) << i % 64);
        queue->count--;
}

struct due_entry *due_queue_first(const struct due_queue *queue, usec_t now) {
        struct due_entry *best = NULL;
        double best_share = 0;

        for (size_t i = next_used(queue, 0); i < DUE_BUCKETS; i = next_used(queue, i + 1)) {
                struct due_entry *head = TAILQ_FIRST(&queue->buckets[i]);
                double share = (double) (now - head->due) / (double) head->interval;
                if (!best || share > best_share) {
                        best = head;
                        best_share = share;
                }
        }
        return best;
}

struct due_entry *due_queue_oldest(const struct due_queue *queue) {
        struct due_entry *oldest = NULL;

        for (size_t i = next_used(queue, 0); i < DUE_BUCKETS; i = next_used(queue, i + 1)) {
                struct due_entry *head = TAILQ_FIRST(&queue->buckets[i]);

                if (!oldest || head->due < oldest->due)
                        oldest = head;
        }
        return oldest;
}

usec_t due_queue_lag(const struct due_queue *queue, usec_t now) {
        const struct due_entry *oldest = due_queue_oldest(queue);

        return oldest ? MAX(now - oldest->due, 0) : 0;
}
