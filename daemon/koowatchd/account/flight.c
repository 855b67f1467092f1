#include "koowatchd/account/flight.h"

#include "common/util.h"

#define ALONE_MAX (2 * USEC_SEC)
#define OPEN_MAX 10000U /* more than MaxInFlight= takes */

usec_t flight_next(const struct flight *f, unsigned most) {
        return f->count >= most ? USEC_INFINITY : f->alone;
}

bool flight_may_join(const struct flight *f) {
        return !f->has_failed && f->count < FLIGHT_FEW + f->open;
}

void flight_sent(struct flight *f, usec_t now, bool is_first) {
        if (f->count == 0)
                f->open = 0;
        if (is_first)
                f->alone = now + ALONE_MAX;
        f->count++;
}

void flight_ended(struct flight *f, bool good) {
        f->count--;
        f->alone = 0;
        f->has_failed = !good;
        f->open = good ? MIN(f->open + 1, OPEN_MAX) : 0;
}
