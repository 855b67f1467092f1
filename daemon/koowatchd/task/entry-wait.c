#include "koowatchd/task/entry-wait.h"

#include <errno.h>

#include "koowatchd/task/entry.h"

#define GRACE (500 * USEC_MSEC) /* an editor saves a file by renaming, a rescan finds it again */

void entry_waits_init(struct entry_waits *waits, struct timers *timers,
                      void (*on_grace_over)(struct entry *entry)) {
        LIST_INIT(&waits->list);
        waits->timers = timers;
        waits->on_grace_over = on_grace_over;
}

static void wait_free(struct entry_wait *wait) {
        timer_close(wait->owner->timers, &wait->timer);
        LIST_REMOVE(wait, link);
        free(wait);
}

void entry_waits_clear(struct entry_waits *waits) {
        struct entry_wait *wait;

        while ((wait = LIST_FIRST(&waits->list))) {
                if (wait->entry)
                        wait->entry->wait = NULL;
                wait_free(wait);
        }
}

struct entry_wait *entry_wait_lookup(struct entry_waits *waits, struct entry *e) {
        struct entry_wait *wait = calloc(1, sizeof(*wait));

        if (!wait)
                return NULL;
        wait->owner = waits;
        wait->entry = e;
        LIST_INSERT_HEAD(&waits->list, wait, link);
        e->wait = wait;
        return wait;
}

struct entry *entry_wait_end(struct entry_wait *wait) {
        struct entry *e = wait->entry;

        if (e)
                e->wait = NULL;
        wait_free(wait);
        return e;
}

static void on_timer(struct timer *timer, usec_t now) {
        struct entry_wait *wait = container_of(timer, struct entry_wait, timer);
        struct entry_waits *waits = wait->owner;

        (void) now;
        waits->on_grace_over(entry_wait_end(wait));
}

int entry_wait_grace(struct entry_waits *waits, struct entry *e) {
        struct entry_wait *wait = entry_wait_lookup(waits, e);
        int r;

        if (!wait)
                return -ENOMEM;
        r = timer_open(waits->timers, &wait->timer, on_timer);
        if (r < 0) {
                (void) entry_wait_end(wait);
                return r;
        }
        timer_arm(waits->timers, &wait->timer, clock_boot() + GRACE);
        return 0;
}

void entry_stop_waiting(struct entry *e) {
        struct entry_wait *wait = STEAL_PTR(e->wait);

        if (!wait)
                return;
        wait->entry = NULL;
        if (wait->timer.fn) /* one for the store lives until that has answered */
                wait_free(wait);
}
