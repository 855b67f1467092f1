/* Events: which keys are there, and which are left out because nothing is known. */
#include <errno.h>

#include "common/json.h"
#include "koowatchd/report/event.h"
#include "unit/support.h"

#define ID "0123456789abcdef0123456789abcdef"
#define ANSWER "{\"jobInfo\":{\"taskId\":1689768877770401664},\"code\":0}"

static char url[] = "https://example.com/a.zip?b=c/d";

/* A task that says nothing but what it must. */
static const struct event_task plain = {
        .name = "photos",
        .account = "default",
        .task_id = "1689768877770401664",
        .share_id = "1689765568237837824",
        .registered = 1747708152 * USEC_SEC,
        .polls = 7,
        .detection_delay = -1,
};

/* The event's keys in their order, joined by blanks. */
static void assert_keys(json_object *event, const char *expected) {
        char keys[512] = "";
        size_t n = 0;

        json_object_object_foreach(event, key, value) {
                (void) value;
                n += (size_t) snprintf(keys + n, sizeof(keys) - n, "%s%s", n ? " " : "", key);
        }
        assert_string_equal(keys, expected);
}

/* The value as JSON text. */
static void assert_value(json_object *event, const char *key, const char *expected) {
        json_object *value;

        if (!json_object_object_get_ex(event, key, &value))
                fail_msg("there is no %s", key);
        assert_string_equal(json_object_to_json_string_ext(
                                    value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                            expected);
}

static void assert_absent(json_object *event, const char *key) {
        if (json_object_object_get_ex(event, key, NULL))
                fail_msg("there is %s", key);
}

static json_object *event_of(const char *type, const struct event_task *task) {
        json_object *event = event_of_task(type, ID, task);

        assert_non_null(event);
        return event;
}

static void test_everything(void **state) {
        static const char *const variables[] = {"Destination=/srv/packages", "Equation=x=y",
                                                "Empty=", NULL};
        struct koodrive_answer answer = {
                .status = KOODRIVE_STATUS_COMPLETED,
                .raw_status = 2,
                .result = KOODRIVE_RESULT_PARTIAL,
                .progress = 100,
                .json = json_tokener_parse(ANSWER),
        };
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *event = NULL;

        (void) state;
        task.file = "/etc/koowatch/tasks.d/photos.task";
        task.description = "all of 照片";
        task.hooks = "fetch-package 20-mail";
        task.run_on = "gpu disk-1";
        task.variables = variables;
        task.finished = task.registered + USEC_HOUR;
        task.type = 2;
        task.detection_delay = 2 * USEC_SEC + 1999;
        task.outcome = OUTCOME_COMPLETED;
        task.answer = &answer;
        task.download_url = url;
        event = event_of(EVENT_FINISHED, &task);
        koodrive_answer_clear(&answer);

        assert_keys(
                event,
                "schema event eventId attempt name account taskId shareId "
                "description outcome downloadUrl registeredAt finishedAt polls taskType detectionDelay file variables hooks "
                "runOn "
                "result taskResultCode taskStatus progress answer");
        assert_value(event, "schema", "1");
        assert_value(event, "event", "\"finished\"");
        assert_value(event, "eventId", "\"" ID "\"");
        assert_value(event, "attempt", "1");
        assert_value(event, "name", "\"photos\"");
        assert_value(event, "account", "\"default\"");
        assert_value(event, "taskId", "\"1689768877770401664\"");
        assert_value(event, "shareId", "\"1689765568237837824\"");
        assert_value(event, "description", "\"all of 照片\"");
        assert_value(event, "outcome", "\"completed\"");
        assert_value(event, "downloadUrl", "\"https://example.com/a.zip?b=c/d\"");
        assert_value(event, "registeredAt", "\"2025-05-20T02:29:12Z\"");
        assert_value(event, "finishedAt", "\"2025-05-20T03:29:12Z\"");
        assert_value(event, "polls", "7");
        assert_value(event, "taskType", "2");
        assert_value(event, "detectionDelay", "2.001");
        assert_value(event, "file", "\"/etc/koowatch/tasks.d/photos.task\"");
        assert_value(event, "variables",
                     "{\"Destination\":\"/srv/packages\","
                     "\"Equation\":\"x=y\",\"Empty\":\"\"}");
        assert_value(event, "hooks", "[\"fetch-package\",\"20-mail\"]");
        assert_value(event, "runOn", "[\"gpu\",\"disk-1\"]");
        assert_value(event, "result", "\"partial\"");
        assert_value(event, "taskResultCode", "2");
        assert_value(event, "taskStatus", "2");
        assert_value(event, "progress", "100");
        assert_value(event, "answer", ANSWER);
}

static void test_at_least(void **state) {
        CLEANUP(json_object_putp) json_object *event = event_of(EVENT_STALLED, &plain);

        (void) state;
        assert_keys(event, "schema event eventId attempt name account taskId shareId registeredAt "
                           "polls variables hooks");
        assert_value(event, "event", "\"stalled\"");
        assert_value(event, "variables", "{}");
        assert_value(event, "hooks", "[]");
}

static void test_result_only_when_completed(void **state) {
        static const struct {
                enum outcome outcome;
                int status;
                enum koodrive_result result;
                const char *expected, *code; /* NULL: none */
        } cases[] = {
                {OUTCOME_COMPLETED, 2, KOODRIVE_RESULT_SUCCEEDED, "\"succeeded\"", "1"},
                {OUTCOME_COMPLETED, 2, KOODRIVE_RESULT_PARTIAL, "\"partial\"", "2"},
                {OUTCOME_COMPLETED, 2, KOODRIVE_RESULT_FAILED, "\"failed\"", "3"},
                {OUTCOME_COMPLETED, 2, KOODRIVE_RESULT_UNKNOWN, "\"unknown\"", NULL},
                {OUTCOME_CANCELED, 3, KOODRIVE_RESULT_FAILED, NULL, NULL},
                {OUTCOME_TIMEOUT, 1, KOODRIVE_RESULT_SUCCEEDED, NULL, NULL},
                {OUTCOME_NONE, 1, KOODRIVE_RESULT_SUCCEEDED, NULL, NULL},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct koodrive_answer answer = {
                        .status = (enum koodrive_status) cases[i].status,
                        .raw_status = cases[i].status,
                        .result = cases[i].result,
                        .progress = 40,
                };
                CLEANUP(freep) char *status = str_printf("%d", cases[i].status);
                struct event_task task = plain;
                CLEANUP(json_object_putp) json_object *event = NULL;

                task.outcome = cases[i].outcome;
                task.answer = &answer;
                event = event_of(EVENT_FINISHED, &task);
                if (cases[i].expected)
                        assert_value(event, "result", cases[i].expected);
                else
                        assert_absent(event, "result");
                if (cases[i].code)
                        assert_value(event, "taskResultCode", cases[i].code);
                else
                        assert_absent(event, "taskResultCode");
                assert_value(event, "taskStatus", status);
                assert_value(event, "progress", "40");
        }
}

static void test_outcomes(void **state) {
        static const struct {
                enum outcome outcome;
                const char *expected;
        } cases[] = {
                {OUTCOME_COMPLETED, "\"completed\""},
                {OUTCOME_CANCELED, "\"canceled\""},
                {OUTCOME_TIMEOUT, "\"timeout\""},
                {OUTCOME_REJECTED, "\"rejected\""},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct event_task task = plain;
                CLEANUP(json_object_putp) json_object *event = NULL;

                task.outcome = cases[i].outcome;
                event = event_of(EVENT_FINISHED, &task);
                assert_value(event, "outcome", cases[i].expected);
        }
}

/* What was said against it, and nothing of a state that the answer does not have. */
static void test_rejected(void **state) {
        struct koodrive_answer answer = {
                .disposition.class = KOODRIVE_REJECTED,
                .http_status = 400,
                .code = "13000309",
                .message = "resource not found",
                .why = "not found (HTTP 400, 13000309: resource not found)",
                .raw_status = 0,
                .progress = 0,
                .json = json_tokener_parse("{\"code\":13000309}"),
        };
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *event = NULL;

        (void) state;
        task.outcome = OUTCOME_REJECTED;
        task.finished = task.registered + USEC_HOUR;
        task.answer = &answer;
        event = event_of(EVENT_FINISHED, &task);
        koodrive_answer_clear(&answer);
        assert_keys(event, "schema event eventId attempt name account taskId shareId outcome "
                           "registeredAt finishedAt polls variables hooks httpStatus errorCode "
                           "errorMessage answer");
        assert_value(event, "httpStatus", "400");
        assert_value(event, "errorCode", "\"13000309\"");
        assert_value(event, "errorMessage", "\"resource not found\"");
        assert_value(event, "answer", "{\"code\":13000309}");
}

/* Something in front of KooDrive has refused it: no code, no text of KooDrive's, no JSON. */
static void test_rejected_without_a_word(void **state) {
        const struct koodrive_answer answer = {.disposition.class = KOODRIVE_REJECTED,
                                               .why = "the request is too large (HTTP 413)"};
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *event = NULL;
        CLEANUP(json_object_putp) json_object *unanswered = NULL;

        (void) state;
        task.outcome = OUTCOME_REJECTED;
        unanswered = event_of(EVENT_FINISHED, &task);
        assert_absent(unanswered, "errorMessage");
        task.answer = &answer;
        event = event_of(EVENT_FINISHED, &task);
        assert_absent(event, "errorCode");
        assert_value(event, "errorMessage", "\"the request is too large (HTTP 413)\"");
        assert_absent(event, "answer");
        assert_absent(event, "taskStatus");
        assert_absent(event, "progress");
        assert_absent(event, "result");
}

/* A deadline that passes while the task is refused or cannot be read of: with what was said. */
static void test_timeout_of_a_refusal(void **state) {
        const struct koodrive_answer answer = {.disposition.class = KOODRIVE_TRANSIENT,
                                               .http_status = 500,
                                               .code = "13000201",
                                               .message = "inner server invoke failure",
                                               .progress = -1};
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *event = NULL;

        (void) state;
        task.outcome = OUTCOME_TIMEOUT;
        task.answer = &answer;
        event = event_of(EVENT_FINISHED, &task);
        assert_value(event, "outcome", "\"timeout\"");
        assert_value(event, "errorCode", "\"13000201\"");
        assert_value(event, "errorMessage", "\"inner server invoke failure\"");
        assert_absent(event, "taskStatus");
}

/* The error's members are those of a refusal alone. */
static void test_no_error_otherwise(void **state) {
        static const enum outcome outcomes[] = {OUTCOME_NONE, OUTCOME_COMPLETED, OUTCOME_CANCELED,
                                                OUTCOME_TIMEOUT};
        const struct koodrive_answer answer = {.code = "0", .message = "Success."};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
                struct event_task task = plain;
                CLEANUP(json_object_putp) json_object *event = NULL;

                task.outcome = outcomes[i];
                task.answer = &answer;
                event = event_of(EVENT_FINISHED, &task);
                assert_absent(event, "errorCode");
                assert_absent(event, "errorMessage");
        }
}

