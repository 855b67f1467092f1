/* Timers on the real clock: all but the first are due when the loop looks. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "koowatchd/loop/timer.h"
#include "unit/loop-until.h"

#define TIMERS 6

struct fixture {
        struct ev_loop *loop;
        struct timers *timers;
        struct clock {
                struct timer timer;
                struct fixture *fixture;
                usec_t due, called; /* called: 0 for not yet */
                unsigned calls;
                struct clock *stop, *move; /* what it does to others */
                bool again, close;
        } clocks[TIMERS];
        char order[64]; /* of the calls: one digit each */
};

static void on_clock(struct timer *timer, usec_t now) {
        struct clock *c = container_of(timer, struct clock, timer);
        struct fixture *f = c->fixture;
        size_t n = strlen(f->order);

        assert_false(timer_is_armed(timer));
        assert_true(now >= c->due);
        assert_true(now <= clock_boot());
        c->called = now;
        c->calls++;
        assert_true(n + 1 < sizeof(f->order));
        (void) snprintf(f->order + n, 2, "%d", (int) (c - f->clocks));
        if (c->stop)
                timer_disarm(f->timers, &c->stop->timer);
        if (c->move)
                timer_arm(f->timers, &c->move->timer, c->move->due = now);
        if (c->close)
                timer_close(f->timers, timer);
        else if (c->again && c->calls < 3)
                timer_arm(f->timers, timer, c->due);
}

static void arm(struct fixture *f, int i, usec_t due) {
        f->clocks[i].due = due;
        timer_arm(f->timers, &f->clocks[i].timer, due);
        assert_int_equal(timer_is_armed(&f->clocks[i].timer), due != USEC_INFINITY);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        for (size_t i = 0; i < TIMERS; i++) {
                f->clocks[i].fixture = f;
                assert_int_equal(timer_open(f->timers, &f->clocks[i].timer, on_clock), 0);
                assert_false(timer_is_armed(&f->clocks[i].timer));
        }
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        for (size_t i = 0; i < TIMERS; i++)
                timer_close(f->timers, &f->clocks[i].timer);
        timers_free(f->timers);
        ev_loop_destroy(f->loop);
        free(f);
        return 0;
}

static void test_none_before_its_time(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        arm(f, 0, now + 30 * USEC_MSEC);
        arm(f, 1, now + USEC_HOUR);
        loop_turn(f->loop);
        if (clock_boot() < now + 30 * USEC_MSEC) /* unless the machine was that slow */
                assert_string_equal(f->order, "");
        LOOP_UNTIL(f->loop, f->clocks[0].calls > 0); /* its own call compares the times */
        assert_string_equal(f->order, "0");
        assert_true(timer_is_armed(&f->clocks[1].timer));
}

static void test_in_the_order_of_their_times(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        arm(f, 0, now - 2);
        arm(f, 1, now);
        arm(f, 2, now - 3);
        arm(f, 3, now - 1);
        arm(f, 4, 0); /* no time is too old */
        arm(f, 5, now + 50 * USEC_MSEC);
        assert_string_equal(f->order, ""); /* never from inside */
        LOOP_UNTIL(f->loop, strlen(f->order) == 6);
        assert_string_equal(f->order, "420315");
}

static void test_moved_and_disarmed(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        arm(f, 0, now + USEC_HOUR);
        arm(f, 0, now - 1); /* forward: the descriptor is set again */
        arm(f, 1, now - 2);
        arm(f, 1, now + USEC_HOUR); /* back */
        arm(f, 2, now - 3);
        arm(f, 2, USEC_INFINITY);
        arm(f, 3, now - 4);
        timer_disarm(f->timers, &f->clocks[3].timer);
        timer_disarm(f->timers, &f->clocks[3].timer); /* is left alone */
        LOOP_UNTIL(f->loop, f->clocks[0].calls > 0);
        loop_turn(f->loop);
        assert_string_equal(f->order, "0");
        assert_true(timer_is_armed(&f->clocks[1].timer));
        assert_false(timer_is_armed(&f->clocks[2].timer));
}

static void test_what_a_call_does_to_others(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        f->clocks[0].stop = &f->clocks[1];
        f->clocks[2].move = &f->clocks[3];
        arm(f, 0, now - 5);
        arm(f, 1, now - 4); /* due, and disarmed by the one before */
        arm(f, 2, now - 3);
        arm(f, 3, now + USEC_HOUR);
        arm(f, 4, now - 2);
        LOOP_UNTIL(f->loop, f->clocks[3].calls > 0);
        assert_string_equal(f->order, "0243");
}

