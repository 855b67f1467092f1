/* One outcome, one id: what must not make a registration of a task that has finished. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit/core-fixture.h"

#define SEC USEC_SEC

/* Whose file is the older one in a directory is read first. */
static void set_age(struct core *c, const char *directory, const char *name, int seconds) {
        CLEANUP(freep)
        char *path = str_printf("%s/%s/%s.task", c->directory, directory, name);
        struct timespec times[2] = {{1747700000 - seconds, 0}, {1747700000 - seconds, 0}};

        assert_non_null(path);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void put(struct core *c, const char *directory, const char *name, int age) {
        core_put(c, directory, name, "t1");
        set_age(c, directory, name, age);
}

/* t1 has finished with the file "state/a", and its hooks are being run. */
static void finish(struct core *c) {
        put(c, "state", "a", 100);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        assert_string_equal(c->finished, "t1:completed ");
        assert_non_null(core_run_line(0));
}

static void assert_finished(struct core *c) {
        core_pass(c, USEC_MINUTE);
        core_scan(c);
        assert_false(core_is_asked(c, "t1"));
        assert_int_equal(registry_count(c->registry).finished, 1);
        assert_int_equal(fake_store_events(c->store), 1);
        assert_non_null(strstr(core_run_line(0), core_row(c, "t1")->event_id));
}

static void assert_registered(struct core *c) {
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
        assert_string_equal(core_row(c, "t1")->event_id, "");
}

/* All go with the end of the delivery. */
static void assert_removed(struct core *c) {
        core_end_run(HOOK_DONE);
        core_turn(c);
        core_scan(c);
        core_pass(c, USEC_MINUTE);
        core_scan(c);
        assert_false(core_has(c, "state", "a"));
        assert_false(core_has(c, "state", "b"));
        assert_false(core_is_asked(c, "t1"));
        assert_true(core_row(c, "t1")->gone);
        assert_int_equal(fake_store_events(c->store), 1);
}

/* Which of them is read first, and whether there was a restart, makes no difference. */
static void test_two_files_across_a_restart(void **state) {
        static const int ages[] = {200, 50};
        struct core *c = *state;

        for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
                finish(c);
                put(c, "state", "b", ages[i]);
                core_scan(c);
                core_restart(c);
                assert_finished(c);
                core_restart(c);
                assert_finished(c);
                assert_removed(c);
                core_tear_down(state);
                core_set_up(state);
                c = *state;
        }
}

static void test_a_file_in_a_higher_directory(void **state) {
        struct core *c = *state;

        finish(c);
        put(c, "state", "b", 200);
        put(c, "high", "c", 0);
        core_restart(c);
        assert_finished(c);
        core_remove(c, "high", "c");
        core_scan(c);
        core_pass(c, SEC);
        core_restart(c);
        assert_finished(c);
        assert_removed(c);
}

/* The first that was read goes while the delivery is under way. */
static void test_the_duplicate_goes(void **state) {
        struct core *c = *state;

        finish(c);
        put(c, "state", "b", 200);
        core_restart(c);
        core_remove(c, "state", "b");
        core_scan(c);
        core_pass(c, SEC);
        assert_finished(c);
        assert_removed(c);
}

/* The one with which it finished goes: the other was there all along. */
static void test_the_finished_one_goes(void **state) {
        struct core *c = *state;

        finish(c);
        put(c, "state", "b", 200);
        core_restart(c);
        core_remove(c, "state", "a");
        core_scan(c);
        core_pass(c, SEC);
        assert_finished(c);
        assert_removed(c);
}

/* While nobody looked: what is left is a registration of its own. */
static void test_the_finished_one_went_between_two_runs(void **state) {
        struct core *c = *state;

        finish(c);
        core_stop(c);
        core_remove(c, "state", "a");
        put(c, "state", "b", 200);
        core_start(c);
        assert_registered(c);
}

static void test_the_finished_one_is_another_file_now(void **state) {
        struct core *c = *state;

        finish(c);
        core_stop(c);
        put(c, "state", "a", 100);
        set_age(c, "state", "a", 99);
        put(c, "state", "b", 200);
        core_start(c);
        assert_registered(c);
}

/* Of one name the file in the highest directory counts. */
static void test_the_finished_one_is_hidden(void **state) {
        struct core *c = *state;

        finish(c);
        core_stop(c);
        core_put(c, "high", "a", "t2");
        put(c, "state", "b", 200);
        core_start(c);
        assert_registered(c);
}

static void test_the_finished_one_is_hidden_by_a_file_of_its_task(void **state) {
        struct core *c = *state;

        finish(c);
        core_stop(c);
        put(c, "low", "a", 0);
        put(c, "state", "b", 200);
        core_start(c);
        assert_finished(c);
}

/* An error is no answer: the file stays, and is neither done nor a registration until it comes. */
static void test_the_store_cannot_say(void **state) {
        struct core *c = *state;

        finish(c);
        core_stop(c);
        fake_store_restart(c->store);
        fake_store_set_immediate(c->store, false);
        core_start(c);
        assert_true(fake_store_step(c->store)); /* what is pending */
        fake_store_fail_next(c->store, -EIO);
        fake_store_set_immediate(c->store, true);
        assert_int_equal(c->transient_errors, 1);
        assert_true(core_has(c, "state", "a"));
        core_pass(c, USEC_MINUTE);
        assert_false(core_is_asked(c, "t1"));
        core_scan(c);
        assert_finished(c);
        assert_removed(c);
}

/* A file system that is mounted late, after the daemon was started. */
static void test_a_directory_that_is_away_at_the_start(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *path = str_printf("%s/low", c->directory);
        CLEANUP(freep) char *aside = str_printf("%s/aside", c->directory);
        usec_t registered;

        core_put(c, "low", "done", "t1");
        core_put(c, "low", "waits", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        registered = core_row(c, "t2")->registered;
        core_stop(c);
        assert_int_equal(rename(path, aside), 0);
        core_start(c);
        core_pass(c, USEC_MINUTE);
        assert_int_equal(registry_count(c->registry).finished, 0);
        assert_int_equal(rename(aside, path), 0);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
        assert_true(core_is_asked(c, "t2"));
        assert_int_equal(fake_store_events(c->store), 1);
        assert_false(core_row(c, "t1")->gone);
        assert_false(core_row(c, "t2")->gone);
        assert_int_equal(core_row(c, "t2")->registered, registered);

        /* Another file is a registration of its own. */
        core_stop(c);
        assert_int_equal(rename(path, aside), 0);
        core_start(c);
        core_pass(c, USEC_MINUTE);
        assert_int_equal(rename(aside, path), 0);
        core_put(c, "low", "done", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_two_files_across_a_restart),
                TEST(test_a_file_in_a_higher_directory),
                TEST(test_the_duplicate_goes),
                TEST(test_the_finished_one_goes),
                TEST(test_the_finished_one_went_between_two_runs),
                TEST(test_the_finished_one_is_another_file_now),
                TEST(test_the_finished_one_is_hidden),
                TEST(test_the_finished_one_is_hidden_by_a_file_of_its_task),
                TEST(test_a_directory_that_is_away_at_the_start),
                TEST(test_the_store_cannot_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
