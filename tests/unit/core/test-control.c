/* What an administrator asks, with a store that answers when the test says so. */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/control/control.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC

struct fixture {
        struct core *core;
        struct control *control;
        unsigned answers, recounts;
        char *result, *error, *message;
};

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        struct fixture *f = userdata;
        const char *text =
                result ? json_object_to_json_string_ext(
                                 result, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                       : NULL;

        f->answers++;
        assert_int_equal(str_replace(&f->result, text), 0);
        assert_int_equal(str_replace(&f->error, error), 0);
        assert_int_equal(str_replace(&f->message, message), 0);
}

static void on_delivery(void *userdata) {
        ((struct fixture *) userdata)->recounts++;
}

/* For control, after each start of the core. */
static void open_control(struct fixture *f) {
        struct core *c = f->core;
        CLEANUP(freep)
        char *directories = str_printf("%s/high:%s/state", c->directory, c->directory);
        CLEANUP(freep) char *state_tasks = str_printf("%s/state", c->directory);

        assert_int_equal(control_new(&(struct control_modules){.timers = c->timers,
                                                               .store = c->store,
                                                               .poller = c->poller,
                                                               .deliveries = c->deliveries,
                                                               .registry = c->registry,
                                                               .on_delivery = {on_delivery, f}},
                                     &f->control),
                         0);
        assert_int_equal(control_set_directories(f->control, directories, state_tasks), 0);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        assert_int_equal(core_set_up((void **) &f->core), 0);
        open_control(f);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        control_free(f->control);
        core_free(f->core);
        free(f->result);
        free(f->error);
        free(f->message);
        free(f);
        return 0;
}

/* arguments: JSON. */
static void ask(struct fixture *f, const char *method, const char *arguments) {
        struct bus_call *call = NULL;

        f->answers = 0;
        assert_int_equal(bus_call_new(json_tokener_parse(arguments), on_answer, f, &call), 0);
        control_call(f->control, method, call);
}

/* What is to be answered in this turn, or in the next ones. */
static void ask_through(struct fixture *f, const char *method, const char *arguments) {
        ask(f, method, arguments);
        core_pass(f->core, 100 * USEC_MSEC);
        assert_int_equal(f->answers, 1);
}

static void assert_result(const struct fixture *f, const char *expected) {
        assert_int_equal(f->answers, 1);
        assert_null(f->message);
        assert_non_null(strstr(f->result, expected));
}

static void assert_error(const struct fixture *f, const char *error, const char *message) {
        assert_int_equal(f->answers, 1);
        assert_string_equal(f->error, error);
        assert_string_equal(f->message, message);
}

#define INVALID "org.koowatch1.Error.Invalid"
#define NOT_ALLOWED "org.koowatch1.Error.NotAllowed"
#define NOT_FOUND "org.koowatch1.Error.NotFound"
#define UNAVAILABLE "org.koowatch1.Error.Unavailable"
#define EXISTS "org.koowatch1.Error.Exists"

static void finish(struct core *c, const char *name, const char *task_id, enum hook_result result) {
        core_put(c, "state", name, task_id);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, task_id, 2);
        core_end_run(result);
        core_turn(c);
}

static void park(struct core *c, const char *name, const char *task_id) {
        finish(c, name, task_id, HOOK_FAILED);
        for (unsigned i = 0; i < 2; i++) {
                core_pass(c, 100 * SEC);
                core_end_run(HOOK_FAILED);
        }
        core_turn(c);
}

/* The names in a page of List, in their order. */
static void assert_names(const struct fixture *f, const char *expected) {
        json_object *result = json_tokener_parse(f->result);
        json_object *tasks = json_object_array_get_idx(result, 0);
        char text[256] = "";

        for (size_t i = 0; i < json_object_array_length(tasks); i++) {
                size_t n = strlen(text);

                (void) snprintf(text + n, sizeof(text) - n, "%s ",
                                json_object_get_string(json_object_object_get(
                                        json_object_array_get_idx(tasks, i), "name")));
        }
        (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "> %s",
                        json_object_get_string(json_object_array_get_idx(result, 1)));
        json_object_put(result);
        assert_string_equal(text, expected);
}

static void test_nothing_is_listed(void **state) {
        struct fixture *f = *state;

        ask_through(f, "List", "[{},\"\",0]");
        assert_string_equal(f->result, "[[],\"\"]");
        ask_through(f, "History", "[{},\"\",0]");
        assert_string_equal(f->result, "[[],\"\"]");
}

