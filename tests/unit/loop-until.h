#pragma once
/*
 * Waiting in a loop of libev for something to happen, and no longer than that takes
 */
#include <ev.h>

#include "unit/support.h"

#define LOOP_PATIENCE 20. /* seconds; whatever is waited for comes at once, or is a fault */

static inline void loop_on_deadline(struct ev_loop *loop, ev_timer *timer, int revents) {
        (void) revents;
        ev_timer_stop(loop, timer);
}

/* Runs the loop until the condition holds; that it never does fails the test. */
#define LOOP_UNTIL(loop, condition)                                             \
        do {                                                                    \
                ev_timer deadline_;                                             \
                bool late_ = false;                                             \
                                                                                \
                ev_now_update(loop);                                            \
                ev_timer_init(&deadline_, loop_on_deadline, LOOP_PATIENCE, 0.); \
                ev_timer_start(loop, &deadline_);                               \
                while (!(condition) && !late_) {                                \
                        (void) ev_run(loop, EVRUN_ONCE);                        \
                        late_ = !ev_is_active(&deadline_);                      \
                }                                                               \
                ev_timer_stop(loop, &deadline_);                                \
                if (!(condition))                                               \
                        fail_msg("waited in vain for " #condition);             \
        } while (0)

/* Runs what is ready now, and what that makes ready. */
static inline void loop_turn(struct ev_loop *loop) {
        for (int i = 0; i < 5; i++)
                (void) ev_run(loop, EVRUN_NOWAIT);
}
