#pragma once
/*
 * Back-off: how long to wait after failures in a row
 *
 * Pure: the random number is an argument.
 */
#include "common/timespan.h"

/* The pause after the nth failure in a row, n >= 1: first, doubled with each, max at most. */
usec_t backoff_pause(unsigned n, usec_t first, usec_t max);

/*
 * Spreads what would start at the same time: pause times a factor from low to high.
 * random: uniform in [0, 1).
 */
usec_t backoff_jitter(usec_t pause, double low, double high, double random);
