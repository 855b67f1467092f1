#include "common/backoff.h"

#include "common/util.h"

usec_t backoff_pause(unsigned n, usec_t first, usec_t max) {
        usec_t pause = first;

        while (n-- > 1 && pause < max)
                pause = pause > max / 2 ? max : 2 * pause; /* cannot overflow */
        return MIN(pause, max);
}

usec_t backoff_jitter(usec_t pause, double low, double high, double random) {
        return (usec_t) ((double) pause * (low + (high - low) * random));
}
