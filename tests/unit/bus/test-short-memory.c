/* D-Bus while memory is short: each allocation fails once, and whoever has called is answered. */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/bus/bus-arguments.h"
#include "koowatchd/bus/bus-call.h"
#include "koowatchd/bus/bus-json.h"
#include "koowatchd/bus/bus.h"
#include "unit/bus/bus-message.h"
#include "unit/bus/fake-bus.h"
#include "unit/capture.h"
#include "unit/fake-time.h"
#include "unit/loop-until.h"
#include "unit/short-memory.h"

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        (void) result;
        (void) error;
        assert_int_equal(str_replace(userdata, message), 0);
}

static int make_call(char **heard, struct bus_call **ret) {
        return bus_call_new(json_object_new_array(), on_answer, heard, ret);
}

static void test_a_call(void **state) {
        struct bus_call *call = NULL;
        CLEANUP(freep) char *heard = NULL;

        (void) state;
        assert_short_memory(make_call(&heard, &call), (void) 0);
        bus_call_reply(call, NULL);
        assert_int_equal(make_call(&heard, &call), 0);
        memory_fail(1);
        bus_call_fail(call, BUS_INVALID, "no");
        (void) memory_end();
        assert_string_equal(heard, "out of memory");
}

/* A message of its own each time: after an error it is good for nothing. */
static int write_values(sd_bus *bus, json_object *values) {
        sd_bus_message *message = message_new(bus);
        json_object *copy = NULL;
        int r;

        assert_int_equal(json_object_deep_copy(values, &copy, NULL), 0);
        r = bus_json_write(message, "a{sv}s", copy);
        json_object_put(copy);
        sd_bus_message_unref(message);
        return r;
}

static void test_values_are_written(void **state) {
        json_object *values = json_tokener_parse(
                "[{\"title\":\"\\uffff\",\"answer\":{\"msg\":\"\\uffff\"},\"list\":[{\"a\":1}]},\"\"]");
        sd_bus *bus = bus_of_nobody();

        (void) state;
        assert_short_memory(write_values(bus, values), (void) 0);
        json_object_put(values);
        (void) sd_bus_close_unref(bus);
}

static int read_values(sd_bus_message *message) {
        char fault[BUS_FAULT_MAX];
        json_object *arguments = NULL;
        int r;

        assert_true(sd_bus_message_rewind(message, true) >= 0);
        r = bus_arguments_read(message, &arguments, fault);
        json_object_put(arguments);
        return r;
}

static void test_values_are_read(void **state) {
        sd_bus *bus = bus_of_nobody();
        sd_bus_message *message = message_new(bus);

        (void) state;
        assert_true(sd_bus_message_append(message, "sa{sv}bd", "photos", 2, "Hook", "as", 1, "a",
                                          "Variables", "a{ss}", 1, "A", "1", 1, 0.5) >= 0);
        message_seal(message);
        assert_short_memory(read_values(message), (void) 0);
        sd_bus_message_unref(message);
        (void) sd_bus_close_unref(bus);
}

static void answer(void *userdata, const char *method, struct bus_call *call) {
        (void) userdata;
        (void) method;
        bus_call_reply(call, json_tokener_parse("[[{\"name\":\"photos\"}],\"\"]"));
}

static void ask_for_page(struct fake_bus *other) {
        fake_bus_call(other, "List", "a{sv}su", 1, "name", "s", "*", "", 0);
}

static void ask_for_property(struct fake_bus *other) {
        fake_bus_get(other, "Trouble");
}

/* Again and again, with another allocation that fails each time, until there is none left. */
static void ask_while_short(struct ev_loop *loop, struct fake_bus *other,
                            void (*ask)(struct fake_bus *other)) {
        bool is_over = false;

        for (unsigned n = 1; !is_over; n++) {
                const unsigned before = other->answers;

                memory_fail(n);
                ask(other);
                LOOP_UNTIL(loop, other->answers > before);
                is_over = !memory_end();
                assert_int_equal(other->error == NULL, is_over);
                assert_true(!is_over || n > 1);
        }
}

static void test_a_bus(void **state) {
        struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
        struct timers *timers = NULL;
        struct fake_bus other;
        struct bus *bus = NULL;
        struct capture capture;

        (void) state;
        assert_int_equal(timers_new(loop, &timers), 0);
        fake_bus_open(&other, loop);
        assert_short_memory(bus_new(loop, timers, BUS_SYSTEM, &bus), (void) 0);
        capture_begin(&capture);

        memory_fail(1); /* bus_loop's */
        bus_start(bus, answer, NULL);
        assert_true(memory_end());
        LOOP_UNTIL(loop, other.connections == 1 && !other.bus);
        time_pass(timers, USEC_SEC);
        LOOP_UNTIL(loop, bus_is_heard(bus));

        ask_while_short(loop, &other, ask_for_page);
        ask_while_short(loop, &other, ask_for_property);
        assert_true(bus_is_heard(bus));
        bus_free(bus);
        free(capture_end(&capture));
        fake_bus_close(&other);
        timers_free(timers);
        ev_loop_destroy(loop);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_call),
                cmocka_unit_test(test_values_are_written),
                cmocka_unit_test(test_values_are_read),
                cmocka_unit_test(test_a_bus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
