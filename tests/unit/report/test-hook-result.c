#include "koowatchd/report/hook-result.h"
#include "unit/support.h"

static void test_names_are_those_of_the_protocol(void **state) {
        static const char *const words[] = {"done", "later", "progress", "skipped", "failed"};

        (void) state;
        assert_int_equal(ARRAY_LEN(words), HOOK_RESULTS);
        for (int i = 0; i < HOOK_RESULTS; i++) {
                assert_string_equal(hook_result_name((enum hook_result) i), words[i]);
                assert_int_equal(hook_result_parse(words[i]), i);
        }
}

static void test_what_nobody_knows_has_failed(void **state) {
        static const char *const words[] = {NULL, "", "Done", "done ", "don", "success", "none"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                assert_int_equal(hook_result_parse(words[i]), HOOK_FAILED);
}

static void test_done_and_skipped_alone_are_final(void **state) {
        (void) state;
        for (int i = 0; i < HOOK_RESULTS; i++)
                assert_int_equal(hook_result_is_final((enum hook_result) i),
                                 i == HOOK_DONE || i == HOOK_SKIPPED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_those_of_the_protocol),
                cmocka_unit_test(test_what_nobody_knows_has_failed),
                cmocka_unit_test(test_done_and_skipped_alone_are_final),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
