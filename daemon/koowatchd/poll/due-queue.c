#include "koowatchd/poll/due-queue.h"

#include <assert.h>

#include "common/util.h"

static struct due_bucket *line_of(struct due_queue *queue, usec_t interval) {
        usec_t bound = 100 * USEC_MSEC;
        size_t i = 0;

        while (i + 1 < DUE_BUCKETS && interval >= bound) {
                bound += bound / 4;
                i++;
        }
        return &queue->lines[i];
}

void due_queue_add(struct due_queue *queue, struct due_entry *entry, usec_t due, usec_t interval) {
        struct due_bucket *line = line_of(queue, interval);
        struct due_entry *after = line->tail;

        assert(!entry->queued && interval > 0);

        /* They mostly arrive in order of their due times: from the tail it is a step or two. */
        while (after && after->due > due)
                after = after->previous;

        *entry = (struct due_entry){
                .previous = after,
                .next = after ? after->next : line->head,
                .due = due,
                .interval = interval,
                .queued = true,
        };
        *(after ? &after->next : &line->head) = entry;
        *(entry->next ? &entry->next->previous : &line->tail) = entry;
        queue->count++;
}

void due_queue_remove(struct due_queue *queue, struct due_entry *entry) {
        struct due_bucket *line;

        if (!entry->queued)
                return;

        line = line_of(queue, entry->interval);
        *(entry->previous ? &entry->previous->next : &line->head) = entry->next;
        *(entry->next ? &entry->next->previous : &line->tail) = entry->previous;
        entry->queued = false;
        queue->count--;
}

struct due_entry *due_queue_first(const struct due_queue *queue, usec_t now) {
        struct due_entry *best = NULL;
        double best_share = 0;

        for (size_t i = 0; queue->count > 0 && i < DUE_BUCKETS; i++) {
                struct due_entry *head = queue->lines[i].head;
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
                struct due_entry *head = queue->lines[i].head;

                if (head && (!oldest || head->due < oldest->due))
                        oldest = head;
        }
        return oldest;
}

usec_t due_queue_lag(const struct due_queue *queue, usec_t now) {
        const struct due_entry *oldest = due_queue_oldest(queue);

        return oldest ? MAX(now - oldest->due, 0) : 0;
}
