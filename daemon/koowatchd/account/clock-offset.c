#include "koowatchd/account/clock-offset.h"

#define BACK (5 * USEC_SEC)
#define TOLERANCE USEC_MINUTE

void clock_offset_set(struct clock_offset *c, usec_t date, usec_t now) {
        *c = (struct clock_offset){.offset = date - now, .known = true};
}

static bool is_near(usec_t a, usec_t b) {
        return a - b < TOLERANCE && b - a < TOLERANCE;
}

void clock_offset_learn(struct clock_offset *c, usec_t date, usec_t now) {
        usec_t offset = date - now;

        if (!c->known || is_near(offset, c->offset) || (c->doubted && is_near(offset, c->doubt))) {
                clock_offset_set(c, date, now);
        } else {
                c->doubt = offset;
                c->doubted = true;
        }
}

usec_t clock_offset_stamp(const struct clock_offset *c, usec_t now, usec_t wall) {
        return (c->known ? now + c->offset : wall) - BACK;
}
