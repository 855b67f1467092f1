/* What is waited for, told what is read and signalled. */
#include <errno.h>

#include "common/json.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/wait-state.h"
#include "unit/support.h"

#define EARLY "'registeredAt':'2025-05-20T07:00:00Z'"
#define LATE "'registeredAt':'2025-05-20T08:00:00Z'"
#define DONE "'state':'finished','outcome':'completed','result':'succeeded'"

static const char *const names[] = {"a", "b", "c"};

struct stage {
        struct wait *wait;
        usec_t now;
        char changes[256]; /* "a:running a:ended(10) " */
};

static void on_change(void *userdata, const struct wait_task *task) {
        static const char *const phases[] = {"unread", "absent", "pending", "running", "ended"};
        struct stage *stage = userdata;
        size_t n = strlen(stage->changes);

        if (task->phase == WAIT_ENDED)
                (void) snprintf(stage->changes + n, sizeof(stage->changes) - n, "%s:%d ",
                                task->name, (int) task->code);
        else
                (void) snprintf(stage->changes + n, sizeof(stage->changes) - n, "%s:%s ",
                                task->name, phases[task->phase]);
}

static void stage_open(struct stage *stage, size_t n, struct wait_rules rules) {
        *stage = (struct stage){};
        if (rules.until == 0)
                rules.until = USEC_INFINITY;
        stage->wait = wait_new(names, n, &rules, on_change, stage);
        assert_non_null(stage->wait);
}

static void stage_clear(struct stage *stage) {
        wait_freep(&stage->wait);
}

/* JSON with ' for ", NULL for NULL. */
static json_object *parse(const char *text) {
        CLEANUP(freep) char *copy = text ? strdup(text) : NULL;

        for (char *c = copy; c && *c; c++)
                if (*c == '\'')
                        *c = '"';
        return copy ? json_tokener_parse(copy) : NULL;
}

static int read_task(struct stage *stage, size_t i, const char *task, const char *run) {
        CLEANUP(json_object_putp) json_object *entry = parse(task);
        CLEANUP(json_object_putp) json_object *past = parse(run);

        return wait_on_read(stage->wait, i, entry, past, stage->now);
}

static void get(struct stage *stage, size_t i, const char *task) {
        assert_int_equal(read_task(stage, i, task, NULL), 0);
}

static void gone(struct stage *stage, size_t i, const char *run) {
        assert_int_equal(read_task(stage, i, NULL, run), 0);
}

static void tell(struct stage *stage, const char *member, const char *entry) {
        CLEANUP(json_object_putp) json_object *object = parse(entry);

        wait_on_signal(stage->wait, member, object);
}

static void assert_changes(struct stage *stage, const char *expected) {
        assert_string_equal(stage->changes, expected);
        stage->changes[0] = '\0';
}

static void assert_over(struct stage *stage, int expected) {
        enum wait_code code;

        assert_true(wait_is_over(stage->wait, 0, &code));
        assert_int_equal(code, expected);
}

static void assert_goes_on(struct stage *stage) {
        enum wait_code code;

        assert_false(wait_is_over(stage->wait, 0, &code));
}

static void test_a_task_runs_and_ends(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){});
        assert_int_equal(wait_to_read(s.wait, 0), 0);
        get(&s, 0, "{'state':'pending'}");
        assert_int_equal(wait_to_read(s.wait, 0), -1);
        assert_goes_on(&s);
        tell(&s, "TaskChanged", "{'name':'b','state':'running'}"); /* another one's */
        tell(&s, "TaskChanged", "{'name':'a','state':'running','progress':4}");
        tell(&s, "TaskChanged", "{'name':'a','state':'running','progress':9}");
        assert_int_equal(task_number(wait_task(s.wait, 0)->entry, "progress"), 9);
        assert_changes(&s, "a:pending a:running ");
        assert_goes_on(&s);
        tell(&s, "TaskFinished", "{'name':'a'," DONE "}");
        tell(&s, "TaskRemoved", "{'name':'a'}"); /* its file, when the hooks have run */
        assert_int_equal(wait_to_read(s.wait, 0), -1);
        assert_changes(&s, "a:0 ");
        assert_over(&s, WAIT_SUCCEEDED);
}

static void test_each_end_has_its_code(void **state) {
        static const struct {
                const char *entry;
                int code;
        } cases[] = {
                {"{'state':'finished','outcome':'completed','result':'succeeded'}", 0},
                {"{'state':'finished','outcome':'completed','result':'partial'}", 10},
                {"{'state':'finished','outcome':'completed','result':'failed'}", 11},
                {"{'state':'finished','outcome':'canceled'}", 12},
                {"{'state':'finished','outcome':'timeout'}", 13},
                {"{'state':'finished','outcome':'rejected'}", 14},
                {"{'state':'finished','outcome':'completed','result':'unknown'}", 15},
                {"{'state':'finished','outcome':'completed'}", 15},
                {"{'state':'invalid','reason':'no TaskId='}", 16},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(stage_clear) struct stage s;

                stage_open(&s, 1, (struct wait_rules){});
                get(&s, 0, cases[i].entry);
                assert_over(&s, cases[i].code);
        }
}

