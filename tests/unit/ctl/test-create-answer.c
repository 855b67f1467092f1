/* What KooDrive's create call answers. */
#include "koowatchctl/create-answer.h"
#include "unit/support.h"

static int read_answer(const char *text, char **ret_task, char **ret_share) {
        CLEANUP(failure_clear) struct failure failure = {};

        return create_answer_read(text, strlen(text), ret_task, ret_share, &failure);
}

static void assert_ids(const char *text, const char *task, const char *share) {
        CLEANUP(freep) char *task_id = NULL;
        CLEANUP(freep) char *share_id = NULL;

        assert_int_equal(read_answer(text, &task_id, &share_id), 0);
        if (task)
                assert_string_equal(task_id, task);
        else
                assert_null(task_id);
        if (share)
                assert_string_equal(share_id, share);
        else
                assert_null(share_id);
}

static void test_ids_are_found_wherever_they_are(void **state) {
        (void) state;
        assert_ids("{\"taskId\":\"11\",\"shareId\":\"22\"}", "11", "22");
        assert_ids("{\"code\":0,\"data\":{\"taskId\":\"11\"}}", "11", NULL);
        assert_ids("{\"taskId\":1689768877770401664}", "1689768877770401664", NULL);
        assert_ids("[[{\"taskInfo\":{\"taskId\":\"11\"}}]]", "11", NULL);
        assert_ids("{\"code\":13000309,\"msg\":\"no\"}", NULL, NULL);
        assert_ids("{\"taskId\":null,\"data\":{\"taskId\":\"11\"}}", "11", NULL);
        assert_ids("{\"taskId\":{\"taskId\":\"11\"}}", "11", NULL);
}

static void test_the_outermost_is_the_one(void **state) {
        (void) state;
        assert_ids("{\"old\":{\"taskId\":\"1\"},\"taskId\":\"2\"}", "2", NULL);
        assert_ids("{\"a\":{\"b\":{\"taskId\":\"1\"}},\"c\":{\"taskId\":\"2\"}}", "2", NULL);
}

static void test_what_is_no_json_is_said_to_be_none(void **state) {
        CLEANUP(failure_clear) struct failure failure = {};
        char *task_id = NULL, *share_id = NULL;

        (void) state;
        assert_int_equal(create_answer_read("<html>", 6, &task_id, &share_id, &failure), -1);
        assert_non_null(strstr(failure.text, "KooDrive's answer is no JSON: "));
        assert_true(failure_is(&failure, "Invalid"));
}

static void test_a_huge_answer_ends(void **state) {
        CLEANUP(freep) char *text = malloc(10000);
        size_t n = 0;

        (void) state;
        assert_non_null(text);
        text[n++] = '[';
        for (int i = 0; i < 2000; i++)
                n += (size_t) sprintf(text + n, "%s{}", i > 0 ? "," : "");
        (void) strcpy(text + n, "]");
        assert_ids(text, NULL, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids_are_found_wherever_they_are),
                cmocka_unit_test(test_the_outermost_is_the_one),
                cmocka_unit_test(test_what_is_no_json_is_said_to_be_none),
                cmocka_unit_test(test_a_huge_answer_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
