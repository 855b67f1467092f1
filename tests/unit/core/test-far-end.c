/* A task that another node polls and has finished: what is said of it where its file lies. */
#include <errno.h>
#include <json-c/json.h>

#include "common/json.h"
#include "koowatchd/control/control-modules.h"
#include "koowatchd/control/control.h"
#include "koowatchd/membership.h"
#include "unit/core/fleet.h"

static struct fleet fleet;
static struct core *a, *b;
static struct control *control; /* of b */
static bool store_is_away;
static unsigned answers;
static char *said; /* the result as JSON, or the error's sentence */

static bool is_store_away(void *userdata) {
        (void) userdata;
        return store_is_away;
}

/* a polls. */
static int set_up(void **state) {
        (void) state;
        fleet_open(&fleet, 2);
        a = fleet.nodes[0];
        b = fleet.nodes[1];
        fleet_give(&fleet, a, "default");
        store_is_away = false;
        assert_int_equal(control_new(&(struct control_modules){.timers = b->timers,
                                                               .store = b->store,
                                                               .poller = b->poller,
                                                               .deliveries = b->deliveries,
                                                               .registry = b->registry,
                                                               .is_store_away = is_store_away},
                                     &control),
                         0);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        control_free(control);
        fleet_close(&fleet);
        free(said);
        said = NULL;
        return 0;
}

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        (void) userdata;
        answers++;
        assert_int_equal(str_replace(&said, error    ? message
                                            : result ? json_object_to_json_string_ext(
                                                               result, JSON_C_TO_STRING_PLAIN)
                                                     : "done"),
                         0);
}

static void ask(const char *method, const char *arguments) {
        struct bus_call *call = NULL;

        answers = 0;
        assert_int_equal(bus_call_new(json_tokener_parse(arguments), on_answer, NULL, &call), 0);
        control_call(control, method, call);
        for (unsigned i = 0; i < 20 && answers == 0; i++)
                fleet_pass(&fleet, USEC_MSEC);
        assert_int_equal(answers, 1);
}

static void assert_answer(const char *method, const char *arguments, const char *expected) {
        ask(method, arguments);
        if (!strstr(said, expected))
                fail_msg("%s %s: \"%s\" is not in %s", method, arguments, expected, said);
}

static void put(const char *directory, const char *name, const char *task_id) {
        core_put(b, directory, name, task_id);
        fleet_scan(&fleet, b);
}

/* The other node has not heard of it yet. */
static void put_anew(const char *directory, const char *name, const char *task_id) {
        core_put(b, directory, name, task_id);
        core_scan(b);
}

static void finish(const char *task_id) {
        fleet_answer(&fleet, a, task_id, 2);
        fleet_run_hooks(&fleet);
}

static void park(const char *task_id) {
        fleet_answer(&fleet, a, task_id, 2);
        while (a->parked == 0) {
                while (core_run_line(0))
                        core_end_run(HOOK_FAILED);
                fleet_pass(&fleet, USEC_MINUTE);
        }
}

#define PENDING "\"state\":\"pending\""
#define FINISHED "\"state\":\"finished\""

static void test_it_has_finished(void **state) {
        (void) state;
        put("low", "photos", "t1");
        assert_answer("Get", "[\"photos\"]", PENDING);
        assert_answer("Dismiss", "[\"photos\"]", "task photos has not finished");
        finish("t1");
        assert_answer("Get", "[\"photos\"]", FINISHED);
        assert_non_null(strstr(said, "\"outcome\":\"completed\""));
        assert_non_null(strstr(said, "\"file\":\"\\/"));
        assert_null(strstr(said, "\"reason\""));
        assert_answer("Poll", "[\"photos\"]", "task photos has finished");
        assert_answer("Dismiss", "[\"photos\"]", "has been delivered");
}

static void test_a_list_of_both_kinds(void **state) {
        (void) state;
        put("low", "a", "t1");
        put("low", "b", "t2");
        put("low", "c", "t3");
        finish("t1");
        finish("t3");
        assert_answer("List", "[{\"state\":\"pending\"},\"\",9]", "\"name\":\"b\"");
        assert_null(strstr(said, "\"name\":\"a\""));
        assert_answer("List", "[{\"state\":\"finished\"},\"\",1]", "\"name\":\"a\"");
        assert_null(strstr(said, "\"name\":\"c\""));
        assert_answer("List", "[{\"outcome\":\"completed\"},\"61\",9]", "\"name\":\"c\"");
        assert_null(strstr(said, "\"name\":\"b\""));
}

static void test_a_new_file_is_another_registration(void **state) {
        (void) state;
        put("state", "photos", "t1");
        fleet_answer(&fleet, a, "t1", 2);
        assert_answer("Get", "[\"photos\"]", FINISHED);
        put_anew("state", "photos", "t1");
        assert_answer("Get", "[\"photos\"]", PENDING);
}

/* Where files stay it has no effect. */
static void test_a_changed_file_that_stays(void **state) {
        (void) state;
        put("low", "photos", "t1");
        finish("t1");
        put_anew("low", "photos", "t1");
        assert_answer("Get", "[\"photos\"]", FINISHED);
}

static void test_a_file_that_was_gone(void **state) {
        (void) state;
        put("low", "photos", "t1");
        finish("t1");
        core_remove(b, "low", "photos");
        fleet_scan(&fleet, b);
        fleet_pass(&fleet, USEC_MINUTE);
        put_anew("low", "photos", "t1");
        assert_answer("Get", "[\"photos\"]", PENDING);
}

/* What is given up is corrected here; the file goes when that is delivered. */
static void test_it_was_given_up(void **state) {
        (void) state;
        put("state", "photos", "t1");
        park("t1");
        put("state", "photos", "t1");
        assert_answer("Get", "[\"photos\"]", "\"delivery\":\"parked\"");
        assert_answer("List", "[{\"delivery\":\"parked\"},\"\",9]", "\"name\":\"photos\"");
        assert_answer("Redeliver", "[\"photos\",{\"Reread\":true}]", "done");
        fleet_pass(&fleet, USEC_SEC);
        assert_ptr_equal(core_run_owner(0), b);
        fleet_run_hooks(&fleet);
        fleet_pass(&fleet, 32 * FLEET_LOOK);
        assert_false(core_has(b, "state", "photos"));
}

/* Nobody waits for it who wants to see what there is. */
static void test_the_store_is_away(void **state) {
        (void) state;
        put("low", "photos", "t1");
        finish("t1");
        store_is_away = true;
        assert_answer("Get", "[\"photos\"]", PENDING);
        assert_answer("List", "[{},\"\",9]", PENDING);
}

static void test_the_store_fails(void **state) {
        static const char *const calls[][2] = {
                {"Get", "[\"photos\"]"},
                {"List", "[{},\"\",9]"},
                {"Poll", "[\"photos\"]"},
                {"Redeliver", "[\"photos\",{}]"},
        };

        (void) state;
        put("low", "photos", "t1");
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                fake_store_fail_next(b->store, -EIO);
                assert_answer(calls[i][0], calls[i][1], strerror(EIO));
        }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_it_has_finished),
                TEST(test_a_list_of_both_kinds),
                TEST(test_a_new_file_is_another_registration),
                TEST(test_a_changed_file_that_stays),
                TEST(test_a_file_that_was_gone),
                TEST(test_it_was_given_up),
                TEST(test_the_store_is_away),
                TEST(test_the_store_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
