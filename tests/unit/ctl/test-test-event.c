/* What the hook runner is given to try hooks. */
#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/test-event.h"
#include "unit/support.h"

#define NOW "2025-05-20T10:00:00Z"

static void assert_event(const char *type, const char *task, const char *expected) {
        CLEANUP(json_object_putp) json_object *from = json_tokener_parse(task);
        CLEANUP(json_object_putp) json_object *event = NULL;

        event = streq(type, "account") ? test_event_of_account("id", from)
                                       : test_event_of_task(type, "id", from, NOW);
        assert_non_null(event);
        assert_string_equal(json_text(event, JSON_C_TO_STRING_PLAIN), expected);
}

static void test_a_real_outcome_is_kept(void **state) {
        (void) state;
        assert_event(
                "finished",
                "{\"name\":\"a\",\"state\":\"finished\",\"outcome\":\"canceled\","
                "\"taskType\":2,\"detectionDelay\":1.204,\"settings\":[],\"hooks\":[\"x\"],\"variables\":{\"To\":\"me\"}}",
                "{\"schema\":1,\"event\":\"finished\",\"eventId\":\"id\",\"attempt\":1,"
                "\"name\":\"a\",\"outcome\":\"canceled\",\"variables\":{\"To\":\"me\"},"
                "\"taskType\":2,\"detectionDelay\":1.204,\"hooks\":[\"x\"]}");
}

static void test_a_task_that_runs_is_made_out_to_have_succeeded(void **state) {
        (void) state;
        assert_event("finished", "{\"name\":\"a\",\"progress\":40,\"hooks\":\"x  y\"}",
                     "{\"schema\":1,\"event\":\"finished\",\"eventId\":\"id\",\"attempt\":1,"
                     "\"name\":\"a\",\"progress\":100,\"outcome\":\"completed\","
                     "\"result\":\"succeeded\",\"taskResultCode\":1,\"taskStatus\":2,"
                     "\"finishedAt\":\"" NOW "\",\"hooks\":[\"x\",\"y\"]}");
}

static void test_other_events_have_neither_outcome_nor_named_hooks(void **state) {
        (void) state;
        assert_event("stalled", "{\"name\":\"a\",\"progress\":40,\"hooks\":\"x\"}",
                     "{\"schema\":1,\"event\":\"stalled\",\"eventId\":\"id\",\"attempt\":1,"
                     "\"name\":\"a\",\"progress\":40}");
        assert_event("account", "{\"name\":\"default\",\"state\":\"ok\",\"tasks\":4}",
                     "{\"schema\":1,\"event\":\"account\",\"eventId\":\"id\",\"attempt\":1,"
                     "\"name\":\"default\",\"account\":\"default\",\"accountState\":\"ok\"}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_real_outcome_is_kept),
                cmocka_unit_test(test_a_task_that_runs_is_made_out_to_have_succeeded),
                cmocka_unit_test(test_other_events_have_neither_outcome_nor_named_hooks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