static void test_a_name_that_is_nowhere_is_a_mistake(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){});
        assert_int_equal(read_task(&s, 0, NULL, NULL), -ENOENT);
}

static void test_the_latest_run_counts_when_the_file_is_gone(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){});
        gone(&s, 0, "{'state':'finished','outcome':'canceled'}");
        assert_over(&s, WAIT_CANCELED);
}

static void test_a_removed_task_has_no_outcome(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){});
        get(&s, 0, "{'state':'running'," LATE "}");
        tell(&s, "TaskRemoved", "{'name':'a'}");
        assert_goes_on(&s); /* until it has been looked at */
        assert_int_equal(wait_to_read(s.wait, 0), 0);
        gone(&s, 0, "{" DONE "," EARLY "}"); /* an earlier run of the name */
        assert_string_equal(wait_task(s.wait, 0)->why, "removed");
        assert_over(&s, WAIT_NO_OUTCOME);
}

static void test_a_restart_is_sat_out(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 2, (struct wait_rules){});
        get(&s, 0, "{'state':'running'," LATE "}");
        get(&s, 1, "{'state':'running'," LATE "}");
        wait_on_daemon(s.wait);
        assert_int_equal(wait_to_read(s.wait, 0), 0);
        gone(&s, 0, "{'state':'finished','outcome':'completed','result':'partial'," LATE "}");
        assert_int_equal(wait_to_read(s.wait, 0), 1);
        get(&s, 1, "{'state':'running'," LATE "}");
        assert_changes(&s, "a:running b:running a:10 ");
        assert_goes_on(&s);
        wait_on_stopped(s.wait);
        assert_string_equal(wait_task(s.wait, 1)->why, "koowatchd was stopped");
        assert_over(&s, WAIT_NO_OUTCOME);
}

static void test_create_waits_for_what_is_not_there(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){.create = true});
        gone(&s, 0, NULL);
        assert_goes_on(&s);
        tell(&s, "TaskAdded", "{'name':'a','state':'pending'}");
        assert_int_equal(wait_to_read(s.wait, 0), 0);
        get(&s, 0, "{'state':'pending'}");
        assert_changes(&s, "a:absent a:pending ");
}

static void test_create_ignores_runs_of_before(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){.create = true});
        get(&s, 0, "{" DONE ",'eventId':'e1'}");
        assert_goes_on(&s);
        wait_on_daemon(s.wait); /* still so after a restart, and when its file is gone */
        gone(&s, 0, "{" DONE ",'eventId':'e1'}");
        assert_goes_on(&s);
        wait_on_daemon(s.wait);
        gone(&s, 0, "{'state':'finished','outcome':'timeout','eventId':'e2'}");
        assert_over(&s, WAIT_TIMEOUT);
}

/* Its end would be that of another task. */
static void test_a_name_that_was_given_to_another_task(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 2, (struct wait_rules){});
        get(&s, 0, "{'state':'running','taskId':'1'}");
        get(&s, 1, "{'state':'running','taskId':'1'}");
        tell(&s, "TaskRemoved", "{'name':'a'}");
        get(&s, 0, "{'state':'pending','taskId':'2'}");
        get(&s, 1, "{'taskId':'2'," DONE "}");
        assert_over(&s, WAIT_NO_OUTCOME);
        assert_string_equal(wait_task(s.wait, 0)->why, "removed");
        assert_string_equal(wait_task(s.wait, 1)->why, "removed");
}

static void test_create_sees_an_end_between_subscription_and_reading(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){.create = true});
        get(&s, 0, "{" DONE ",'eventId':'e1'}");
        tell(&s, "TaskFinished", "{'name':'a'," DONE "}");
        assert_over(&s, WAIT_SUCCEEDED);
}

static void test_all_has_the_highest_and_any_the_first(void **state) {
        CLEANUP(stage_clear) struct stage s;
        CLEANUP(stage_clear) struct stage any;

        (void) state;
        stage_open(&s, 3, (struct wait_rules){});
        stage_open(&any, 3, (struct wait_rules){.any = true});
        get(&s, 2, "{'state':'finished','outcome':'timeout'}");
        get(&any, 2, "{'state':'finished','outcome':'completed','result':'partial'}");
        get(&any, 1, "{'state':'finished','outcome':'timeout'}");
        get(&s, 1, "{" DONE "}");
        assert_goes_on(&s);
        assert_over(&any, WAIT_PARTIAL);
        get(&s, 0, "{'state':'finished','outcome':'canceled'}");
        assert_over(&s, WAIT_TIMEOUT);
}

