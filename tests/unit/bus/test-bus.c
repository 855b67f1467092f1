/* The daemon's end of a bus, against a fake one in the same loop. */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/bus/bus.h"
#include "unit/bus/fake-bus.h"
#include "unit/capture.h"
#include "unit/fake-time.h"
#include "unit/loop-until.h"

struct fixture {
        struct ev_loop *loop;
        struct timers *timers;
        struct fake_bus other;
        struct bus *bus;
        unsigned calls;
        char method[32];
        char *arguments;
        struct bus_call *held; /* not answered yet */
        unsigned turns;        /* of the loop */
        ev_prepare turn;
        struct capture capture;
};

static void on_call(void *userdata, const char *method, struct bus_call *call) {
        struct fixture *f = userdata;

        f->calls++;
        (void) snprintf(f->method, sizeof(f->method), "%s", method);
        assert_int_equal(
                str_replace(&f->arguments, json_object_to_json_string_ext(bus_call_arguments(call),
                                                                          JSON_C_TO_STRING_PLAIN)),
                0);
        assert_null(f->held);
        f->held = call;
}

static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        (void) loop;
        (void) revents;
        container_of(prepare, struct fixture, turn)->turns++;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        time_reset();
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        ev_prepare_init(&f->turn, on_turn);
        ev_prepare_start(f->loop, &f->turn);
        assert_int_equal(timers_new(f->loop, &f->timers), 0);
        fake_bus_open(&f->other, f->loop);
        assert_int_equal(bus_new(f->loop, f->timers, BUS_SYSTEM, &f->bus), 0);
        capture_begin(&f->capture);
        *state = f;
        return 0;
}

/* Gives what was logged; the caller frees it. */
static char *end(struct fixture *f) {
        bus_free(f->bus);
        f->bus = NULL;
        return capture_end(&f->capture);
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        if (f->bus)
                free(end(f));
        fake_bus_close(&f->other);
        timers_free(f->timers);
        ev_loop_destroy(f->loop);
        free(f->arguments);
        free(f);
        return 0;
}

static void start(struct fixture *f) {
        bus_start(f->bus, on_call, f);
        LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
}

static unsigned count(const char *text, const char *what) {
        unsigned n = 0;

        while ((text = strstr(text, what))) {
                text += strlen(what);
                n++;
        }
        return n;
}

static json_object *json(const char *text) {
        json_object *value = json_tokener_parse(text);

        assert_non_null(value);
        return value;
}

static json_object *make_page(unsigned n) {
        json_object *result = json_object_new_array(), *list = json_object_new_array();

        for (unsigned i = 0; i < n; i++)
                json_object_array_add(
                        list, json("{\"name\":\"photos\",\"state\":\"running\",\"polls\":5}"));
        json_object_array_add(result, list);
        json_object_array_add(result, json_object_new_string(""));
        return result;
}

static void test_names_of_buses(void **state) {
        enum bus_kind kind = BUS_NONE;

        (void) state;
        assert_int_equal(bus_kind_parse("system", &kind), 0);
        assert_int_equal(kind, BUS_SYSTEM);
        assert_int_equal(bus_kind_parse("session", &kind), 0);
        assert_int_equal(kind, BUS_SESSION);
        assert_int_equal(bus_kind_parse("none", &kind), 0);
        assert_int_equal(kind, BUS_NONE);
        assert_int_equal(bus_kind_parse("System", &kind), -EINVAL);
        assert_int_equal(bus_kind_parse("", &kind), -EINVAL);
}

static void test_a_call_is_answered_later(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "List", "a{sv}su", 1, "state", "s", "running", "", 5);
        LOOP_UNTIL(f->loop, f->calls == 1);
        assert_string_equal(f->method, "List");
        assert_string_equal(f->arguments, "[{\"state\":\"running\"},\"\",5]");
        loop_turn(f->loop);
        assert_int_equal(f->other.answers, 0);
        bus_call_reply(STEAL_PTR(f->held), make_page(3));
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_null(f->other.error);
        assert_int_equal(f->other.entries, 3);
}

static void test_a_call_without_an_answer_s_content(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "Poll", "s", "photos");
        LOOP_UNTIL(f->loop, f->calls == 1);
        bus_call_reply(STEAL_PTR(f->held), NULL);
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_null(f->other.error);
}

static void test_a_call_fails(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "Get", "s", "photos");
        LOOP_UNTIL(f->loop, f->calls == 1);
        bus_call_fail(STEAL_PTR(f->held), BUS_NOT_FOUND, "no task %s", "a\xef\xbf\xbf\xff");
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_string_equal(f->other.error, "org.koowatch1.Error.NotFound");
        assert_string_equal(f->other.message, "no task a\xef\xbf\xbd?");
}

