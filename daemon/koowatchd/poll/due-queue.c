#include "koowatchd/poll/due-queue.h"

#include <assert.h>

#include "common/util.h"

void due_queue_init(struct due_queue *queue) {
        queue->count = 0;
        for (size_t i = 0; i < DUE_BUCKETS; i++)
                TAILQ_INIT(&queue->buckets[i]);
}

static struct due_bucket *bucket_of(struct due_queue *queue, usec_t interval) {
        usec_t bound = 100 * USEC_MSEC;
        size_t i = 0;

        while (i + 1 < DUE_BUCKETS && interval >= bound) {
                bound += bound / 4;
                i++;
        }
        return &queue->buckets[i];
}

void due_queue_add(struct due_queue *queue, struct due_entry *entry, usec_t due, usec_t interval) {
        struct due_bucket *bucket = bucket_of(queue, interval);
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
        queue->count++;
}

void due_queue_remove(struct due_queue *queue, struct due_entry *entry) {
        if (!due_queue_has(entry))
                return;
        TAILQ_REMOVE(bucket_of(queue, entry->interval), entry, link);
        entry->link.tqe_prev = NULL;
        queue->count--;
}

struct due_entry *due_queue_first(const struct due_queue *queue, usec_t now) {
        struct due_entry *best = NULL;
        double best_share = 0;

        for (size_t i = 0; queue->count > 0 && i < DUE_BUCKETS; i++) {
                struct due_entry *head = TAILQ_FIRST(&queue->buckets[i]);
                double share;

                if (!head)
                        continue;
                share = (double) (now - head->due) / (double) head->interval;
                if (!best || share > best_share) {
                        best = head;
                        best_share = share;
                }
        }
        return best;
}

struct due_entry *due_queue_oldest(const struct due_queue *queue) {
        struct due_entry *oldest = NULL;

        for (size_t i = 0; queue->count > 0 && i < DUE_BUCKETS; i++) {
                struct due_entry *head = TAILQ_FIRST(&queue->buckets[i]);

                if (head && (!oldest || head->due < oldest->due))
                        oldest = head;
        }
        return oldest;
}

usec_t due_queue_lag(const struct due_queue *queue, usec_t now) {
        const struct due_entry *oldest = due_queue_oldest(queue);

        return oldest ? MAX(now - oldest->due, 0) : 0;
}
