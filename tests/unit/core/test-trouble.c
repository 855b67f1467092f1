/* What is said to be wrong, and from when on. */
#include <fcntl.h>
#include <sys/stat.h>

#include "common/json.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/trouble.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC

/* The sentences about c, a line each. The caller frees it. */
static char *trouble(struct core *c) {
        static const struct accounts_handler handler;
        CLEANUP(accounts_freep) struct accounts *accounts = NULL;
        CLEANUP(json_object_putp) json_object *list = NULL;
        char *text = strdup("");
        unsigned failing;

        assert_int_equal(accounts_new(c->timers, NULL, c->http, c->directory, &handler, &accounts),
                         0);
        list = trouble_list(
                &(struct trouble_sources){
                        .accounts = accounts,
                        .commit = c->commit,
                        .deliveries = c->deliveries,
                        .poller = c->poller,
                        .registry = c->registry,
                        .tasks = registry_count(c->registry),
                },
                clock_boot(), &failing);
        assert_non_null(list);
        assert_int_equal(failing, 0);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                char *longer = str_printf(
                        "%s%s\n", text, json_object_get_string(json_object_array_get_idx(list, i)));

                free(text);
                text = longer;
        }
        return text;
}

static void assert_trouble(struct core *c, const char *expected) {
        CLEANUP(freep) char *text = trouble(c);

        assert_string_equal(text, expected);
}

/* ---- deliveries ---- */

static int set_up(void **state) {
        int r = core_set_up(state);
        const struct core *c = *state;
        const struct delivery_settings settings = {
                .hook_directories = c->hooks,
                .max_parallel = 8,
                .attempts = 1000,
                .history = 90 * 24 * USEC_HOUR,
        };

        return r < 0 ? r : deliveries_configure(c->deliveries, &settings);
}

static void finish(struct core *c, const char *name, const char *task_id) {
        core_put(c, "state", name, task_id);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, task_id, 2);
        assert_non_null(core_run_line(0));
}

/* Hooks that are run meanwhile fail, but those of one task. */
static void fail_for(struct core *c, usec_t span, const char *good) {
        for (usec_t end = clock_boot() + span; clock_boot() < end;) {
                while (core_run_line(0))
                        core_end_run(strstr(core_run_line(0), good) ? HOOK_DONE : HOOK_FAILED);
                core_pass(c, MIN(10 * SEC, end - clock_boot()));
        }
}

static void test_a_delivery_that_fails_for_an_hour(void **state) {
        static const char sentence[] = "1 delivery is failing, for over an hour\n";
        struct core *c = *state;

        finish(c, "one", "t1");
        core_pass(c, 2 * USEC_HOUR); /* the hook takes its time, which is no failure */
        assert_trouble(c, "");
        core_end_run(HOOK_FAILED);
        fail_for(c, USEC_HOUR - SEC, "none");
        assert_trouble(c, "");
        fail_for(c, SEC, "none");
        assert_trouble(c, sentence);
        core_restart(c);
        assert_trouble(c, sentence);
        fail_for(c, USEC_HOUR, "\"one\"");
        assert_trouble(c, "");
}

/* Each for less than an hour. */
static void test_deliveries_that_fail_in_turn(void **state) {
        struct core *c = *state;

        finish(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        fail_for(c, 40 * USEC_MINUTE, "none");
        finish(c, "two", "t2");
        core_end_run(HOOK_FAILED);
        fail_for(c, 40 * USEC_MINUTE, "\"one\"");
        assert_int_equal(deliveries_count(c->deliveries).failing, 1);
        assert_trouble(c, "");
        fail_for(c, 30 * USEC_MINUTE, "none");
        assert_trouble(c, "1 delivery is failing, for over an hour\n");
        finish(c, "three", "t3");
        core_end_run(HOOK_FAILED);
        assert_trouble(c, "2 deliveries are failing, at least one of them for over an hour\n");
}

/* After a restart that is told by when their outcomes came, and a clock may have been wrong. */
static void test_the_longest_failing_is_found_after_a_restart(void **state) {
        struct core *c = *state;

        time_step(USEC_DAY);
        finish(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        time_step(-USEC_DAY);
        finish(c, "two", "t2");
        core_end_run(HOOK_FAILED);
        fail_for(c, 2 * USEC_HOUR, "none");
        core_restart(c);
        assert_trouble(c, "2 deliveries are failing, at least one of them for over an hour\n");
}

/* ---- directories ---- */

static void assert_directory_trouble(struct core *c, const char *words) {
        CLEANUP(freep)
        char *expected = str_printf("task directory %s/low %s\n", c->directory, words);

        assert_trouble(c, expected);
}

/* An absent one of which no file is known is just that. */
static void test_a_directory_that_is_not_there(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *high = str_printf("%s/high", c->directory);
        CLEANUP(freep) char *low = str_printf("%s/low", c->directory);
        CLEANUP(freep) char *away = str_printf("%s/away", c->directory);

        core_put(c, "low", "one", "t1");
        core_scan(c);
        assert_int_equal(rmdir(high), 0);
        assert_int_equal(rename(low, away), 0);
        core_scan(c);
        assert_directory_trouble(c, "is not there, is a file system not mounted?");
        core_pass(c, 8 * USEC_MINUTE);
        assert_directory_trouble(c, "is not there, its tasks wait");
        assert_int_equal(rename(away, low), 0);
        core_scan(c);
        assert_trouble(c, "");
}

/* Root may read everything, but no file as a directory. */
static void test_a_directory_that_cannot_be_read(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *low = str_printf("%s/low", c->directory);
        CLEANUP(closep) int fd = -1;

        assert_int_equal(rmdir(low), 0);
        fd = open(low, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        core_scan(c);
        assert_directory_trouble(c, "cannot be read, its tasks stay as they are");
        assert_int_equal(unlink(low), 0);
        core_scan(c);
        assert_trouble(c, "");
        assert_int_equal(mkdir(low, 0755), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_delivery_that_fails_for_an_hour, set_up,
                                                core_tear_down),
                cmocka_unit_test_setup_teardown(test_deliveries_that_fail_in_turn, set_up,
                                                core_tear_down),
                cmocka_unit_test_setup_teardown(test_the_longest_failing_is_found_after_a_restart,
                                                set_up, core_tear_down),
                cmocka_unit_test_setup_teardown(test_a_directory_that_is_not_there, core_set_up,
                                                core_tear_down),
                cmocka_unit_test_setup_teardown(test_a_directory_that_cannot_be_read, core_set_up,
                                                core_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