static void test_armed_again_from_inside(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        f->clocks[0].again = true;
        arm(f, 0, now - 2);
        arm(f, 1, now - 1);
        LOOP_UNTIL(f->loop, f->clocks[0].calls == 3 && f->clocks[1].calls == 1);
        assert_string_equal(f->order, "0001");

        f->clocks[2].move = &f->clocks[0]; /* the descriptor is set after such a turn as well */
        f->clocks[0].again = false;
        arm(f, 2, now - 2);
        LOOP_UNTIL(f->loop, f->clocks[0].calls == 4);
}

static void test_closed_from_inside(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        f->clocks[0].close = true;
        arm(f, 0, now - 1);
        arm(f, 1, now);
        LOOP_UNTIL(f->loop, f->clocks[1].calls > 0);
        assert_string_equal(f->order, "01");
        timer_close(f->timers, &f->clocks[0].timer); /* closed already: is left alone */
}

static void test_a_timer_that_is_all_zero_is_left_alone(void **state) {
        struct fixture *f = *state;
        struct timer none = {};

        timer_close(f->timers, &none);
        assert_false(timer_is_armed(&none));
        timers_free(NULL);
}

/* The kernel's, and how often it was called. */
static unsigned times_set;

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
        times_set++;
        return (int) syscall(SYS_timerfd_settime, fd, flags, new, old);
}

/* A system call each time that another timer is the first, or at another time; else none. */
static void test_system_calls(void **state) {
        struct fixture *f = *state;
        usec_t now = clock_boot();

        times_set = 0;
        arm(f, 0, now + USEC_HOUR);
        assert_int_equal(times_set, 1);
        arm(f, 0, now + USEC_HOUR);
        arm(f, 1, now + 2 * USEC_HOUR);
        arm(f, 2, now + USEC_HOUR);
        timer_disarm(f->timers, &f->clocks[1].timer);
        timer_disarm(f->timers, &f->clocks[0].timer);
        assert_int_equal(times_set, 1);
        arm(f, 2, now + USEC_MINUTE);
        assert_int_equal(times_set, 2);
        timer_disarm(f->timers, &f->clocks[2].timer);
        assert_int_equal(times_set, 3);
        timer_disarm(f->timers, &f->clocks[2].timer);
        assert_int_equal(times_set, 3);

        arm(f, 1, now + 2 * USEC_HOUR);
        arm(f, 0, now);
        assert_int_equal(times_set, 5);
        LOOP_UNTIL(f->loop, f->clocks[0].calls > 0);
        assert_int_equal(times_set, 6);
}

/* The kernel's, which lacks memory for some calls. */
static unsigned failing_calls;

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
        if (failing_calls > 0) {
                failing_calls--;
                errno = ENOMEM;
                return -1;
        }
        return (int) syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

static void on_tick(struct ev_loop *loop, ev_timer *tick, int revents) {
        (void) loop;
        (void) tick;
        (void) revents;
}

/* libev gives a descriptor up that epoll does not take; a daemon without time is none. */
static void test_epoll_lacks_memory(void **state) {
        struct fixture *f = *state;
        ev_timer
                tick; /* libev tells of it when it wakes the next time, in a minute at the latest */

        ev_timer_init(&tick, on_tick, 0.005, 0.005);
        ev_timer_start(f->loop, &tick);
        failing_calls = 3;
        arm(f, 0, clock_boot() + USEC_HOUR);
        LOOP_UNTIL(f->loop, failing_calls == 0);
        arm(f, 0, clock_boot() + 20 * USEC_MSEC);
        LOOP_UNTIL(f->loop, f->clocks[0].calls > 0);
        arm(f, 1, clock_boot() + 20 * USEC_MSEC);
        LOOP_UNTIL(f->loop, f->clocks[1].calls > 0);
        ev_timer_stop(f->loop, &tick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_none_before_its_time),
                TEST(test_in_the_order_of_their_times),
                TEST(test_moved_and_disarmed),
                TEST(test_what_a_call_does_to_others),
                TEST(test_armed_again_from_inside),
                TEST(test_closed_from_inside),
                TEST(test_a_timer_that_is_all_zero_is_left_alone),
                TEST(test_system_calls),
                TEST(test_epoll_lacks_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