static void test_pages_of_a_list(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "high", "c", "t3");
        core_put(f->core, "low", "a", "t1");
        core_put(f->core, "low", "d", "t1"); /* a duplicate */
        core_put(f->core, "low", "b", "t2");
        core_put_text(f->core, "low", "e", "[Task]\n");
        core_scan(f->core);
        ask_through(f, "List", "[{},\"\",0]");
        assert_names(f, "a b c d e > ");
        ask_through(f, "List", "[{},\"\",2]");
        assert_names(f, "a b > 62");
        ask_through(f, "List", "[{},\"62\",2]");
        assert_names(f, "c d > 64");
        ask_through(f, "List", "[{},\"64\",2]");
        assert_names(f, "e > ");
        ask_through(f, "List", "[{},\"62\",3]");
        assert_names(f, "c d e > ");
        ask_through(f, "List", "[{\"state\":\"invalid\"},\"\",0]");
        assert_names(f, "d e > ");
        assert_result(f, "low/e.task: TaskId= is missing in [Task]");
        assert_result(f, "low/d.task: duplicate of ");
        ask_through(f, "List", "[{},\"2f\",0]");
        assert_error(f, INVALID, "the cursor is none that List returned");
}

/* Not all can be ruled out before the store is asked: the page is filled all the same. */
static void test_a_filter_that_leaves_many_out(void **state) {
        struct fixture *f = *state;

        for (char id[] = "a"; *id < 'g'; (*id)++)
                finish(f->core, id, id, HOOK_DONE);
        core_put(f->core, "state", "z", "tz");
        core_scan(f->core);
        core_pass(f->core, 3 * SEC);
        ask_through(f, "History", "[{},\"\",0]");
        assert_names(f, "f e d c b a > ");
        park(f->core, "y", "ty");
        park(f->core, "x", "tx");
        ask_through(f, "History", "[{},\"\",1]");
        assert_result(f, "\"reason\":\"finished.d/a was not run\"");
        ask_through(f, "List", "[{\"delivery\":\"parked\"},\"\",1]");
        assert_names(f, "x > 78");
        assert_result(f, "\"reason\":\"finished.d/a was not run\"");
        ask_through(f, "List", "[{\"delivery\":\"parked\"},\"78\",1]");
        assert_names(f, "y > ");
        ask_through(f, "List", "[{\"delivery\":\"none\"},\"\",5]");
        assert_names(f, "z > ");
}

/* One that has been listed by name may go before it is looked up. */
static void test_a_task_goes_meanwhile(void **state) {
        struct fixture *f = *state;

        park(f->core, "a", "t1");
        park(f->core, "b", "t2");
        fake_store_set_immediate(f->core->store, false);
        ask(f, "List", "[{},\"\",0]");
        core_pass(f->core, 100 * USEC_MSEC);
        assert_int_equal(f->answers, 0); /* the store has not answered */
        core_remove(f->core, "state", "b");
        registry_scan(f->core->registry);
        core_pass(f->core, SEC);
        fake_store_set_immediate(f->core->store, true);
        core_pass(f->core, SEC);
        assert_names(f, "a > ");
}

static void test_a_store_that_cannot_be_read(void **state) {
        static const struct {
                const char *method, *arguments;
        } cases[] = {
                {"List", "[{},\"\",0]"},       {"Get", "[\"one\"]"},
                {"Get", "[\"two\"]"},          {"History", "[{},\"\",0]"},
                {"Redeliver", "[\"one\",{}]"}, {"Redeliver", "[\"two\",{}]"},
                {"Dismiss", "[\"one\"]"},      {"Redeliver", "[\"one\",{\"Ask\":true}]"},
        };
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                fake_store_fail_next(f->core->store, -EIO);
                ask_through(f, cases[i].method, cases[i].arguments);
                assert_error(f, UNAVAILABLE, "Input/output error");
        }
}

static void on_step_fail(struct fixture *f, const char *method, const char *arguments,
                         unsigned steps) {
        fake_store_set_immediate(f->core->store, false);
        ask(f, method, arguments);
        for (unsigned i = 0; i < steps; i++) {
                core_pass(f->core, 100 * USEC_MSEC);
                assert_true(fake_store_step(f->core->store));
        }
        fake_store_fail_next(f->core->store, -EIO);
        fake_store_set_immediate(f->core->store, true);
        core_pass(f->core, 100 * USEC_MSEC);
        assert_error(f, UNAVAILABLE, "Input/output error");
}

