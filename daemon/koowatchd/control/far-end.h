#pragma once
/*
 * Far end: whether a task that another node polls has finished, which only the store knows
 *
 * A store that is away is not asked: whoever wants to see its tasks is not to wait for it, and sees
 * this one as unfinished.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/event-id.h"
#include "common/timespan.h"

struct control;
struct task_facts;

struct far_end {
        /* found: 1 when it has finished, 0, or a negative errno of the store. */
        void (*on_end)(struct far_end *end, int found);
        char event_id[EVENT_ID_LENGTH + 1];
        usec_t registered; /* wall clock */

        /* Of its file. */
        uint64_t inode;
        int64_t mtime_ns;
        bool removes_finished, is_valid;
};

/* on_end is set. It is called once, perhaps before this returns; facts are of one elsewhere. */
void far_end_find(struct far_end *end, const struct control *control,
                  const struct task_facts *facts);
