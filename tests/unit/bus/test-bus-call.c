/* One call: what it holds, and each way to answer it. */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/bus/bus-call.h"
#include "unit/support.h"

struct heard {
        unsigned answers;
        char *result, *error, *message;
};

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        struct heard *h = userdata;

        h->answers++;
        assert_int_equal(str_replace(&h->result, result ? json_object_to_json_string_ext(
                                                                  result, JSON_C_TO_STRING_PLAIN)
                                                        : NULL),
                         0);
        assert_int_equal(str_replace(&h->error, error), 0);
        assert_int_equal(str_replace(&h->message, message), 0);
}

static struct bus_call *make(struct heard *h, const char *arguments) {
        struct bus_call *call = NULL;

        assert_int_equal(bus_call_new(json_tokener_parse(arguments), on_answer, h, &call), 0);
        return call;
}

static void end(struct heard *h) {
        assert_int_equal(h->answers, 1);
        free(h->result);
        free(h->error);
        free(h->message);
}

static void test_arguments_are_there_until_the_answer(void **state) {
        struct heard h = {0};
        struct bus_call *call = make(&h, "[\"photos\",{\"Ask\":true}]");

        (void) state;
        assert_string_equal(
                json_object_get_string(json_object_array_get_idx(bus_call_arguments(call), 0)),
                "photos");
        assert_int_equal(h.answers, 0);
        bus_call_reply(call, json_tokener_parse("[[{\"name\":\"photos\"}],\"\"]"));
        assert_string_equal(h.result, "[[{\"name\":\"photos\"}],\"\"]");
        assert_null(h.error);
        end(&h);
}

static void test_nothing_is_an_answer(void **state) {
        struct heard h = {0};

        (void) state;
        bus_call_reply(make(&h, "[]"), NULL);
        assert_null(h.result);
        assert_null(h.error);
        end(&h);
}

static void test_each_error_has_its_name_and_sentence(void **state) {
        static const char *const names[] = {
                [BUS_NOT_FOUND] = "NotFound",      [BUS_EXISTS] = "Exists",
                [BUS_INVALID] = "Invalid",         [BUS_NOT_ALLOWED] = "NotAllowed",
                [BUS_UNAVAILABLE] = "Unavailable",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(freep) char *name = str_printf("org.koowatch1.Error.%s", names[i]);
                struct heard h = {0};

                bus_call_fail(make(&h, "[]"), (enum bus_error) i, "no task %s", "photos");
                assert_null(h.result);
                assert_string_equal(h.error, name);
                assert_string_equal(h.message, "no task photos");
                end(&h);
        }
}

static void test_without_arguments_there_is_no_call(void **state) {
        struct heard h = {0};
        struct bus_call *call = NULL;

        (void) state;
        assert_int_equal(bus_call_new(NULL, on_answer, &h, &call), -ENOMEM);
        assert_null(call);
        assert_int_equal(h.answers, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_arguments_are_there_until_the_answer),
                cmocka_unit_test(test_nothing_is_an_answer),
                cmocka_unit_test(test_each_error_has_its_name_and_sentence),
                cmocka_unit_test(test_without_arguments_there_is_no_call),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
