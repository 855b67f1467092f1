#include "koowatchd/task/registration.h"

#include "common/util.h"
#include "koowatchd/store/store.h"

#define TOLERANCE USEC_MINUTE

static bool is_same_boot(const struct store_task *stored, int64_t boot) {
        return boot != 0 && stored->boot == boot;
}

struct registration registration_new(usec_t wall, usec_t now) {
        return (struct registration){wall, now, REGISTRATION_SINCE};
}

struct registration registration_read(const struct store_task *stored, int64_t boot, usec_t wall,
                                      usec_t now) {
        bool same_boot = is_same_boot(stored, boot);
        struct registration r = {
                .wall = stored->confirmed ? stored->registered : MIN(stored->registered, wall),
                .since = same_boot ? MIN(stored->booted, now) : now,
        };

        if (stored->confirmed)
                r.times = same_boot ? REGISTRATION_BOTH : REGISTRATION_WALL;
        return r;
}

void registration_write(const struct registration *r, int64_t boot, struct store_task *ret) {
        bool since_is_true = r->times != REGISTRATION_WALL;

        ret->registered = r->wall;
        ret->boot = since_is_true ? boot : 0;
        ret->booted = since_is_true ? r->since : 0;
        ret->confirmed = r->times != REGISTRATION_SINCE;
}

usec_t registration_read_time(const struct store_task *stored, usec_t wall, int64_t boot,
                              usec_t now) {
        return is_same_boot(stored, boot) ? MIN(stored->booted + (wall - stored->registered), now)
                                          : now;
}

usec_t registration_write_time(const struct registration *r, usec_t time) {
        return r->wall + (time - r->since);
}

bool registration_learn(struct registration *r, usec_t wall, usec_t now) {
        enum registration_times before = r->times;
        usec_t then = wall - (now - r->since);

        r->times = REGISTRATION_BOTH;
        if (before == REGISTRATION_WALL)
                r->since = now - MAX(wall - r->wall, 0);
        else if (before == REGISTRATION_SINCE &&
                 (then - r->wall >= TOLERANCE || r->wall - then >= TOLERANCE))
                r->wall = then;
        /* The other one is learnt again after each start, and need not be written for that. */
        return before == REGISTRATION_SINCE;
}
