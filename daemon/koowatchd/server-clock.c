#include "koowatchd/server-clock.h"

#define BACK (5 * USEC_SEC)
#define TOLERANCE USEC_MINUTE

void server_clock_set(struct server_clock *c, usec_t date, usec_t now) {
        *c = (struct server_clock){.offset = date - now, .known = true};
}

static bool is_near(usec_t a, usec_t b) {
        return a - b < TOLERANCE && b - a < TOLERANCE;
}

void server_clock_learn(struct server_clock *c, usec_t date, usec_t now) {
        usec_t offset = date - now;

        if (!c->known || is_near(offset, c->offset) || (c->doubted && is_near(offset, c->doubt))) {
                server_clock_set(c, date, now);
        } else {
                c->doubt = offset;
                c->doubted = true;
        }
}

usec_t server_clock_stamp(const struct server_clock *c, usec_t now, usec_t wall) {
        return (c->known ? now + c->offset : wall) - BACK;
}
