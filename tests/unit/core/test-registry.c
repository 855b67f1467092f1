/* The registry where courses cross: what is counted, checked and kept when files come and go. */
#include <errno.h>

#include "unit/core-fixture.h"

#define SEC USEC_SEC
#define GRACE_OVER SEC
#define TASK(id, more) "[Task]\nTaskId=" id "\nShareId=7\n" more

static const char *row_name(struct core *c, const char *task_id) {
        return fake_store_task_name(c->store, &(struct store_key){"default", "7", task_id});
}

/* A deletion that the store does not take is no watch: nothing is counted below zero. */
static void test_counts_while_a_deletion_waits(void **state) {
        struct core *c = *state;
        struct registry_counts counts;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        assert_int_equal(registry_count(c->registry).running, 1);
        fake_store_set_immediate(c->store, false);
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        counts = registry_count(c->registry);
        assert_int_equal(counts.pending, 0);
        assert_int_equal(counts.running, 0);

        fake_store_fail_next(c->store, -ENOSPC);
        fake_store_run(c->store);
        core_put(c, "low", "one", "t1"); /* back before the next try */
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 1);
        assert_int_equal(registry_count(c->registry).running, 1);
        assert_int_equal(registry_count(c->registry).pending, 0);
}

static void test_hooks_of_a_file_that_takes_over(void **state) {
        struct core *c = *state;

        core_put(c, "low", "low", "t1");
        core_scan(c);
        assert_null(registry_hook_problem(c->registry));
        core_put_text(c, "high", "high", TASK("t1", "Hook=none\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "high: Hook=none"));
}

static void test_a_hook_problem_goes_with_its_task(void **state) {
        struct core *c = *state;

        core_put_text(c, "low", "aaa", TASK("t1", "Hook=none\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "aaa: Hook=none"));
        core_pass(c, SEC); /* the first recheck */
        core_remove(c, "low", "aaa");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        assert_null(registry_hook_problem(c->registry));
        core_put_text(c, "low", "bbb", TASK("t2", "Hook=other\n"));
        core_scan(c);
        assert_non_null(strstr(registry_hook_problem(c->registry), "bbb: Hook=other"));
}

/* The store cannot tell, just when a file that was given up is back: it is read once more. */
static void test_a_lookup_that_fails_at_once(void **state) {
        struct core *c = *state;

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        core_remove(c, "low", "one");
        registry_scan(c->registry);
        fake_store_set_immediate(c->store, true);
        core_put(c, "low", "one", "t1");
        fake_store_fail_next(c->store, -EIO);
        registry_scan(c->registry);
        assert_int_equal(c->transient_errors, 1);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
        assert_int_equal(registry_count(c->registry).invalid, 0);
}

/* What was written in the owner's place counts only if it was written. */
static void test_a_successor_of_a_batch_that_failed(void **state) {
        struct core *c = *state;

        core_put(c, "low", "two", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t2", 1);
        core_put(c, "low", "zwei", "t2");
        core_scan(c);
        fake_store_set_immediate(c->store, false);
        core_remove(c, "low", "two");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store); /* with zwei in the place of two */
        core_put(c, "high", "deux", "t2");
        core_scan(c);
        core_pass(c, 6 * SEC); /* with deux, which goes before that is written */
        core_remove(c, "high", "deux");
        core_scan(c);
        fake_store_run(c->store);
        core_turn(c);
        fake_store_run(c->store);
        assert_string_equal(row_name(c, "t2"), "zwei");
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t2"));
}

/* The file of the chosen one is not the one any more that was written. */
static void test_a_successor_that_is_broken_meanwhile(void **state) {
        struct core *c = *state;

        core_put(c, "state", "two", "t2");
        core_put(c, "state", "zwei", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        fake_store_set_immediate(c->store, false);
        core_remove(c, "state", "two");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        core_put_text(c, "state", "zwei", "[Task]\n");
        core_scan(c);
        fake_store_step(c->store);
        core_turn(c);
        assert_int_equal(fake_store_pending(c->store), 1); /* once more, with the file as it is */
        fake_store_run(c->store);
        assert_string_equal(row_name(c, "t2"), "zwei");
}

/* A finished task's new file, and no memory to watch it: it is read again, not lost. */
static void test_no_memory_for_a_new_registration(void **state) {
        struct core *c = *state;

        core_put(c, "high", "one", "t1");
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        core_remove(c, "high", "one"); /* the one below is another file, and a registration */
        time_fail_next_open();
        core_scan(c);
        assert_int_equal(c->transient_errors, 1);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
        core_answer(c, "t1", 2);
        assert_string_equal(c->finished, "t1:completed t1:completed ");
}

/* Two registrations of one file name, as a crash leaves them; the file is invalid at the start. */
static void test_a_file_that_is_invalid_at_the_start(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_turn(c);
        core_put(c, "low", "one", "t2");
        core_scan(c);
        core_turn(c);
        core_stop(c); /* t2 is written, that t1 has gone is not yet */
        core_put_text(c, "low", "one", TASK("t2", "Nonsense=1\n[Nonsense\n"));
        core_start(c);
        core_turn(c);
        assert_non_null(core_row(c, "t1")); /* it may be the one */
        assert_non_null(core_row(c, "t2"));
        core_put(c, "low", "one", "t2");
        core_scan(c);
        core_turn(c);
        assert_true(core_row(c, "t1")->gone);
        assert_false(core_row(c, "t2")->gone);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_counts_while_a_deletion_waits),
                TEST(test_hooks_of_a_file_that_takes_over),
                TEST(test_a_hook_problem_goes_with_its_task),
                TEST(test_a_lookup_that_fails_at_once),
                TEST(test_a_successor_of_a_batch_that_failed),
                TEST(test_a_successor_that_is_broken_meanwhile),
                TEST(test_no_memory_for_a_new_registration),
                TEST(test_a_file_that_is_invalid_at_the_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
