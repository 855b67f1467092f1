#include "unit/fake-time.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

struct timers {
        struct heap heap;
};

static usec_t boot = TIME_BOOT;
static usec_t started = TIME_WALL - TIME_BOOT; /* the true time of clock_boot() 0 */
static usec_t error;                           /* of the wall clock */

void time_reset(void) {
        boot = TIME_BOOT;
        started = TIME_WALL - TIME_BOOT;
        error = 0;
}

void time_step(usec_t span) {
        error += span;
}

void time_reboot(usec_t span) {
        started += boot + span - TIME_BOOT;
        boot = TIME_BOOT;
}

usec_t time_true(void) {
        return started + boot;
}

void time_pass(struct timers *timers, usec_t span) {
        usec_t end = boot + span;
        struct heap_node *first;

        while ((first = heap_first(&timers->heap)) && first->key <= end) {
                struct timer *timer = container_of(first, struct timer, node);

                boot = MAX(boot, first->key);
                heap_remove(&timers->heap, first);
                timer->fn(timer, boot);
        }
        boot = end;
}

usec_t time_next(const struct timers *timers) {
        const struct heap_node *first = heap_first(&timers->heap);

        return first ? first->key : USEC_INFINITY;
}

/* Instead of libc's, for the program and the libraries that it is linked with. */
int clock_gettime(clockid_t clock, struct timespec *ret) {
        usec_t now = clock == CLOCK_BOOTTIME ? boot : time_true() + error;

        if (clock != CLOCK_BOOTTIME && clock != CLOCK_REALTIME)
                return (int) syscall(SYS_clock_gettime, clock, ret);
        *ret = (struct timespec){now / USEC_SEC, now % USEC_SEC * 1000};
        return 0;
}

int timers_new(struct ev_loop *loop, struct timers **ret) {
        (void) loop;
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void timers_free(struct timers *timers) {
        if (!timers)
                return;
        if (timers->heap.reserved > 0)
                abort(); /* a timer has not been closed */
        heap_clear(&timers->heap);
        free(timers);
}

static bool open_fails;

void time_fail_next_open(void) {
        open_fails = true;
}

int timer_open(struct timers *timers, struct timer *timer, timer_fn fn) {
        if (open_fails) {
                open_fails = false;
                return -ENOMEM;
        }
        int r = heap_reserve(&timers->heap);

        if (r == 0)
                *timer = (struct timer){.fn = fn};
        return r;
}

void timer_close(struct timers *timers, struct timer *timer) {
        if (!timer->fn)
                return;
        timer_disarm(timers, timer);
        heap_unreserve(&timers->heap);
        timer->fn = NULL;
}

void timer_arm(struct timers *timers, struct timer *timer, usec_t due) {
        if (due == USEC_INFINITY)
                timer_disarm(timers, timer);
        else
                heap_put(&timers->heap, &timer->node, due);
}

void timer_disarm(struct timers *timers, struct timer *timer) {
        heap_remove(&timers->heap, &timer->node);
}
