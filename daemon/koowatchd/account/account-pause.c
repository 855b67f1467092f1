#include "koowatchd/account/account-pause.h"

#include "common/backoff.h"
#include "common/util.h"
#include "koowatchd/koodrive/answer.h"

#define PROBE_FIRST (3 * USEC_SEC)
#define PROBE_STEP (2 * USEC_SEC)
#define REFUSALS_MAX 3
#define REFUSED_FIRST (2 * USEC_SEC)
#define THROTTLED_FIRST (5 * USEC_SEC)
#define THROTTLED_MIN USEC_SEC
#define THROTTLED_MAX USEC_HOUR
#define HINT_BRIEF (2 * USEC_SEC) /* a Retry-After below that is no way to wait for long */
#define HINTS_MAX 3               /* in a row that are believed */
#define JITTER 1.1

static usec_t add_jitter(usec_t pause, double random) {
        return backoff_jitter(pause, 1, JITTER, random);
}

void account_pause_restart(struct account_pause *p) {
        p->last = 0;
        p->throttled = 0;
}

void account_pause_throttled(struct account_pause *p, usec_t now,
                             const struct koodrive_answer *answer, double random) {
        usec_t longer = p->throttled > 0 ? 2 * p->last : 0;
        usec_t pause = answer->retry_after > 0 ? answer->retry_after : answer->window;

        if (pause <= 0)
                pause = MAX(THROTTLED_FIRST, longer);
        else if (p->throttled >= HINTS_MAX && answer->retry_after < HINT_BRIEF)
                pause = MAX(pause, longer);
        pause = MAX(pause, answer->disposition.pause);
        p->last = MIN(MAX(pause, THROTTLED_MIN), THROTTLED_MAX);
        p->throttled++;
        p->until = MAX(p->until, now + add_jitter(p->last, random));
}

/* The end of an outage of a minute is seen within 17 s, that of an hour within probe_max. */
void account_pause_unreachable(struct account_pause *p, usec_t now,
                               const struct koodrive_answer *answer, double random) {
        usec_t pause = p->last > 0 ? p->last + PROBE_STEP : PROBE_FIRST;

        p->last = MIN(pause, MAX(p->probe_max, PROBE_FIRST));
        pause = add_jitter(p->last, random);
        p->until = now + MAX(pause, answer->retry_after);
}

unsigned account_pause_refusals_left(const struct account_pause *p) {
        return p->refused < REFUSALS_MAX ? REFUSALS_MAX - p->refused : 0;
}

static usec_t refused_pause(const struct account_pause *p) {
        return account_pause_refusals_left(p) > 0 ? REFUSED_FIRST : ACCOUNT_PAUSE_REFUSED;
}

void account_pause_refused(struct account_pause *p, usec_t now,
                           const struct koodrive_answer *answer, bool final) {
        usec_t pause;

        p->refused = final ? REFUSALS_MAX : p->refused + 1;
        pause = MAX(refused_pause(p), answer->disposition.pause);
        p->until = now + MAX(pause, answer->retry_after);
}

void account_pause_not_refused(struct account_pause *p, usec_t now) {
        usec_t until;

        p->refused++;
        until = now + refused_pause(p);
        p->until = MAX(p->until, until);
}
