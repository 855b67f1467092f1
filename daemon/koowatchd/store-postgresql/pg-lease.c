#include "koowatchd/store-postgresql/pg-lease.h"

#include "common/util.h"

void pg_lease_renew(struct pg_lease *l, usec_t asked) {
        *l = (struct pg_lease){asked, asked};
}

void pg_lease_beat(struct pg_lease *l, usec_t now) {
        l->tried = now;
}

void pg_lease_confirm(struct pg_lease *l) {
        l->good = l->tried;
}

usec_t pg_lease_end(const struct pg_lease *l) {
        return l->good > 0 ? l->good + PG_TRUST : 0;
}

bool pg_lease_is_over(const struct pg_lease *l, usec_t now) {
        return l->good > 0 && now >= l->good + PG_TRUST;
}

bool pg_lease_is_due(const struct pg_lease *l, usec_t now) {
        return l->good > 0 && now >= l->tried + PG_BEAT_PERIOD;
}

usec_t pg_lease_next(const struct pg_lease *l, usec_t now) {
        const usec_t end = l->good + PG_TRUST, beat = l->tried + PG_BEAT_PERIOD;

        return beat > now ? MIN(beat, end) : end;
}
