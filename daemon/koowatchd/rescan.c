#include "koowatchd/rescan.h"

#include "common/backoff.h"
#include "common/log.h"
#include "common/util.h"

#define PAUSE_MIN (5 * USEC_SEC)
#define PAUSE_MAX USEC_MINUTE
#define REPORT_PAUSE (5 * USEC_MINUTE)

static void on_timer(struct timer *timer, usec_t now) {
        struct rescan *r = container_of(timer, struct rescan, timer);

        r->tried = now;
        callback_call(&r->on_due);
}

int rescan_open(struct rescan *r, struct timers *timers, struct callback on_due) {
        *r = (struct rescan){.timers = timers, .on_due = on_due};
        return timer_open(timers, &r->timer, on_timer);
}

void rescan_close(struct rescan *r) {
        if (r->timers)
                timer_close(r->timers, &r->timer);
        free(STEAL_PTR(r->what));
}

void rescan_request(struct rescan *r, const char *what, const char *why) {
        usec_t now = clock_boot(), pause;

        if (timer_is_armed(&r->timer))
                return;
        if (now - r->tried > PAUSE_MAX) /* the last try, which may have taken a while, did well */
                r->failures = 0;
        pause = backoff_pause(++r->failures, PAUSE_MIN, PAUSE_MAX);
        if (!r->what || !streq(what, r->what) || now - r->reported >= REPORT_PAUSE) {
                log_warning("%s: cannot read (%s), retrying in %d s", what, why,
                            (int) (pause / USEC_SEC));
                (void) str_replace(&r->what, what);
                r->reported = now;
        }
        timer_arm(r->timers, &r->timer, now + pause);
}