static void test_fail_fast_ends_with_the_first_that_is_no_success(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 3, (struct wait_rules){.fail_fast = true});
        get(&s, 0, "{" DONE "}");
        assert_goes_on(&s);
        get(&s, 1, "{'state':'finished','outcome':'completed','result':'failed'}");
        assert_over(&s, WAIT_FAILED);
}

static void test_a_timeout_gives_up(void **state) {
        CLEANUP(stage_clear) struct stage s;
        enum wait_code code;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){.until = 100});
        assert_false(wait_is_over(s.wait, 99, &code));
        assert_true(wait_is_over(s.wait, 100, &code));
        assert_int_equal(code, WAIT_GAVE_UP);
        get(&s, 0, "{" DONE "}"); /* an end that is there wins */
        assert_true(wait_is_over(s.wait, 100, &code));
        assert_int_equal(code, WAIT_SUCCEEDED);
}

static void test_an_invalid_edit_of_a_running_task_goes_on(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){});
        get(&s, 0, "{'state':'running'}");
        tell(&s, "TaskChanged", "{'name':'a','state':'invalid'}");
        assert_int_equal(wait_to_read(s.wait, 0), 0); /* a signal alone is not believed */
        get(&s, 0, "{'state':'running','reason':'a.task:3: ...'}");
        assert_goes_on(&s);
        assert_changes(&s, "a:running ");
}

/* Nothing is signalled of it. */
static void test_what_another_node_polls_is_read_again(void **state) {
        CLEANUP(stage_clear) struct stage s;
        const usec_t second = USEC_SEC;

        (void) state;
        stage_open(&s, 3, (struct wait_rules){});
        s.now = 10 * second;
        get(&s, 0, "{'state':'running','polls':3}");
        get(&s, 1, "{'state':'pending','polls':0}");
        assert_true(wait_next_read(s.wait) == USEC_INFINITY);
        get(&s, 2, "{'state':'pending','node':'b','reason':'node b polls account default'}");
        assert_true(wait_next_read(s.wait) == 13 * second);
        assert_int_equal(wait_to_read(s.wait, 13 * second - 1), -1);
        assert_int_equal(wait_to_read(s.wait, 13 * second), 2);
        s.now = 14 * second;
        get(&s, 2, "{'state':'pending','reason':'no node polls account default'}");
        assert_true(wait_next_read(s.wait) == 17 * second);
        assert_null(json_object_object_get(wait_task(s.wait, 2)->entry, "node"));
        get(&s, 2, "{'node':'b'," DONE "}");
        assert_null(json_object_object_get(wait_task(s.wait, 2)->entry, "reason"));
        assert_true(wait_next_read(s.wait) == USEC_INFINITY);
        assert_changes(&s, "a:running b:pending c:pending c:0 ");
}

static void test_what_this_node_polls_now_is_signalled(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){});
        get(&s, 0, "{'state':'pending','node':'b'}");
        get(&s, 0, "{'state':'pending','polls':0}");
        assert_true(wait_next_read(s.wait) == USEC_INFINITY);
}

/* An earlier run that is ignored is one there as well, and what follows is not signalled. */
static void test_create_reads_what_another_node_polls(void **state) {
        CLEANUP(stage_clear) struct stage s;

        (void) state;
        stage_open(&s, 1, (struct wait_rules){.create = true});
        get(&s, 0, "{'node':'b','eventId':'e1'," DONE "}");
        assert_goes_on(&s);
        assert_true(wait_next_read(s.wait) == 3 * USEC_SEC);
        get(&s, 0, "{'node':'b','eventId':'e2'," DONE "}");
        assert_over(&s, WAIT_SUCCEEDED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_task_runs_and_ends),
                cmocka_unit_test(test_each_end_has_its_code),
                cmocka_unit_test(test_a_name_that_is_nowhere_is_a_mistake),
                cmocka_unit_test(test_the_latest_run_counts_when_the_file_is_gone),
                cmocka_unit_test(test_a_removed_task_has_no_outcome),
                cmocka_unit_test(test_a_name_that_was_given_to_another_task),
                cmocka_unit_test(test_a_restart_is_sat_out),
                cmocka_unit_test(test_create_waits_for_what_is_not_there),
                cmocka_unit_test(test_create_ignores_runs_of_before),
                cmocka_unit_test(test_create_sees_an_end_between_subscription_and_reading),
                cmocka_unit_test(test_all_has_the_highest_and_any_the_first),
                cmocka_unit_test(test_fail_fast_ends_with_the_first_that_is_no_success),
                cmocka_unit_test(test_a_timeout_gives_up),
                cmocka_unit_test(test_an_invalid_edit_of_a_running_task_goes_on),
                cmocka_unit_test(test_what_another_node_polls_is_read_again),
                cmocka_unit_test(test_what_this_node_polls_now_is_signalled),
                cmocka_unit_test(test_create_reads_what_another_node_polls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
