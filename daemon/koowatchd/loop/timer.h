#pragma once
/*
 * Timers of policy: every wait that the daemon decides on
 *
 * One timerfd on CLOCK_BOOTTIME drives a heap of embedded timers, so that a
 * waiting task costs a few bytes and no descriptor, and waits go on while the
 * machine sleeps.
 */
#include <ev.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/loop/heap.h"

struct timers;
struct timer;

/* now is clock_boot(). The timer is disarmed before the call, and may be freed from inside it. */
typedef void (*timer_fn)(struct timer *timer, usec_t now);

/* While it is not armed its memory may hold something else, until timer_set() is called. */
struct timer {
        struct heap_node node; /* key: due, on clock_boot() */
        timer_fn fn;
};

static inline void timer_set(struct timer *timer, timer_fn fn) {
        *timer = (struct timer){.fn = fn};
}

/* Returns 0 or a negative errno. */
int timers_new(struct ev_loop *loop, struct timers **ret);
/* All timers must have been closed. Accepts NULL. */
void timers_free(struct timers *timers);
DEFINE_CLEANUP(struct timers *, timers_free)

/* Reserves its place: arming never fails. Returns 0 or -ENOMEM. */
int timer_open(struct timers *timers, struct timer *timer, timer_fn fn);
/* Disarms it and gives its place back. A timer that is all zero is left alone. */
void timer_close(struct timers *timers, struct timer *timer);

/* Arms it, or moves it when it is armed; USEC_INFINITY disarms. A past time means at once. */
void timer_arm(struct timers *timers, struct timer *timer, usec_t due);
void timer_disarm(struct timers *timers, struct timer *timer);

static inline bool timer_is_armed(const struct timer *timer) {
        return heap_has(&timer->node);
}
