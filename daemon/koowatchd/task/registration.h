#pragma once
/*
 * Registration: since when a task is registered, whatever became of the clocks
 *
 * Pure. The wall clock may be wrong when a task is registered, and be set at any time; it
 * decides nothing. As long as the machine is not started anew, what has passed is told by
 * clock_boot(), and across such a start by KooDrive's clock. Where neither can tell, the
 * registration counts from now: a deadline may be late, but is never early.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/timespan.h"

struct store_task;

/* Which of its two times are true. */
enum registration_times {
        REGISTRATION_SINCE, /* wall is what our clock said, right or wrong */
        REGISTRATION_WALL,  /* before the machine was started; since is when it was taken up */
        REGISTRATION_BOTH
};

struct registration {
        usec_t wall;  /* wall clock */
        usec_t since; /* on clock_boot(); negative: before the machine was started */
        enum registration_times times;
};

/* Made at now; wall: what our clock says. */
struct registration registration_new(usec_t wall, usec_t now);
/* As it was stored. boot: the machine's start that now counts from; 0: not known. */
struct registration registration_read(const struct store_task *stored, int64_t boot, usec_t wall,
                                      usec_t now);
/* Writes what the store keeps of it. */
void registration_write(const struct registration *registration, int64_t boot,
                        struct store_task *ret);

/*
 * Another time of the same task, which is stored as wall clock beside its registration: when it
 * was on clock_boot(); now where that is not known.
 */
usec_t registration_read_time(const struct store_task *stored, usec_t wall, int64_t boot,
                              usec_t now);
usec_t registration_write_time(const struct registration *registration, usec_t time);

/* KooDrive's clock says wall at now. Returns whether the store is to know what follows. */
bool registration_learn(struct registration *registration, usec_t wall, usec_t now);
