/* Which tasks and runs are wanted. */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/control/filter.h"
#include "koowatchd/task/task-facts.h"
#include "unit/support.h"

/* What is read borrows from it. */
static json_object *argument;

static int set_up(void **state) {
        (void) state;
        argument = NULL;
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        json_object_put(argument);
        return 0;
}

static struct filter read_as(const char *text,
                             int (*read)(json_object *, struct filter *, char **)) {
        struct filter filter;
        char *fault = NULL;

        json_object_put(argument);
        argument = json_tokener_parse(text);
        assert_int_equal(read(argument, &filter, &fault), 0);
        assert_null(fault);
        return filter;
}

static bool takes(const struct filter *filter, const char *view) {
        json_object *object = json_tokener_parse(view);
        bool is_taken = filter_takes(filter, object);

        assert_non_null(object);
        json_object_put(object);
        return is_taken;
}

static bool may_take(const char *filter_text, const char *name, const char *account,
                     enum task_shown state) {
        struct filter filter = read_as(filter_text, filter_read_list);
        const struct task_brief brief = {name, account, state, false};

        return filter_may_take(&filter, &brief);
}

static bool may_take_elsewhere(const char *filter_text) {
        struct filter filter = read_as(filter_text, filter_read_list);
        const struct task_brief brief = {"a", "b", TASK_PENDING, true};

        return filter_may_take(&filter, &brief);
}

static void test_what_another_node_polls_may_have_finished(void **state) {
        (void) state;
        assert_true(may_take_elsewhere("{\"state\":\"pending\"}"));
        assert_true(may_take_elsewhere("{\"state\":\"finished\"}"));
        assert_false(may_take_elsewhere("{\"state\":\"running\"}"));
        assert_true(may_take_elsewhere("{\"outcome\":\"timeout\"}"));
        assert_true(may_take_elsewhere("{\"delivery\":\"parked\"}"));
        assert_false(may_take_elsewhere("{\"account\":\"c\",\"state\":\"finished\"}"));
}

static void test_by_the_little_that_is_known(void **state) {
        (void) state;
        assert_true(may_take("{}", "a", NULL, TASK_INVALID));
        assert_true(may_take("{\"name\":\"p*s\"}", "photos", "default", TASK_PENDING));
        assert_false(may_take("{\"name\":\"p*t\"}", "photos", "default", TASK_PENDING));
        assert_true(may_take("{\"account\":\"b\"}", "a", "b", TASK_PENDING));
        assert_false(may_take("{\"account\":\"b\"}", "a", "c", TASK_PENDING));
        assert_false(may_take("{\"account\":\"b\"}", "a", NULL, TASK_INVALID));
        assert_true(may_take("{\"state\":\"running\"}", "a", "b", TASK_RUNNING));
        assert_false(may_take("{\"state\":\"running\"}", "a", "b", TASK_PENDING));
        /* These are known when the store was asked. */
        assert_true(may_take("{\"outcome\":\"timeout\"}", "a", "b", TASK_FINISHED));
        assert_false(may_take("{\"outcome\":\"timeout\"}", "a", "b", TASK_RUNNING));
        assert_true(may_take("{\"delivery\":\"parked\"}", "a", "b", TASK_FINISHED));
        assert_false(may_take("{\"delivery\":\"parked\"}", "a", "b", TASK_RUNNING));
        assert_true(may_take("{\"delivery\":\"none\"}", "a", "b", TASK_RUNNING));
}

#define VIEW                                                                                   \
        "{\"name\":\"photos\",\"account\":\"a\",\"state\":\"finished\",\"delivery\":\"none\"," \
        "\"outcome\":\"completed\",\"result\":\"partial\",\"eventId\":\"e1\","                 \
        "\"finishedAt\":\"2025-05-20T02:29:12Z\"}"

static void test_by_all_that_is_known(void **state) {
        static const struct {
                const char *filter;
                bool is_taken;
        } cases[] = {
                {"{}", true},
                {"{\"name\":\"p*\"}", true},
                {"{\"name\":\"q*\"}", false},
                {"{\"account\":\"a\",\"outcome\":\"completed\"}", true},
                {"{\"account\":\"a\",\"outcome\":\"canceled\"}", false},
                {"{\"account\":\"b\"}", false},
                {"{\"result\":\"partial\"}", true},
                {"{\"result\":\"failed\"}", false},
                {"{\"failed\":true}", true},
                {"{\"failed\":false}", false},
                {"{\"eventId\":\"e1\"}", true},
                {"{\"eventId\":\"e2\"}", false},
                {"{\"since\":\"2025-05-20T02:29:12Z\"}", true},
                {"{\"since\":\"2025-05-20T02:29:13Z\"}", false},
                {"{\"until\":\"2025-05-20T02:29:12Z\"}", true},
                {"{\"until\":\"2025-05-20T02:29:11Z\"}", false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct filter filter = read_as(cases[i].filter, filter_read_history);

                assert_int_equal(takes(&filter, VIEW), cases[i].is_taken);
        }
}

static void test_of_a_list(void **state) {
        struct filter filter =
                read_as("{\"state\":\"finished\",\"delivery\":\"none\"}", filter_read_list);

        (void) state;
        assert_true(takes(&filter, VIEW));
        assert_false(takes(&filter, "{\"name\":\"a\"}"));
        filter = read_as("{\"name\":\"a\"}", filter_read_list);
        assert_false(takes(&filter, "{}"));
}

static void test_what_has_succeeded_has_not_failed(void **state) {
        struct filter filter = read_as("{\"failed\":false}", filter_read_history);

        (void) state;
        assert_true(takes(&filter, "{\"outcome\":\"completed\",\"result\":\"succeeded\"}"));
        assert_false(takes(&filter, "{\"outcome\":\"completed\",\"result\":\"unknown\"}"));
        assert_false(takes(&filter, "{\"outcome\":\"timeout\"}"));
}

static void assert_fault(int (*read)(json_object *, struct filter *, char **), const char *text,
                         const char *expected) {
        struct filter filter;
        CLEANUP(freep) char *fault = NULL;

        json_object_put(argument);
        argument = json_tokener_parse(text);
        assert_int_equal(read(argument, &filter, &fault), -EINVAL);
        assert_string_equal(fault, expected);
}

static void test_what_is_refused(void **state) {
        (void) state;
        assert_fault(filter_read_list, "{\"color\":\"red\"}", "there is no filter of that name");
        assert_fault(filter_read_list, "{\"failed\":true}", "there is no filter of that name");
        assert_fault(filter_read_history, "{\"state\":\"finished\"}",
                     "there is no filter of that name");
        assert_fault(filter_read_list, "{\"name\":5}", "filter name: expected a string");
        assert_fault(filter_read_list, "{\"state\":\"asleep\"}",
                     "filter state: expected pending, running, finished or invalid");
        assert_fault(filter_read_history, "{\"failed\":\"yes\"}",
                     "filter failed: expected a boolean");
        assert_fault(filter_read_history, "{\"since\":\"yesterday\"}",
                     "filter since: expected a time in UTC like 2025-05-20T02:29:12Z");
        assert_fault(filter_read_history, "{\"since\":5}",
                     "filter since: expected a time in UTC like 2025-05-20T02:29:12Z");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_by_the_little_that_is_known),
                TEST(test_what_another_node_polls_may_have_finished),
                TEST(test_by_all_that_is_known),
                TEST(test_of_a_list),
                TEST(test_what_has_succeeded_has_not_failed),
                TEST(test_what_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
