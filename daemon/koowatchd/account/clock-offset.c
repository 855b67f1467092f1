#include "koowatchd/account/clock-offset.h"

#define BACK (5 * USEC_SEC)
#define TOLERANCE USEC_MINUTE

static bool is_near(usec_t a, usec_t b) {
        return a - b < TOLERANCE && b - a < TOLERANCE;
}

void clock_offset_set(struct clock_offset *c, usec_t date, usec_t now) {
        usec_t offset = date - now;

        *c = (struct clock_offset){
                .offset = offset,
                .known = true,
                .confirmed = c->confirmed && is_near(offset, c->offset),
        };
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

void clock_offset_confirm(struct clock_offset *c, usec_t date, usec_t now) {
        c->confirmed |= c->known && is_near(date - now, c->offset);
}

usec_t clock_offset_wall(const struct clock_offset *c, usec_t now, usec_t wall) {
        if (!c->confirmed)
                return -1;
        return is_near(now + c->offset, wall) ? wall : now + c->offset;
}

usec_t clock_offset_stamp(const struct clock_offset *c, usec_t now, usec_t wall) {
        return (c->known ? now + c->offset : wall) - BACK;
}
