/*
 * Task records: what is put in comes out again
 */
#include "koowatchd/store/store.h"
#include "koowatchd/task/task-record.h"
#include "unit/support.h"

/* The settings are read alone. */
#define TEXT(text) ((char *) (text))

static void same(const char *a, const char *b) {
        if (!a || !b)
                assert_ptr_equal(a, b);
        else
                assert_string_equal(a, b);
}

static void expect(const struct task_record *record, const struct task *task) {
        const char *variables[TASK_VARIABLES_MAX + 1];
        struct store_key key;
        struct task_view view;
        size_t i = 0;

        task_record_view(record, &view);
        assert_null(view.task_id);
        assert_null(view.share_id);
        task_view_ids(&view);
        assert_string_equal(view.task_id, task->task_id);
        assert_string_equal(view.share_id, task->share_id);
        assert_string_equal(view.account, task->account ? task->account : "default");
        same(view.kdstoken, task->kdstoken);
        same(view.kdstoken_file, task->kdstoken_file);
        same(view.hooks, task->hooks);
        same(view.run_on, task->run_on);
        same(view.description, task->description);
        assert_int_equal(view.timeout, task->timeout);
        assert_int_equal(view.interval_min, task->interval_min);
        assert_int_equal(view.interval_max, task->interval_max);
        assert_int_equal(view.expect, task->expect);
        task_view_variables(&view, variables);
        for (; task->variables && task->variables[i]; i++)
                assert_string_equal(variables[i], task->variables[i]);
        assert_null(variables[i]);

        key = (struct store_key){view.account, task->share_id, task->task_id};
        assert_true(task_record_has_key(record, &key));
        assert_true(task_record_key_hash(record) == task_key_hash(&key));
}

/* Any other text in the place of one in the key is another key. */
static void test_other_keys(void **state) {
        static const char *const ids[] = {"1", "01", "1a", "a", "18446744073709551616"};
        const struct task task = {.task_id = TEXT("1"), .share_id = TEXT("a")};
        CLEANUP(task_record_freep) struct task_record *record = task_record_new(&task);

        (void) state;
        assert_non_null(record);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
                for (size_t k = 0; k < ARRAY_LEN(ids); k++)
                        for (int other = 0; other < 2; other++) {
                                const struct task another = {
                                        .task_id = TEXT(ids[i]),
                                        .share_id = TEXT(ids[k]),
                                        .account = other ? TEXT("eu-1") : NULL,
                                };
                                const struct store_key key = {other ? "eu-1" : "default", ids[k],
                                                              ids[i]};
                                CLEANUP(task_record_freep)
                                struct task_record *b = task_record_new(&another);
                                bool is_same = streq(ids[i], "1") && streq(ids[k], "a") && !other;

                                assert_non_null(b);
                                assert_int_equal(task_record_has_key(record, &key), is_same);
                                assert_int_equal(task_records_are_same_task(record, b), is_same);
                        }
}

/* Each of the settings is there or not, in all combinations. */
static void test_all_settings(void **state) {
        char *variables[] = {TEXT("A=1"), TEXT("Nothing="), NULL};

        (void) state;
        for (unsigned set = 0; set < 1U << 12; set++) {
                const struct task task = {
                        .task_id = TEXT(set & 1 ? "1689768877770401664" : "a-task"),
                        .share_id = TEXT(set & 2 ? "17" : "_"),
                        .kdstoken = TEXT(set & 4 ? "secret" : NULL),
                        .kdstoken_file = TEXT(set & 8 ? "/file" : NULL),
                        .account = TEXT(set & 16 ? "eu-1" : NULL),
                        .hooks = TEXT(set & 32 ? "fetch-package mail" : NULL),
                        .description = TEXT(set & 64 ? "Fotos für Zoë" : NULL),
                        .variables = set & 128 ? variables : NULL,
                        .timeout = set & 256 ? USEC_INFINITY : 0,
                        .interval_min = set & 256 ? USEC_MSEC : 0,
                        .interval_max = set & 512 ? USEC_HOUR : 0,
                        .run_on = TEXT(set & 2048 ? "gpu" : NULL),
                        .expect = set & 1024 ? 20 * USEC_MINUTE : 0,
                };
                CLEANUP(task_record_freep) struct task_record *record = task_record_new(&task);

                assert_non_null(record);
                expect(record, &task);
        }
}

/* An id is a text, however much it may look like a number. */
static void test_ids(void **state) {
        static const char *const ids[] = {
                "0",
                "1",
                "9",
                "10",
                "99",
                "100",
                "1009",
                "1000000000000000000",
                "01",
                "00",
                "-1",
                "1-",
                "1_000",
                "1a",
                "9999999999999999999",
                "18446744073709551615",
                "18446744073709551616",
                "18446744073709551620",
                "99999999999999999999",
                "100000000000000000000",
                "018446744073709551615",
                "1234567890123456789012345678901234567890123456789012345678901234",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
                for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
                        const struct task task = {
                                .task_id = TEXT(ids[i]),
                                .share_id = TEXT(ids[k]),
                        };
                        CLEANUP(task_record_freep)
                        struct task_record *record = task_record_new(&task);

                        assert_non_null(record);
                        expect(record, &task);
                }
}

static void test_other_token(void **state) {
        static const char *const tokens[] = {"longer than before", "x", "", "as long as it was"};
        char *variables[] = {TEXT("A=1"), NULL};
        struct task task = {
                .task_id = TEXT("1"),
                .share_id = TEXT("2"),
                .kdstoken_file = TEXT("/file"),
                .variables = variables,
        };
        CLEANUP(task_record_freep) struct task_record *record = task_record_new(&task);

        (void) state;
        assert_non_null(record);
        for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
                const struct task_record *before;

                assert_int_equal(task_record_set_kdstoken(&record, tokens[i]), 0);
                task.kdstoken = TEXT(tokens[i]);
                expect(record, &task);
                before = record;
                assert_int_equal(task_record_set_kdstoken(&record, tokens[i]), 0);
                assert_ptr_equal(record, before);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_settings),
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_other_keys),
                cmocka_unit_test(test_other_token),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