/* As where memory is short, or the answer is not what the interface says. */
static void test_an_answer_that_cannot_be_written(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "Get", "s", "photos");
        LOOP_UNTIL(f->loop, f->calls == 1);
        bus_call_reply(STEAL_PTR(f->held), NULL);
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_string_equal(f->other.error, "org.koowatch1.Error.Unavailable");
}

static void test_an_answer_that_is_too_large(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "List", "a{sv}su", 0, "", 0);
        LOOP_UNTIL(f->loop, f->calls == 1);
        bus_call_reply(STEAL_PTR(f->held), make_page(200000));
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_string_equal(f->other.error, "org.koowatch1.Error.Unavailable");
        assert_non_null(strstr(f->other.message, "too large"));
        assert_true(bus_is_heard(f->bus));
}

static void test_arguments_of_another_type(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "Add", "sa{sv}", "photos", 1, "TaskId", "ai", 0);
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_string_equal(f->other.error, "org.koowatch1.Error.Invalid");
        assert_string_equal(f->other.message, "TaskId: unexpected type ai");
        assert_int_equal(f->calls, 0);
}

static void test_a_long_answer_lets_others_have_their_turn(void **state) {
        struct fixture *f = *state;
        unsigned before;

        start(f);
        fake_bus_call(&f->other, "List", "a{sv}su", 0, "", 0);
        LOOP_UNTIL(f->loop, f->calls == 1);
        before = f->turns;
        bus_call_reply(STEAL_PTR(f->held), make_page(50000));
        fake_bus_call(&f->other, "Poll", "s", "photos"); /* which waits for it */
        LOOP_UNTIL(f->loop, f->calls == 2);
        bus_call_reply(STEAL_PTR(f->held), NULL);
        LOOP_UNTIL(f->loop, f->other.answers >= 1);
        assert_int_equal(f->other.answers, 1);
        assert_int_equal(f->other.entries, 50000);
        assert_true(f->turns - before > 3);
        LOOP_UNTIL(f->loop, f->other.answers == 2);
}

static void test_the_bus_goes_while_an_answer_is_written(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "List", "a{sv}su", 0, "", 0);
        LOOP_UNTIL(f->loop, f->calls == 1);
        bus_call_reply(STEAL_PTR(f->held), make_page(50000));
        fake_bus_kill(&f->other);
        LOOP_UNTIL(f->loop, !bus_is_heard(f->bus));
}

static void test_the_daemon_ends_while_an_answer_is_written(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "List", "a{sv}su", 0, "", 0);
        LOOP_UNTIL(f->loop, f->calls == 1);
        bus_call_reply(STEAL_PTR(f->held), make_page(50000));
        free(end(f));
        loop_turn(f->loop);
        assert_int_equal(f->other.answers, 1); /* that there is nobody any more */
        assert_non_null(f->other.error);
}

static void test_the_bus_goes_before_the_answer(void **state) {
        struct fixture *f = *state;

        start(f);
        fake_bus_call(&f->other, "List", "a{sv}su", 0, "", 0);
        LOOP_UNTIL(f->loop, f->calls == 1);
        fake_bus_kill(&f->other);
        LOOP_UNTIL(f->loop, !bus_is_heard(f->bus));
        fake_bus_listen(&f->other);
        time_pass(f->timers, USEC_SEC);
        LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
        bus_call_reply(STEAL_PTR(f->held), make_page(1));
        loop_turn(f->loop);
        fake_bus_call(&f->other, "Poll", "s", "photos");
        LOOP_UNTIL(f->loop, f->calls == 2);
        bus_call_fail(STEAL_PTR(f->held), BUS_NOT_ALLOWED, "no");
        LOOP_UNTIL(f->loop, f->other.answers == 1);
        assert_string_equal(f->other.error, "org.koowatch1.Error.NotAllowed");
}

static void test_signals_are_sent_while_somebody_can_hear_them(void **state) {
        struct fixture *f = *state;

        assert_false(bus_is_heard(f->bus));
        bus_emit(f->bus, "TaskAdded", json("[{\"name\":\"too early\"}]"));
        start(f);
        bus_emit(f->bus, "TaskChanged", json("[{\"name\":\"photos\"}]"));
        LOOP_UNTIL(f->loop, f->other.signals == 1);
        assert_string_equal(f->other.last, "TaskChanged");
}