static void test_a_store_that_fails_later(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        on_step_fail(f, "List", "[{},\"\",0]", 1);
        on_step_fail(f, "History", "[{},\"\",0]", 1);
        on_step_fail(f, "Get", "[\"one\"]", 1);
}

static void test_all_of_one_that_was_given_up(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "\"delivery\":\"parked\"");
        assert_result(f, "\"attempts\":3");
        assert_result(f, "\"reason\":\"finished.d/a was not run\"");
        assert_result(f, "\"runs\":[{\"hook\":\"finished.d/a\",\"attempt\":1,");
        assert_result(f, "state/one.task:2\"}");
}

static void test_one_that_waits_for_its_next_attempt(void **state) {
        struct fixture *f = *state;

        finish(f->core, "one", "t1", HOOK_LATER);
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "\"delivery\":\"waiting\"");
        assert_result(f, "\"nextAttemptAt\":\"");
        assert_result(f, "\"reason\":\"finished.d/a wants to run again\"");
}

/* That it has finished is about to be written. */
static void test_one_that_has_just_finished(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        core_pass(f->core, 3 * SEC);
        fake_store_set_immediate(f->core->store, false);
        core_answer(f->core, "t1", 2);
        ask(f, "Get", "[\"one\"]");
        while (fake_store_pending(f->core->store) > 1)
                assert_true(fake_store_step(f->core->store));
        fake_store_run(f->core->store);
        assert_result(f, "\"state\":\"finished\"");
        fake_store_set_immediate(f->core->store, true);
}

static void test_names_that_are_none(void **state) {
        static const char *const methods[] = {"Add",  "Dismiss",   "Get",
                                              "Poll", "Redeliver", "Remove"};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                ask_through(f, methods[i], "[\".hidden\",{}]");
                assert_error(f, INVALID,
                             "a task's name is 1 to 128 of A-Z a-z 0-9 . _ @ - without a leading "
                             "dot");
        }
        ask_through(f, "Fly", "[]");
        assert_error(f, UNAVAILABLE, "Fly is not there");
}

static void test_what_is_not_finished_is_not_delivered(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        ask_through(f, "Redeliver", "[\"one\",{}]");
        assert_error(f, NOT_ALLOWED, "task one has not finished");
        ask_through(f, "Redeliver", "[\"one\",{\"Reread\":5}]");
        assert_error(f, INVALID, "an option is no boolean");
        ask_through(f, "Dismiss", "[\"none\"]");
        assert_error(f, NOT_FOUND, "there is no task none");
}

static void test_an_order_is_answered_when_it_is_on_disk(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        fake_store_set_immediate(f->core->store, false);
        ask(f, "Dismiss", "[\"one\"]");
        fake_store_run(f->core->store);
        assert_int_equal(f->answers, 0);
        core_turn(f->core);
        assert_int_equal(f->answers, 0);
        fake_store_run(f->core->store);
        assert_int_equal(f->answers, 1);
        assert_null(f->error);
        assert_int_equal(f->recounts, 1);
        fake_store_set_immediate(f->core->store, true);
        ask_through(f, "Dismiss", "[\"one\"]");
        assert_error(f, NOT_ALLOWED, "the outcome of task one has been delivered");
}

static void test_a_delivery_that_runs_is_busy(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        core_pass(f->core, 3 * SEC);
        core_answer(f->core, "t1", 2);
        ask_through(f, "Redeliver", "[\"one\",{}]");
        assert_error(f, UNAVAILABLE,
                     "the hooks of task one are running; try again when they have ended");
}

static void test_reread(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        core_put_text(f->core, "state", "one", "[Task]\nTaskId=t1\nShareId=7\nHook=x\n");
        ask_through(f, "Redeliver", "[\"one\",{\"Reread\":true}]");
        assert_null(f->error);
        assert_non_null(strstr(core_run_line(0), "\"hooks\":[\"x\"]"));
        core_end_run(HOOK_DONE);
        core_turn(f->core);
        ask_through(f, "Redeliver", "[\"one\",{\"Reread\":true}]");
        assert_error(f, NOT_ALLOWED,
                     "the file of task one is gone: it can be delivered only as it was committed");
}

static void complete(struct core *c, const char *url) {
        char body[256];

        (void) snprintf(body, sizeof(body),
                        "{\"code\":0,\"jobInfo\":{\"taskId\":\"t1\",\"taskStatus\":2,"
                        "\"taskResultCode\":1%s%s%s}}",
                        url ? ",\"downloadUrl\":\"" : "", url ? url : "", url ? "\"" : "");
        core_answer_text(c, "t1", body);
}

