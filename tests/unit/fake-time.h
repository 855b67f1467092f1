#pragma once
/*
 * Time that a test drives
 *
 * fake-time.c takes the place of loop/timer.c and of the two clocks: clock_boot() and
 * clock_wall() stand still until time_pass(), in which the timers that fall due run at their
 * own time, in their order. The other clocks are the machine's.
 */
#include "common/timespan.h"
#include "koowatchd/loop/timer.h"

#define TIME_BOOT (1000 * USEC_SEC)       /* what clock_boot() begins with */
#define TIME_WALL (1747708152 * USEC_SEC) /* what clock_wall() says then */

/* Both clocks as they were at first, and right. */
void time_reset(void);
/* Somebody sets the wall clock, forward or back. */
void time_step(usec_t span);
/* The machine is started anew after span: clock_boot() begins again. */
void time_reboot(usec_t span);
/* What a wall clock that is right would say. */
usec_t time_true(void);
void time_pass(struct timers *timers, usec_t span);
/* The next timer_open() finds no memory. */
void time_fail_next_open(void);
/* When the next timer is due; USEC_INFINITY: there is none. */
usec_t time_next(const struct timers *timers);
