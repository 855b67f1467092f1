#include "koowatchd/account/settling.h"

#include <errno.h>

#include "common/util.h"

#define SETTLED (500 * USEC_MSEC)
#define RESTLESS_MAX (10 * USEC_SEC)
#define COARSEST (2 * USEC_SEC) /* times of a file, on FAT */

/*
 * When it was written, not when its inode was changed: whoever copies a file sets its time back
 * when all of it is there.
 */
static usec_t age(const struct file_state *state, usec_t wall) {
        return wall - file_time_ns(&state->modified) / 1000;
}

void settling_renamed(struct settling *s, const struct file_state *state) {
        s->renamed = *state;
        s->is_renamed = true;
}

usec_t settling_look(struct settling *s, const struct file_state *state, bool is_whole, usec_t now,
                     usec_t wall) {
        if (!file_state_is_same(state, &s->seen)) { /* nor is any file what it begins with */
                s->seen = *state;
                s->since = now;
        }
        if (s->is_read && file_state_is_same(state, &s->read) &&
            !error_is_transient(state->error)) {
                s->restless = 0;
                return now >= s->again ? now : USEC_INFINITY;
        }
        if (s->is_renamed && file_state_is_same(state, &s->renamed))
                return now;
        if (!s->is_read && (is_whole || state->error || age(state, wall) >= SETTLED))
                return now;
        if (s->restless == 0)
                s->restless = now;
        return MIN(s->since + SETTLED, s->restless + RESTLESS_MAX);
}

void settling_read(struct settling *s, const struct file_state *state, usec_t now, usec_t wall) {
        bool is_young = !state->error && age(state, wall) < COARSEST;

        s->read = *state;
        s->is_read = true;
        s->restless = 0;
        s->again = is_young ? now + COARSEST : USEC_INFINITY;
}