static void test_a_fresh_link(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        ask(f, "Redeliver", "[\"one\",{\"Ask\":true}]");
        core_pass(f->core, SEC);
        assert_true(core_is_asked(f->core, "t1"));
        complete(f->core, "https://example.com/b");
        core_pass(f->core, SEC);
        assert_int_equal(f->answers, 1);
        assert_null(f->error);
        assert_non_null(strstr(core_run_line(0), "\"downloadUrl\":\"https://example.com/b\""));
}

static void ask_for_link(struct fixture *f) {
        ask(f, "Redeliver", "[\"one\",{\"Ask\":true}]");
        core_pass(f->core, SEC);
        assert_true(core_is_asked(f->core, "t1"));
}

static void test_no_fresh_link(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        ask_for_link(f);
        complete(f->core, NULL);
        core_pass(f->core, SEC);
        assert_error(f, UNAVAILABLE, "no fresh link for task one: KooDrive has sent no link");
        ask_for_link(f);
        complete(f->core, "http://example.com/b");
        core_pass(f->core, SEC);
        assert_string_equal(f->error, UNAVAILABLE);
        ask_for_link(f);
        core_refuse(f->core, "t1", "13000301");
        core_pass(f->core, SEC);
        assert_string_equal(f->error, UNAVAILABLE);
        ask_for_link(f);
        core_pass(f->core, 30 * SEC);
        assert_error(f, UNAVAILABLE,
                     "no fresh link for task one: KooDrive has not answered in 20 s; try again "
                     "later");
        core_pass(f->core, SEC);
        assert_false(core_is_asked(f->core, "t1"));
        assert_null(core_run_line(0));
}

static void test_add_and_remove(void **state) {
        struct fixture *f = *state;

        ask_through(f, "Add", "[\"one\",{\"TaskId\":\"t1\",\"ShareId\":\"7\"}]");
        assert_null(f->error);
        assert_true(core_has(f->core, "state", "one"));
        assert_int_equal(registry_count(f->core->registry).pending, 1);
        ask_through(f, "Add", "[\"one\",{\"TaskId\":\"t2\",\"ShareId\":\"7\"}]");
        assert_string_equal(f->error, EXISTS);
        ask_through(f, "Add", "[\"two\",{\"TaskId\":\"t1\",\"ShareId\":\"7\"}]");
        assert_error(f, EXISTS, "the task is registered already, as one");
        ask_through(f, "Add", "[\"two\",{\"TaskId\":\"t2\",\"ShareId\":\"7\",\"Account\":\"x\"}]");
        assert_error(f, INVALID, "[Account x] is not in the configuration: add it and reload");
        ask_through(f, "Remove", "[\"one\"]");
        assert_null(f->error);
        assert_false(core_has(f->core, "state", "one"));
        ask_through(f, "Remove", "[\"one\"]"); /* its watch has not ended yet */
        assert_error(f, NOT_FOUND, "the file of task one is gone already");
        core_pass(f->core, SEC);
        assert_null(core_row(f->core, "t1"));
        ask_through(f, "Remove", "[\"one\"]");
        assert_error(f, NOT_FOUND, "there is no task one");
}

static void test_what_is_not_removed(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "high", "one", "t1");
        core_put(f->core, "state", "two", "t2");
        core_scan(f->core);
        ask_through(f, "Remove", "[\"one\"]");
        assert_string_equal(f->error, NOT_ALLOWED);
        assert_true(core_has(f->core, "high", "one"));
        core_put(f->core, "state", "two", "t2"); /* another one, not read yet */
        ask_through(f, "Remove", "[\"two\"]");
        assert_string_equal(f->error, UNAVAILABLE);
        assert_true(core_has(f->core, "state", "two"));
}

/* The store has not said what it knows of it. */
static void test_a_task_that_is_looked_up(void **state) {
        struct fixture *f = *state;

        fake_store_set_immediate(f->core->store, false);
        core_put(f->core, "state", "one", "t1");
        registry_scan(f->core->registry);
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "\"state\":\"pending\"");
        ask_through(f, "Poll", "[\"one\"]");
        assert_string_equal(f->error, NOT_ALLOWED);
        fake_store_set_immediate(f->core->store, true);
}

