#pragma once
/*
 * Account pause: how long an account sends nothing after a failure
 *
 * Pure. Each kind of failure has pauses of its own, and what the answer asks for is never
 * undercut, up to an hour:
 *
 *   throttled     as asked for; without a hint 5 s, doubling. A hint of moments is believed
 *                 three times, then doubled as well: a quota of the day hides behind it.
 *   unreachable   a little longer each time: 6 probes in the first minute, 60 in the first
 *                 hour, then one in each probe_max
 *   refused       2 s twice, then six minutes: the gateway locks a key for five minutes after
 *                 five refusals
 */
#include <stdbool.h>

#include "common/timespan.h"

struct koodrive_answer;

#define ACCOUNT_PAUSE_REFUSED (6 * USEC_MINUTE)

/* Zeroed but for probe_max: none. */
struct account_pause {
        usec_t until;       /* USEC_INFINITY: until an event */
        usec_t probe_max;   /* the longest pause between probes */
        usec_t last;        /* pause of this state, when throttled or unreachable */
        unsigned throttled; /* in a row */
        unsigned refused;   /* in a row: nothing was accepted, and no secret changed, between */
};

/* The state has changed: its pauses begin with the first. Refusals are counted on. */
void account_pause_restart(struct account_pause *pause);

/*
 * A request had that answer at now. random: uniform in [0, 1), spreads the end of pauses over
 * a tenth of their length.
 */
void account_pause_throttled(struct account_pause *pause, usec_t now,
                             const struct koodrive_answer *answer, double random);
void account_pause_unreachable(struct account_pause *pause, usec_t now,
                               const struct koodrive_answer *answer, double random);
/* final: further attempts are of no use. */
void account_pause_refused(struct account_pause *pause, usec_t now,
                           const struct koodrive_answer *answer, bool final);
/* Something other than KooDrive has answered where a refusal was to be expected. */
void account_pause_not_refused(struct account_pause *pause, usec_t now);

/* How many more refusals in a row there may be before the long pause. */
unsigned account_pause_refusals_left(const struct account_pause *pause);