static void test_changed_properties_are_announced_once(void **state) {
        struct fixture *f = *state;

        bus_set_property(f->bus, "Version", json_object_new_string("1"));
        bus_set_property(f->bus, "Pending", json_object_new_int(1));
        start(f);
        loop_turn(f->loop);
        assert_int_equal(f->other.signals, 0);
        bus_set_property(f->bus, "Pending", json_object_new_int(2));
        bus_set_property(f->bus, "Pending", json_object_new_int(3));
        bus_set_property(f->bus, "Running", json_object_new_int(4));
        bus_set_property(f->bus, "Trouble", json("[\"late\"]"));
        LOOP_UNTIL(f->loop, f->other.signals == 1);
        assert_string_equal(f->other.changed, "Pending Running Trouble");
        bus_set_property(f->bus, "Pending", json_object_new_int(3));
        bus_set_property(f->bus, "Trouble", json("[\"late\"]"));
        bus_set_property(f->bus, "Running", NULL);
        loop_turn(f->loop);
        assert_int_equal(f->other.signals, 1);
}

static void test_properties_have_a_value_from_the_start(void **state) {
        static const char *const names[] = {"Version", "Pending", "BehindUsec", "Trouble"};
        struct fixture *f = *state;

        start(f);
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
                fake_bus_get(&f->other, names[i]);
                LOOP_UNTIL(f->loop, f->other.answers == i + 1);
                assert_null(f->other.error);
        }
}

static void test_a_bus_that_goes_comes_back(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *log = NULL;

        start(f);
        time_pass(f->timers, USEC_MINUTE);
        fake_bus_kill(&f->other);
        LOOP_UNTIL(f->loop, !bus_is_heard(f->bus));
        time_pass(f->timers, USEC_SEC); /* nobody listens */
        fake_bus_listen(&f->other);
        time_pass(f->timers, 2 * USEC_SEC - 1);
        loop_turn(f->loop);
        assert_int_equal(f->other.connections, 1);
        time_pass(f->timers, 1);
        LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
        assert_int_equal(f->other.connections, 2);
        log = end(f);
        assert_int_equal(count(log, "notice lost the system bus"), 1);
        assert_int_equal(count(log, "info on the system bus as org.koowatch1"), 2);
        assert_int_equal(count(log, "\n"), 3);
}

static void test_pauses_grow_to_a_minute(void **state) {
        static const unsigned pauses[] = {1, 2, 4, 8, 16, 32, 60, 60};
        struct fixture *f = *state;
        CLEANUP(freep) char *log = NULL;

        fake_bus_kill(&f->other);
        bus_start(f->bus, on_call, f);
        for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
                loop_turn(f->loop);
                assert_int_equal(time_next(f->timers) - clock_boot(), pauses[i] * USEC_SEC);
                time_pass(f->timers, pauses[i] * USEC_SEC);
        }
        log = end(f);
        assert_int_equal(count(log, "notice cannot reach the system bus (No such file or"), 1);
        assert_int_equal(count(log, "\n"), 1);
}

/* It is not at fault for what went before, unless it goes at once. */
static void test_a_connection_that_lasted_begins_with_a_second_again(void **state) {
        static const struct {
                usec_t lasts, pause;
        } rows[] = {{USEC_MINUTE, USEC_SEC}, {USEC_MINUTE - 1, 2 * USEC_SEC}};
        struct fixture *f = *state;

        start(f);
        fake_bus_kill(&f->other);
        LOOP_UNTIL(f->loop, !bus_is_heard(f->bus));
        assert_int_equal(time_next(f->timers) - clock_boot(), USEC_SEC);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                fake_bus_listen(&f->other);
                time_pass(f->timers, time_next(f->timers) - clock_boot());
                LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
                time_pass(f->timers, rows[i].lasts);
                fake_bus_kill(&f->other);
                LOOP_UNTIL(f->loop, !bus_is_heard(f->bus));
                assert_int_equal(time_next(f->timers) - clock_boot(), rows[i].pause);
        }
}

static void test_a_name_that_is_taken_is_asked_for_again(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *log = NULL;

        f->other.name = NAME_TAKEN;
        bus_start(f->bus, on_call, f);
        LOOP_UNTIL(f->loop, f->other.names == 1);
        loop_turn(f->loop);
        assert_false(bus_is_heard(f->bus));
        time_pass(f->timers, USEC_SEC);
        LOOP_UNTIL(f->loop, f->other.names == 2);
        loop_turn(f->loop);
        f->other.name = NAME_GIVEN;
        time_pass(f->timers, 2 * USEC_SEC);
        LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
        assert_int_equal(f->other.connections, 1);
        log = end(f);
        assert_int_equal(count(log, "notice cannot be org.koowatch1 on the system bus (somebody"),
                         1);
        assert_int_equal(count(log, "\n"), 2);
}

