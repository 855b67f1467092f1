/* Control while memory is short for a moment: each allocation of a call fails once. */
#include <json-c/json.h>

#include "koowatchd/control/control.h"
#include "unit/core-fixture.h"
#include "unit/short-memory.h"

#define SEC USEC_SEC

static struct {
        unsigned answers;
        bool has_failed;
        char message[128];
} heard;

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        (void) userdata;
        (void) result;
        heard.answers++;
        heard.has_failed = error;
        (void) snprintf(heard.message, sizeof(heard.message), "%s", message ? message : "");
}

static struct control *control_of(const struct core *c) {
        CLEANUP(freep) char *directory = str_printf("%s/state", c->directory);
        struct control *control = NULL;

        assert_int_equal(control_new(&(struct control_modules){.timers = c->timers,
                                                               .store = c->store,
                                                               .poller = c->poller,
                                                               .deliveries = c->deliveries,
                                                               .registry = c->registry},
                                     &control),
                         0);
        assert_int_equal(control_set_directories(control, directory, directory), 0);
        return control;
}

/* A task that is watched, one that has finished, and one whose delivery was given up. */
static struct core *make_core(void) {
        struct core *c = core_new();

        fake_store_set_immediate(c->store, true);
        core_start(c);
        core_put_text(c, "low", "watched", "[Task]\nTaskId=t1\nShareId=7\n[Variables]\nA=1\n");
        core_put_text(c, "low", "invalid", "[Task]\n");
        core_put(c, "low", "done", "t2");
        core_put(c, "state", "parked", "t3");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t2", 2);
        core_end_run(HOOK_DONE);
        core_answer_text(c, "t1",
                         "{\"code\":0,\"jobInfo\":{\"taskId\":\"t1\",\"taskStatus\":1,"
                         "\"progress\":7}}");
        core_answer(c, "t3", 2);
        for (unsigned i = 0; i < 3; i++) {
                core_pass(c, 100 * SEC);
                core_end_hook("finished.d/good", HOOK_DONE);
                core_end_run(HOOK_FAILED);
        }
        core_turn(c);
        return c;
}

/* Returns whether there was an allocation left to fail. Whoever has asked is answered, once. */
static bool tell(const char *method, const char *arguments, unsigned n) {
        json_object *list = json_tokener_parse(arguments);
        struct core *c = make_core();
        struct control *control = control_of(c);
        struct bus_call *call = NULL;
        bool has_failed;

        memset(&heard, 0, sizeof(heard));
        assert_int_equal(bus_call_new(list, on_answer, NULL, &call), 0);
        memory_fail(n);
        control_call(control, method, call);
        core_pass(c, SEC);
        has_failed = memory_end();
        if (core_is_asked(c, "t3")) /* for a fresh link */
                core_answer_text(c, "t3",
                                 "{\"code\":0,\"jobInfo\":{\"taskId\":\"t3\",\"taskStatus\":2,"
                                 "\"taskResultCode\":1,\"downloadUrl\":\"https://example.com\"}}");
        core_pass(c, 30 * SEC);
        assert_int_equal(heard.answers, 1);
        if (!has_failed && heard.has_failed)
                fail_msg("%s: %s", method, heard.message);
        control_free(control);
        core_free(c);
        return has_failed;
}

static void test_each_method(void **state) {
        static const struct {
                const char *method, *arguments;
        } cases[] = {
                {"List", "[{},\"\",0]"},
                {"List", "[{\"delivery\":\"parked\"},\"\",1]"},
                {"Get", "[\"watched\"]"},
                {"Get", "[\"invalid\"]"},
                {"Get", "[\"done\"]"},
                {"Get", "[\"parked\"]"},
                {"History", "[{\"failed\":false},\"\",1]"},
                {"Redeliver", "[\"parked\",{}]"},
                {"Redeliver", "[\"parked\",{\"Reread\":true}]"},
                {"Redeliver", "[\"parked\",{\"Ask\":true}]"},
                {"Dismiss", "[\"parked\"]"},
                {"Add", "[\"new\",{\"TaskId\":\"t9\",\"ShareId\":\"7\","
                        "\"Variables\":{\"A\":\"1\"}}]"},
                {"Remove", "[\"parked\"]"},
                {"Poll", "[\"watched\"]"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                for (unsigned n = 1; tell(cases[i].method, cases[i].arguments, n); n++)
                        ;
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_method)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
