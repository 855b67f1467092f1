/* Signals of tasks on a bus that reads them late. */
#include <json-c/json.h>

#include "koowatchd/bus/bus.h"
#include "koowatchd/control/task-signals.h"
#include "unit/bus/fake-bus.h"
#include "unit/capture.h"
#include "unit/fake-time.h"
#include "unit/loop-until.h"

#define MANY 40000 /* more than may wait on the connection */

struct fixture {
        struct ev_loop *loop;
        struct timers *timers;
        struct fake_bus other;
        struct bus *bus;
        struct task_signals *signals;
        struct capture capture;
};

static void on_call(void *userdata, const char *method, struct bus_call *call) {
        (void) userdata;
        bus_call_fail(call, BUS_UNAVAILABLE, "%s", method);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);

        time_reset();
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        fake_bus_open(&f->other, f->loop);
        assert_int_equal(bus_new(f->loop, f->timers, BUS_SYSTEM, &f->bus), 0);
        assert_int_equal(task_signals_new(f->timers, f->bus, NULL, &f->signals), 0);
        capture_begin(&f->capture);
        bus_start(f->bus, on_call, f);
        LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        task_signals_free(f->signals);
        bus_free(f->bus);
        free(capture_end(&f->capture));
        fake_bus_close(&f->other);
        timers_free(f->timers);
        ev_loop_destroy(f->loop);
        free(f);
        return 0;
}

static void finish_many(struct fixture *f) {
        json_object *event = json_tokener_parse("{\"name\":\"photos\",\"outcome\":\"canceled\"}");

        for (unsigned i = 0; i < MANY; i++)
                task_signals_finished(f->signals, event);
        json_object_put(event);
}

static void pass(struct fixture *f, usec_t span) {
        for (usec_t end = clock_boot() + span; clock_boot() < end;) {
                time_pass(f->timers, 10 * USEC_MSEC);
                (void) ev_run(f->loop, EVRUN_NOWAIT);
        }
}

/* None is lost, and it is not given up: they wait here, where that costs little. */
static void test_a_bus_that_reads_late(void **state) {
        struct fixture *f = *state;
        sd_bus *other = f->other.bus;

        bus_loop_free(STEAL_PTR(f->other.bus_loop)); /* it stands still */
        finish_many(f);
        pass(f, 9 * USEC_SEC);
        assert_true(bus_is_heard(f->bus));
        assert_true(bus_is_behind(f->bus));
        for (unsigned i = 0; i < 10 * MANY && f->other.signals < MANY; i++) {
                if (sd_bus_process(other, NULL) == 0)
                        pass(f, 10 * USEC_MSEC);
        }
        assert_int_equal(f->other.signals, MANY);
        assert_int_equal(f->other.connections, 1);
        pass(f, USEC_MINUTE);
        assert_true(bus_is_heard(f->bus));
}

/* What waits for it is dropped with it. */
static void test_a_bus_that_reads_no_more(void **state) {
        struct fixture *f = *state;

        bus_loop_free(STEAL_PTR(f->other.bus_loop));
        finish_many(f);
        pass(f, 11 * USEC_SEC);
        assert_false(bus_is_heard(f->bus));
        fake_bus_kill(&f->other);
        fake_bus_listen(&f->other);
        pass(f, USEC_SEC);
        for (unsigned i = 0; i < 100 && !bus_is_heard(f->bus); i++)
                pass(f, USEC_SEC);
        assert_true(bus_is_heard(f->bus));
        pass(f, USEC_SEC);
        assert_int_equal(f->other.signals, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_bus_that_reads_late, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_bus_that_reads_no_more, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