/* An undocumented status is a fact; one that was no number is none. */
static void test_unknown_is_left_out(void **state) {
        struct koodrive_answer answer = {
                .status = KOODRIVE_STATUS_UNKNOWN, .raw_status = 4, .progress = -1};
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *strange = NULL;
        CLEANUP(json_object_putp) json_object *none = NULL;

        (void) state;
        task.outcome = OUTCOME_TIMEOUT;
        task.answer = &answer;
        strange = event_of(EVENT_FINISHED, &task);
        assert_value(strange, "taskStatus", "4");
        assert_absent(strange, "progress");
        assert_absent(strange, "answer");

        answer.raw_status = -1;
        none = event_of(EVENT_FINISHED, &task);
        assert_absent(none, "taskStatus");
}

/* What hooks may have is the caller's decision, not the answer's. */
static void test_url_is_the_callers(void **state) {
        const struct koodrive_answer answer = {
                .status = KOODRIVE_STATUS_COMPLETED, .raw_status = 2, .download_url = url};
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *event = NULL;

        (void) state;
        task.outcome = OUTCOME_COMPLETED;
        task.answer = &answer;
        event = event_of(EVENT_FINISHED, &task);
        assert_absent(event, "downloadUrl");
}

static void test_account(void **state) {
        CLEANUP(json_object_putp)
        json_object *event = event_of_account(ID, "eu-1", "unauthorized", "refused \"401\"");
        CLEANUP(json_object_putp) json_object *plain_event = NULL;

        (void) state;
        assert_keys(event, "schema event eventId attempt name account accountState reason");
        assert_value(event, "event", "\"account\"");
        assert_value(event, "name", "\"eu-1\"");
        assert_value(event, "account", "\"eu-1\"");
        assert_value(event, "accountState", "\"unauthorized\"");
        assert_value(event, "reason", "\"refused \\\"401\\\"\"");

        plain_event = event_of_account(ID, "eu-1", "ok", NULL);
        assert_absent(plain_event, "reason");
}

