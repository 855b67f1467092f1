#pragma once
/*
 * Clock offset: what time it is at the server
 *
 * Pure. KooDrive refuses an X-Date in the future or older than 15 minutes by its own
 * clock, which is learnt from the Date of its answers. The offset is kept against a
 * clock that no one sets (clock_boot()).
 */
#include <stdbool.h>

#include "common/timespan.h"

/* Zeroed: nothing is known yet. */
struct clock_offset {
        usec_t offset;
        usec_t doubt; /* another offset, seen once */
        bool known, doubted;
        bool confirmed; /* KooDrive itself has said so, not only what is in front of it */
};

/* The server's clock says date at now, beyond doubt. */
void clock_offset_set(struct clock_offset *clock, usec_t date, usec_t now);

/*
 * An answer that came at now has this Date. The first one is believed; one that is far from
 * what is known may be a cache's or a proxy's, and two of them in a row are.
 */
void clock_offset_learn(struct clock_offset *clock, usec_t date, usec_t now);

/* An answer of KooDrive's own, which clock_offset_learn() has seen, came at now with this Date. */
void clock_offset_confirm(struct clock_offset *clock, usec_t date, usec_t now);

/*
 * The wall clock's time at now: wall, our own, unless KooDrive's is more than a minute away from
 * it; -1: KooDrive has not said yet.
 */
usec_t clock_offset_wall(const struct clock_offset *clock, usec_t now, usec_t wall);

/* What to write into X-Date at now: 5 s back, so that it is never in the future. wall: our own. */
usec_t clock_offset_stamp(const struct clock_offset *clock, usec_t now, usec_t wall);
