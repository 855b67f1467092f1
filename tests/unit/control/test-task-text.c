/* A task file from the settings of Add: what is read from it is what was meant, or it is refused.
 */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/control/task-text.h"
#include "koowatchd/task/task.h"
#include "unit/support.h"

struct made {
        int r;
        char *text, *fault;
        struct task *task;
};

static struct made make(const char *settings) {
        json_object *object = json_tokener_parse(settings);
        struct made made = {};

        assert_non_null(object);
        made.r = task_text_make(object, &made.text, &made.task, &made.fault);
        json_object_put(object);
        return made;
}

static void clear(struct made *made) {
        free(made->text);
        free(made->fault);
        task_free(made->task);
}

static void test_all_kinds_of_values(void **state) {
        struct made m = make("{\"TaskId\":\"11\",\"ShareId\":22,\"Description\":\"a=b # ; é\","
                             "\"Hook\":\"\",\"Variables\":{\"A\":\"1\",\"B\":\"\",\"C\":3}}");

        (void) state;
        assert_int_equal(m.r, 0);
        assert_string_equal(m.text, "[Task]\nTaskId=11\nShareId=22\nDescription=a=b # ; é\n"
                                    "\n[Variables]\nA=1\nC=3\n");
        assert_string_equal(m.task->description, "a=b # ; é");
        assert_string_equal(m.task->variables[0], "A=1");
        assert_string_equal(m.task->variables[1], "C=3");
        assert_null(m.task->variables[2]);
        clear(&m);
}

#define IDS "\"TaskId\":\"11\",\"ShareId\":\"22\""

static void test_what_is_refused(void **state) {
        static const struct {
                const char *settings, *fault;
        } cases[] = {
                {"{}", "TaskId= is missing in [Task]"},
                {"{" IDS ",\"taskid\":\"1\"}",
                 "settings: there is no such key, see koowatch.task(5)"},
                {"{" IDS ",\"Hook\\n[Variables]\\nA\":\"1\"}",
                 "settings: there is no such key, see koowatch.task(5)"},
                {"{" IDS ",\"Hook\":[\"a\"]}", "Hook: expected a string"},
                {"{" IDS ",\"Hook\":\"a\\u0000b\"}", "Hook: expected a string"},
                {"{" IDS ",\"Description\":\"a\\nb\"}",
                 "Description: a value is one line, without blanks around it or a backslash at its "
                 "end"},
                {"{" IDS ",\"Description\":\"a\\\\\"}",
                 "Description: a value is one line, without blanks around it or a backslash at its "
                 "end"},
                {"{" IDS ",\"Description\":\" a\"}",
                 "Description: a value is one line, without blanks around it or a backslash at its "
                 "end"},
                {"{" IDS ",\"Description\":\"a\\t\"}",
                 "Description: a value is one line, without blanks around it or a backslash at its "
                 "end"},
                {"{" IDS ",\"Variables\":\"A=1\"}", "Variables: expected a dictionary of strings"},
                {"{" IDS ",\"Variables\":{\"A B\":\"1\"}}",
                 "Variables: a name is a letter followed by letters, digits and _"},
                {"{" IDS ",\"Variables\":{\"A\":\"1\\n2\"}}",
                 "A: a value is one line, without blanks around it or a backslash at its end"},
                {"{" IDS ",\"Variables\":{\"A\":\"1\",\"a\":\"1\"}}",
                 "this variable's name differs from another one only in case; hooks cannot "
                 "distinguish them"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct made m = make(cases[i].settings);

                assert_int_equal(m.r, -EBADMSG);
                assert_string_equal(m.fault, cases[i].fault);
                assert_null(m.text);
                assert_null(m.task);
                clear(&m);
        }
}

static void test_what_is_too_large(void **state) {
        CLEANUP(freep) char *settings = calloc(1, TASK_FILE_MAX + 100);
        struct made m;
        int n;

        (void) state;
        assert_non_null(settings);
        n = snprintf(settings, 100, "{" IDS ",\"Description\":\"");
        memset(settings + n, 'a', TASK_FILE_MAX);
        (void) snprintf(settings + n + TASK_FILE_MAX, 8, "\"}");
        m = make(settings);
        assert_int_equal(m.r, -EBADMSG);
        assert_string_equal(m.fault, "settings: they are over 64 KiB");
        clear(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_kinds_of_values),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_what_is_too_large),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