/* Its file is gone for good; that is about to be written. */
static void test_a_task_that_is_about_to_go(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        core_remove(f->core, "state", "one");
        registry_scan(f->core->registry);
        fake_store_set_immediate(f->core->store, false);
        core_pass(f->core, SEC);
        ask_through(f, "List", "[{},\"\",0]");
        assert_names(f, "> ");
        ask_through(f, "Poll", "[\"one\"]");
        assert_error(f, NOT_FOUND, "no task one is watched");
        fake_store_set_immediate(f->core->store, true);
}

/* It is still watched, for a moment. */
static void test_a_task_whose_directory_is_not_read_any_more(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *high = str_printf("%s/high", f->core->directory);

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        assert_int_equal(registry_set_directories(f->core->registry, high, NULL), 0);
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "\"name\":\"one\"");
}

/* What is in its file cannot be told then. */
static void test_a_task_whose_directory_is_away(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *low = str_printf("%s/low", f->core->directory);
        CLEANUP(freep) char *away = str_printf("%s/away", f->core->directory);

        core_put(f->core, "low", "one", "t1");
        core_scan(f->core);
        assert_int_equal(rename(low, away), 0);
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "\"name\":\"one\"");
        assert_null(strstr(f->result, "one.task:"));
        assert_int_equal(rename(away, low), 0);
}

static void test_an_account_that_is_not_there(void **state) {
        struct fixture *f = *state;

        core_put_text(f->core, "low", "one", "[Task]\nTaskId=1\nShareId=7\nAccount=x\n");
        core_scan(f->core);
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "one.task: [Account x] is not in the configuration: add it and reload");
}

static void test_what_is_polled(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        core_pass(f->core, 3 * SEC);
        core_answer(f->core, "t1", 1);
        assert_false(core_is_asked(f->core, "t1"));
        ask_through(f, "Poll", "[\"one\"]");
        assert_null(f->error);
        assert_true(core_is_asked(f->core, "t1"));
        core_answer(f->core, "t1", 2);
        ask_through(f, "Poll", "[\"one\"]");
        assert_error(f, NOT_ALLOWED, "task one has finished");
}

/* A poll that has failed is why, as long as none succeeds. */
static void test_why_a_task_is_not_known(void **state) {
        struct fixture *f = *state;

        core_put(f->core, "state", "one", "t1");
        core_scan(f->core);
        core_pass(f->core, 3 * SEC);
        core_refuse(f->core, "t1", "13000301");
        ask_through(f, "Get", "[\"one\"]");
        assert_result(f, "\"reason\":\"");
        assert_result(f, "13000301");
        core_pass(f->core, 10 * SEC);
        core_answer(f->core, "t1", 1);
        ask_through(f, "Get", "[\"one\"]");
        assert_null(strstr(f->result, "reason"));
}

/* Whoever waits for an answer gets one when the daemon ends. */
static void test_the_end_answers_all(void **state) {
        struct fixture *f = *state;

        park(f->core, "one", "t1");
        fake_store_set_immediate(f->core->store, false);
        ask(f, "Get", "[\"one\"]");
        control_free(STEAL_PTR(f->control));
        assert_error(f, UNAVAILABLE, "koowatchd is stopping");
        fake_store_restart(f->core->store);
        fake_store_set_immediate(f->core->store, true);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_nothing_is_listed),
                TEST(test_pages_of_a_list),
                TEST(test_a_filter_that_leaves_many_out),
                TEST(test_a_task_goes_meanwhile),
                TEST(test_a_store_that_cannot_be_read),
                TEST(test_a_store_that_fails_later),
                TEST(test_all_of_one_that_was_given_up),
                TEST(test_one_that_waits_for_its_next_attempt),
                TEST(test_one_that_has_just_finished),
                TEST(test_names_that_are_none),
                TEST(test_what_is_not_finished_is_not_delivered),
                TEST(test_an_order_is_answered_when_it_is_on_disk),
                TEST(test_a_delivery_that_runs_is_busy),
                TEST(test_reread),
                TEST(test_a_fresh_link),
                TEST(test_no_fresh_link),
                TEST(test_add_and_remove),
                TEST(test_what_is_not_removed),
                TEST(test_a_task_that_is_looked_up),
                TEST(test_a_task_that_is_about_to_go),
                TEST(test_a_task_whose_directory_is_not_read_any_more),
                TEST(test_a_task_whose_directory_is_away),
                TEST(test_an_account_that_is_not_there),
                TEST(test_what_is_polled),
                TEST(test_why_a_task_is_not_known),
                TEST(test_the_end_answers_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
