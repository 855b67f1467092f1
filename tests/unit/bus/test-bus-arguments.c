/* Messages into JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>

#include "koowatchd/bus/bus-arguments.h"
#include "unit/bus/bus-message.h"

struct fixture {
        sd_bus *bus;
        sd_bus_message *message;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->bus = bus_of_nobody();
        f->message = message_new(f->bus);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        sd_bus_message_unref(f->message);
        (void) sd_bus_close_unref(f->bus);
        free(f);
        return 0;
}

#define APPEND(state, ...) \
        assert_true(sd_bus_message_append(((struct fixture *) *(state))->message, __VA_ARGS__) >= 0)

static void check(struct fixture *f, const char *expected) {
        char fault[BUS_FAULT_MAX] = "?";
        json_object *arguments = NULL;

        message_seal(f->message);
        assert_int_equal(bus_arguments_read(f->message, &arguments, fault), 0);
        assert_string_equal(fault, "");
        assert_string_equal(json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN),
                            expected);
        json_object_put(arguments);
}

static void refuse(struct fixture *f, const char *expected) {
        char fault[BUS_FAULT_MAX] = "?";
        json_object *arguments = NULL;

        message_seal(f->message);
        assert_int_equal(bus_arguments_read(f->message, &arguments, fault), -EINVAL);
        assert_string_equal(fault, expected);
        assert_null(arguments);
}

static void test_there_are_none(void **state) {
        check(*state, "[]");
}

static void test_each_basic_type(void **state) {
        APPEND(state, "sogbynqiuxtd", "照片", "/a/b", "a{sv}", 1, 255, -1, 65535, -5, UINT32_MAX,
               INT64_MIN, UINT64_MAX, 0.5);
        check(*state, "[\"照片\",\"\\/a\\/b\",\"a{sv}\",true,255,-1,65535,-5,4294967295,"
                      "-9223372036854775808,18446744073709551615,0.5]");
}

static void test_a_page_is_asked_for(void **state) {
        APPEND(state, "a{sv}su", 2, "name", "s", "photo*", "failed", "b", 1, "cursor", 100);
        check(*state, "[{\"name\":\"photo*\",\"failed\":true},\"cursor\",100]");
}

static void test_settings_of_a_task(void **state) {
        APPEND(state, "sa{sv}", "photos", 4, "TaskId", "s", "1", "Hook", "as", 2, "a", "b",
               "Variables", "a{ss}", 2, "A", "1", "B", "", "None", "as", 0);
        check(*state, "[\"photos\",{\"TaskId\":\"1\",\"Hook\":[\"a\",\"b\"],"
                      "\"Variables\":{\"A\":\"1\",\"B\":\"\"},\"None\":[]}]");
}

static void test_the_last_of_a_key_wins(void **state) {
        APPEND(state, "a{sv}", 2, "a", "s", "1", "a", "x", INT64_C(2));
        check(*state, "[{\"a\":2}]");
}

static void test_an_array_of_numbers(void **state) {
        APPEND(state, "a{sv}", 1, "a", "ai", 1, 5);
        refuse(*state, "a: unexpected type ai");
}

static void test_a_dictionary_within(void **state) {
        APPEND(state, "a{sv}", 1, "a", "a{sv}", 1, "b", "s", "c");
        refuse(*state, "a: unexpected type a{sv}");
}

static void test_a_variant_of_a_variant(void **state) {
        APPEND(state, "a{sv}", 1, "a", "v", "v", "s", "c");
        refuse(*state, "a: unexpected type vv");
}

static void test_an_argument_that_no_method_has(void **state) {
        APPEND(state, "ay", 1, 5);
        refuse(*state, "an argument: unexpected type ay");
}

static void test_a_number_that_is_not_finite(void **state) {
        APPEND(state, "a{sv}", 1, "a", "d", (double) NAN);
        refuse(*state, "a number is not finite");
}

static void test_a_long_key_is_cut_in_the_fault(void **state) {
        char key[300], expected[BUS_FAULT_MAX];

        memset(key, 'k', sizeof(key) - 1);
        key[sizeof(key) - 1] = '\0';
        (void) snprintf(expected, sizeof(expected), "%.60s: unexpected type ai", key);
        APPEND(state, "a{sv}", 1, key, "ai", 0);
        refuse(*state, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_there_are_none),
                TEST(test_each_basic_type),
                TEST(test_a_page_is_asked_for),
                TEST(test_settings_of_a_task),
                TEST(test_the_last_of_a_key_wins),
                TEST(test_an_array_of_numbers),
                TEST(test_a_dictionary_within),
                TEST(test_a_variant_of_a_variant),
                TEST(test_an_argument_that_no_method_has),
                TEST(test_a_number_that_is_not_finite),
                TEST(test_a_long_key_is_cut_in_the_fault),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
