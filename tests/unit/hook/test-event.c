/* The event of a run: what is believed of it, and what hooks get to see. */
#include <errno.h>

#include "koowatch-hook/event.h"
#include "unit/hook/hook-support.h"

static void test_what_is_for_the_runner_is_taken_out(void **state) {
        CLEANUP(event_clear)
        struct event e =
                event_with(",\"hooks\":[\"fetch\"],\"settled\":[\"finished.d/10-a\",\"x\"],"
                           "\"runUntil\":9000000000,\"url\":\"a/b\"");

        (void) state;
        assert_true(e.run_until == INT64_C(9000000000));
        assert_string_equal(e.event, "finished");
        assert_string_equal(e.id, "id-1");
        assert_string_equal(e.name, "photos");
        assert_int_equal(json_object_array_length(e.hooks), 1);
        assert_int_equal(json_object_array_length(e.settled), 2);
        assert_int_equal(e.text_length, strlen("{" FACTS ",\"url\":\"a/b\"}\n"));
        assert_memory_equal(e.text, "{" FACTS ",\"url\":\"a/b\"}\n", e.text_length);
}

static void test_neither_list_need_be_there(void **state) {
        CLEANUP(event_clear) struct event e = event_with("");

        (void) state;
        assert_null(e.hooks);
        assert_null(e.settled);
        assert_int_equal(e.run_until, 0);
}

#define EVENT_OF(event, id, name) \
        "{\"event\":\"" event "\",\"eventId\":\"" id "\",\"name\":\"" name "\"}"

static void test_what_is_refused(void **state) {
        static const struct {
                const char *line, *why;
        } cases[] = {
                {"", "not one JSON object"},
                {"[]", "not one JSON object"},
                {"{" FACTS "} {}", "not one JSON object"},
                {"{" FACTS ",}", "not one JSON object"},
                {"{}", "event is missing"},
                {"{\"event\":1}", "event is missing"},
                {EVENT_OF("", "i", "n"), "event is missing"},
                {EVENT_OF("named", "i", "n"), "event is missing"}, /* the directory of others */
                {EVENT_OF("../etc", "i", "n"), "event is missing"},
                {EVENT_OF("Finished", "i", "n"), "event is missing"},
                {EVENT_OF("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "i", "n"), "event is missing"},
                {EVENT_OF("finished\\u0000", "i", "n"), "event is missing"},
                {EVENT_OF("finished", "", "n"), "eventId"},
                {EVENT_OF("finished", "a/b", "n"), "eventId"},
                {EVENT_OF("finished", "a.b", "n"), "eventId"},
                {EVENT_OF("finished", "a\\u0000", "n"), "eventId"},
                {EVENT_OF("finished", "i", ""), "name is missing"},
                {EVENT_OF("finished", "i", ".n"), "name is missing"},
                {EVENT_OF("finished", "i", "a b"), "name is missing"},
                {"{" FACTS ",\"hooks\":\"a\"}", "arrays of strings"},
                {"{" FACTS ",\"hooks\":[1]}", "arrays of strings"},
                {"{" FACTS ",\"settled\":{}}", "arrays of strings"},
                {"{" FACTS ",\"runUntil\":true}", "runUntil"},
                {"{" FACTS ",\"runUntil\":\"5\"}", "runUntil"},
                {"{" FACTS ",\"runUntil\":null}", "runUntil"},
                {"{" FACTS ",\"runUntil\":0}", "runUntil"},
                {"{" FACTS ",\"runUntil\":-1}", "runUntil"},
                {"{" FACTS ",\"settled\":[\"a\\u0000b\"]}", "arrays of strings"},
        };
        struct event untouched = {.id = "as before"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *why = "";

                assert_int_equal(
                        event_parse(cases[i].line, strlen(cases[i].line), &untouched, &why),
                        -EBADMSG);
                if (!strstr(why, cases[i].why))
                        fail_msg("%s: %s", cases[i].line, why);
                assert_string_equal(untouched.id, "as before");
        }
}

static void test_fields_of_a_log_entry(void **state) {
        CLEANUP(event_clear)
        struct event e = event_with(",\"account\":\"eu\",\"taskId\":\"t\",\"shareId\":\"s\"");
        CLEANUP(event_clear) struct event odd = event_with(",\"taskId\":\"t\",\"shareId\":5");
        static const struct log_field expected[] = {
                {"KOOWATCH_NAME", "photos"},   {"KOOWATCH_ACCOUNT", "eu"},
                {"KOOWATCH_EVENT_ID", "id-1"}, {"KOOWATCH_HOOK", "finished.d/a"},
                {"KOODRIVE_TASK_ID", "t"},     {"KOODRIVE_SHARE_ID", "s"},
        };
        struct log_fields fields = {};

        (void) state;
        event_log_fields(&e, "finished.d/a", &fields);
        assert_int_equal(fields.count, ARRAY_LEN(expected));
        for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                assert_string_equal(fields.list[i].name, expected[i].name);
                assert_string_equal(fields.list[i].value, expected[i].value);
        }
        fields = (struct log_fields){};
        event_log_fields(&odd, "finished.d/a", &fields);
        assert_int_equal(fields.count, 4); /* a shareId that is no string is left out */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_for_the_runner_is_taken_out),
                cmocka_unit_test(test_neither_list_need_be_there),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_fields_of_a_log_entry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