static void test_members(void **state) {
        CLEANUP(json_object_putp) json_object *event = event_of(EVENT_STALLED, &plain);

        (void) state;
        assert_string_equal(event_string(event, "name"), "photos");
        assert_null(event_string(event, "polls"));
        assert_null(event_string(event, "nothing"));
        assert_int_equal(event_integer(event, "polls"), 7);
        assert_int_equal(event_integer(event, "name"), -1);
        assert_int_equal(event_integer(event, "nothing"), -1);
}

static void test_times(void **state) {
        static const char *const others[] = {"", "2025", "2025-05-20T02:29:12Z ", "soon"};
        struct event_task task = plain;
        CLEANUP(json_object_putp) json_object *event = NULL;

        (void) state;
        task.registered = 1747708152 * USEC_SEC;
        event = event_of(EVENT_STALLED, &task);
        assert_int_equal(event_time(event, "registeredAt"), task.registered);
        assert_int_equal(event_time(event, "finishedAt"), -1);
        assert_int_equal(event_time(event, "polls"), -1);
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                json_object_object_add(event, "other", json_object_new_string(others[i]));
                assert_int_equal(event_time(event, "other"), -1);
        }
}

static void test_what_is_no_event(void **state) {
        static const char *const texts[] = {"", "null", "1", "\"a\"", "[]", "[{}]", "{", "{]"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                json_object *event = NULL;

                assert_int_equal(event_parse(texts[i], &event), -EBADMSG);
                assert_null(event);
        }
}

