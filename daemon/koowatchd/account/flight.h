#pragma once
/*
 * Flight: how many of an account's requests may be on their way at once
 *
 * Pure. MaxInFlight= is the most. The very first request goes alone: its answer tells the time,
 * and whether the credential is good. Of polls that are due together three go together after a
 * pause, and each good answer lets one more join: of a server that is gone this is known after
 * three requests, and one that answers gets them all in a few round trips. After a failure they
 * go one by one until there is a good answer.
 */
#include <stdbool.h>

#include "common/timespan.h"

/* All zero: nothing has been sent. */
struct flight {
        unsigned count;  /* on their way */
        unsigned open;   /* how many more than FLIGHT_FEW may go together */
        bool has_failed; /* the last one that has ended: then none go together */
        usec_t alone;    /* until then the first one goes alone */
};

#define FLIGHT_FEW 3

/* When another one may go: 0 for at once, USEC_INFINITY for not before flight_ended(). */
usec_t flight_next(const struct flight *flight, unsigned most);

/* Whether another one may go together with the last; otherwise the rate keeps them apart. */
bool flight_may_join(const struct flight *flight);

/* is_first: of all that the account has sent. */
void flight_sent(struct flight *flight, usec_t now, bool is_first);
/* good: it was answered, and the answer is no failure of the account. */
void flight_ended(struct flight *flight, bool good);