static void send_signal(struct fixture *f, unsigned number) {
        (void) number;
        bus_emit(f->bus, "TaskChanged", json("[{\"name\":\"photos\",\"progress\":5}]"));
}

static void send_change(struct fixture *f, unsigned number) {
        bus_set_property(f->bus, "Pending", json_object_new_int64(number));
        (void) ev_run(f->loop, EVRUN_NOWAIT);
}

static void test_a_bus_that_does_not_read_is_given_up(void **state) {
        static void (*const sends[])(struct fixture *, unsigned) = {send_signal, send_change};
        struct fixture *f = *state;
        CLEANUP(freep) char *log = NULL;
        unsigned sent;

        start(f);
        for (size_t i = 0; i < ARRAY_LEN(sends); i++) {
                bus_loop_free(STEAL_PTR(f->other.bus_loop)); /* it is there, and stands still */
                for (sent = 0; bus_is_heard(f->bus) && sent < 1000000; sent++)
                        sends[i](f, sent + 1);
                assert_in_range(sent, 10000, 100000);
                assert_int_equal(time_next(f->timers), clock_boot());
                time_pass(f->timers, 0); /* it ends, outside of whoever has sent that */
                fake_bus_kill(&f->other);
                fake_bus_listen(&f->other);
                time_pass(f->timers, time_next(f->timers) - clock_boot());
                LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
        }
        log = end(f);
        assert_int_equal(count(log, "notice gave up the system bus (it does not read"), 2);
        assert_int_equal(count(log, "\n"), 5);
}

static void test_a_signal_that_is_lost_ends_the_connection(void **state) {
        struct fixture *f = *state;

        start(f);
        bus_emit(f->bus, "TaskChanged", NULL);
        assert_false(bus_is_heard(f->bus));
        bus_emit(f->bus, "TaskChanged", json("[{\"name\":\"photos\"}]"));
        time_pass(f->timers, 0);
        LOOP_UNTIL(f->loop, !f->other.bus);
        time_pass(f->timers, USEC_SEC);
        LOOP_UNTIL(f->loop, bus_is_heard(f->bus));
        assert_int_equal(f->other.connections, 2);
        assert_int_equal(f->other.signals, 0);
}

static void test_none_is_never_opened(void **state) {
        struct fixture *f = *state;
        struct bus *none = NULL;

        assert_int_equal(bus_new(f->loop, f->timers, BUS_NONE, &none), 0);
        bus_start(none, on_call, f);
        bus_set_property(none, "Pending", json_object_new_int(1));
        bus_emit(none, "TaskAdded", json("[{\"name\":\"photos\"}]"));
        loop_turn(f->loop);
        assert_false(bus_is_heard(none));
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
        assert_int_equal(f->other.connections, 0);
        bus_free(none);
}

static void test_a_timer_that_cannot_be_opened(void **state) {
        struct fixture *f = *state;
        struct bus *bus = NULL;

        time_fail_next_open();
        assert_int_equal(bus_new(f->loop, f->timers, BUS_SYSTEM, &bus), -ENOMEM);
        assert_null(bus);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_of_buses),
                TEST(test_a_call_is_answered_later),
                TEST(test_a_call_without_an_answer_s_content),
                TEST(test_a_call_fails),
                TEST(test_an_answer_that_cannot_be_written),
                TEST(test_an_answer_that_is_too_large),
                TEST(test_arguments_of_another_type),
                TEST(test_a_long_answer_lets_others_have_their_turn),
                TEST(test_the_bus_goes_while_an_answer_is_written),
                TEST(test_the_daemon_ends_while_an_answer_is_written),
                TEST(test_the_bus_goes_before_the_answer),
                TEST(test_signals_are_sent_while_somebody_can_hear_them),
                TEST(test_changed_properties_are_announced_once),
                TEST(test_properties_have_a_value_from_the_start),
                TEST(test_a_bus_that_goes_comes_back),
                TEST(test_pauses_grow_to_a_minute),
                TEST(test_a_connection_that_lasted_begins_with_a_second_again),
                TEST(test_a_name_that_is_taken_is_asked_for_again),
                TEST(test_a_bus_that_does_not_read_is_given_up),
                TEST(test_a_signal_that_is_lost_ends_the_connection),
                TEST(test_none_is_never_opened),
                TEST(test_a_timer_that_cannot_be_opened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