static void expect_line(json_object *event, const struct event_attempt *attempt,
                        const char *expected) {
        CLEANUP(freep) char *line = event_line(event, attempt);

        assert_string_equal(line, expected);
}

/* Nothing of one attempt is left in the next. */
static void test_lines_of_attempts(void **state) {
        CLEANUP(json_object_putp) json_object *event = json_tokener_parse("{\"name\":\"a\"}");
        CLEANUP(json_object_putp) json_object *settled = json_tokener_parse("[\"x\"]");

        (void) state;
        expect_line(event,
                    &(struct event_attempt){
                            .number = 1, .node = "n", .fence = 1, .run_until = USEC_SEC},
                    "{\"name\":\"a\",\"attempt\":1,\"node\":\"n\",\"fence\":1,"
                    "\"runUntil\":1000000}\n");
        assert_keys(event, "name attempt node fence");
        expect_line(
                event,
                &(struct event_attempt){.number = 2, .settled = settled, .fence = INT64_C(1) << 40},
                "{\"name\":\"a\",\"attempt\":2,\"settled\":[\"x\"],\"fence\":1099511627776}\n");
        expect_line(event, &(struct event_attempt){.number = 3, .settled = settled},
                    "{\"name\":\"a\",\"attempt\":3,\"settled\":[\"x\"]}\n");
}

static void test_where_hooks_may_run(void **state) {
        static const struct {
                const char *event, *labels;
                bool expected;
        } cases[] = {
                {"{}", NULL, true},
                {"{}", "gpu", true},
                {"{\"runOn\":[]}", NULL, true},
                {"{\"runOn\":[\"gpu\"]}", NULL, false},
                {"{\"runOn\":[\"gpu\"]}", "gp gpus", false},
                {"{\"runOn\":[\"gpu\",\"disk\"]}", "gpu", false},
                {"{\"runOn\":[\"gpu\",\"disk\"]}", "disk eu gpu", true},
                {"{\"runOn\":\"gpu\"}", "gpu", false}, /* of a store that somebody has edited */
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(json_object_putp) json_object *event = json_tokener_parse(cases[i].event);

                assert_int_equal(event_runs_on(event, cases[i].labels), cases[i].expected);
        }
}

static void test_whether_hooks_are_named(void **state) {
        static const struct {
                const char *text;
                bool expected;
        } cases[] = {
                {"{}", false},
                {"{\"hooks\":[]}", false},
                {"{\"hooks\":[\"a\"]}", true},
                {"{\"hooks\":{\"a\":1}}", false}, /* of a store that somebody has edited */
                {"{\"hooks\":\"a\"}", false},
                {"{\"hooks\":null}", false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(json_object_putp) json_object *event = NULL;

                assert_int_equal(event_parse(cases[i].text, &event), 0);
                assert_non_null(event);
                assert_int_equal(event_names_hooks(event), cases[i].expected);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_at_least),
                cmocka_unit_test(test_result_only_when_completed),
                cmocka_unit_test(test_outcomes),
                cmocka_unit_test(test_rejected),
                cmocka_unit_test(test_rejected_without_a_word),
                cmocka_unit_test(test_timeout_of_a_refusal),
                cmocka_unit_test(test_no_error_otherwise),
                cmocka_unit_test(test_unknown_is_left_out),
                cmocka_unit_test(test_url_is_the_callers),
                cmocka_unit_test(test_account),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_what_is_no_event),
                cmocka_unit_test(test_lines_of_attempts),
                cmocka_unit_test(test_where_hooks_may_run),
                cmocka_unit_test(test_whether_hooks_are_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
