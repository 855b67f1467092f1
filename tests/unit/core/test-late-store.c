/* Registry, watches, deliveries and commit over a store that answers late, fails, or never answers.
 */
#include <errno.h>

#include "unit/core-fixture.h"

#define SEC USEC_SEC

/* Deletions are written as much later as the grace of a missing file. */
#define GRACE_OVER SEC

/* Two tasks that are asked about, over a store that answers when it is stepped. */
static void start_two(struct core *c) {
        core_put(c, "state", "one", "t1");
        core_put(c, "low", "two", "t2");
        core_scan(c);
        core_pass(c, 5 * SEC);
        assert_true(core_is_asked(c, "t1") || core_is_asked(c, "t2"));
        if (core_is_asked(c, "t1"))
                core_answer(c, "t1", 1);
        if (core_is_asked(c, "t2"))
                core_answer(c, "t2", 1);
        core_pass(c, 15 * SEC);
        assert_true(core_is_asked(c, "t1") && core_is_asked(c, "t2"));
        fake_store_set_immediate(c->store, false);
}

static void test_nothing_is_reported_before_it_is_written(void **state) {
        struct core *c = *state;

        start_two(c);
        core_answer(c, "t1", 2);
        assert_int_equal(fake_store_pending(c->store), 1);
        assert_string_equal(c->finished, "");
        assert_null(core_run_line(0));

        /* Meanwhile: another answer, a reload, another file, the finished one's file goes. */
        core_answer(c, "t2", 1);
        core_put(c, "low", "three", "t3");
        core_scan(c);
        core_remove(c, "state", "one");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_string_equal(c->finished, "");

        fake_store_run(c->store);
        core_turn(c);
        assert_string_equal(c->finished, "t1:completed ");
        fake_store_run(c->store); /* the event, for its hooks */
        assert_non_null(strstr(core_run_line(0), "\"taskId\":\"t1\""));
        core_pass(c, 3 * SEC);
        fake_store_run(c->store);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t3"));
        assert_true(core_row(c, "t1")->gone);
        assert_int_equal(fake_store_events(c->store), 1);
}

static void test_outcomes_keep_their_order_over_errors(void **state) {
        struct core *c = *state;

        start_two(c);
        core_answer(c, "t2", 3);
        fake_store_fail_next(c->store, -ENOSPC);
        fake_store_run(c->store);
        assert_int_equal(commit_state(c->commit), COMMIT_FAILING);
        core_answer(c, "t1", 2);
        core_pass(c, 4 * SEC); /* no try before the pause is over */
        assert_int_equal(fake_store_pending(c->store), 0);
        core_pass(c, 2 * SEC);
        assert_int_equal(fake_store_pending(c->store), 1);
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store);
        assert_string_equal(c->finished, "");
        core_pass(c, 6 * SEC);
        fake_store_run(c->store);
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
        assert_string_equal(c->finished, "t2:canceled t1:completed ");
        assert_int_equal(fake_store_events(c->store), 2);
}

static void test_polling_goes_on_when_the_store_never_answers(void **state) {
        struct core *c = *state;
        unsigned posted;

        start_two(c);
        core_answer(c, "t1", 2);
        posted = fake_http_posted(c->http);
        for (int i = 0; i < 40; i++) {
                core_pass(c, SEC);
                if (core_is_asked(c, "t2"))
                        core_answer(c, "t2", 1);
        }
        assert_int_equal(commit_state(c->commit), COMMIT_SILENT);
        assert_true(fake_http_posted(c->http) >= posted + 3);
        assert_int_equal(fake_store_pending(c->store), 1);
        assert_string_equal(c->finished, "");
        assert_int_equal(registry_count(c->registry).finished, 1);

        fake_store_run(c->store); /* it answers after all */
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
        assert_string_equal(c->finished, "t1:completed ");
}

/* What a killed daemon has not written is asked about again, and told once. */
static void test_an_end_with_operations_outstanding(void **state) {
        struct core *c = *state;

        start_two(c);
        core_answer(c, "t1", 2);
        core_put(c, "low", "three", "t3"); /* its row is being looked up at the end */
        core_scan(c);
        core_restart(c);
        fake_store_set_immediate(c->store, true);
        core_pass(c, 5 * SEC);
        core_answer(c, "t1", 2);
        assert_string_equal(c->finished, "t1:completed ");
        assert_int_equal(fake_store_events(c->store), 1);
}

static void test_a_file_back_while_its_deletion_is_written(void **state) {
        struct core *c = *state;

        start_two(c);
        core_remove(c, "low", "two");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        assert_int_equal(fake_store_pending(c->store), 1);
        core_put(c, "low", "two", "t2");
        core_scan(c);
        assert_int_equal(registry_count(c->registry).invalid, 1); /* it waits for its key */
        fake_store_run(c->store);
        assert_int_equal(registry_count(c->registry).invalid, 0);
        core_pass(c, 3 * SEC);
        fake_store_run(c->store);
        assert_true(core_is_asked(c, "t2"));
        assert_non_null(core_row(c, "t2"));
        assert_string_equal(
                fake_store_task_name(c->store, &(struct store_key){"default", "7", "t2"}), "two");
}

static void test_a_duplicate_goes_on_where_the_owner_was(void **state) {
        struct core *c = *state;
        usec_t registered;

        start_two(c);
        registered = core_row(c, "t2")->registered;
        core_put(c, "low", "zwei", "t2");
        core_scan(c);
        core_remove(c, "low", "two");
        core_scan(c);
        core_pass(c, GRACE_OVER);
        assert_int_equal(fake_store_pending(c->store), 1);
        core_remove(c, "low", "zwei"); /* the chosen one goes too, before that is written */
        core_put(c, "low", "deux", "t2");
        core_scan(c);
        fake_store_run(c->store);
        core_turn(c);
        fake_store_run(c->store);
        core_pass(c, 3 * SEC);
        fake_store_run(c->store);
        assert_true(core_is_asked(c, "t2"));
        assert_int_equal(core_row(c, "t2")->registered, registered);
        assert_string_equal(
                fake_store_task_name(c->store, &(struct store_key){"default", "7", "t2"}), "deux");
}

static void test_a_hook_result_while_a_write_is_under_way(void **state) {
        struct core *c = *state;

        start_two(c);
        core_answer(c, "t1", 2);
        fake_store_run(c->store);
        fake_store_run(c->store);
        assert_non_null(core_run_line(0));
        core_answer(c, "t2", 2); /* a write is under way from here on */
        assert_int_equal(fake_store_pending(c->store), 1);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_true(core_has(c, "state", "one"));
        fake_store_run(c->store);
        core_turn(c);
        assert_true(core_has(c, "state", "one")); /* that it is done is not on disk yet */
        fake_store_run(c->store);
        assert_false(core_has(c, "state", "one"));
        assert_int_equal(deliveries_count(c->deliveries).pending, 1);
}

static void test_refusals_survive_a_restart(void **state) {
        struct core *c = *state;
        unsigned refusals = 0;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        for (int restarts = 0; *c->finished == '\0' && restarts < 100; restarts++) {
                core_pass(c, 3 * SEC);
                if (!core_is_asked(c, "t1")) {
                        core_pass(c, 10 * SEC);
                        continue;
                }
                core_refuse(c, "t1", "13000301");
                if (*c->finished)
                        break;
                assert_int_equal(core_row(c, "t1")->refusals, ++refusals);
                core_pass(c, USEC_MINUTE);
                core_restart(c);
        }
        assert_string_equal(c->finished, "t1:rejected ");
        assert_in_range(refusals, 4, 12); /* ten minutes and five tries, whoever counts */
}

static void test_a_good_answer_ends_the_refusals(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_refuse(c, "t1", "13000301");
        assert_int_equal(core_row(c, "t1")->refusals, 1);
        core_pass(c, 30 * SEC);
        core_answer(c, "t1", 1);
        assert_int_equal(core_row(c, "t1")->refusals, 0);
        assert_int_equal(core_row(c, "t1")->refused, 0);
}

/* A file that is broken keeps what the store knows of its task; when it goes, so does that. */
static void test_a_broken_file_that_goes(void **state) {
        struct core *c = *state;

        core_put(c, "low", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_put_text(c, "low", "one", "[Task]\n");
        core_restart(c);
        fake_store_set_immediate(c->store, true);
        core_scan(c);
        assert_int_equal(registry_count(c->registry).invalid, 1);
        assert_non_null(core_row(c, "t1"));
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_row(c, "t1")->gone);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_nothing_is_reported_before_it_is_written),
                TEST(test_outcomes_keep_their_order_over_errors),
                TEST(test_polling_goes_on_when_the_store_never_answers),
                TEST(test_an_end_with_operations_outstanding),
                TEST(test_a_file_back_while_its_deletion_is_written),
                TEST(test_a_duplicate_goes_on_where_the_owner_was),
                TEST(test_a_hook_result_while_a_write_is_under_way),
                TEST(test_refusals_survive_a_restart),
                TEST(test_a_broken_file_that_goes),
                TEST(test_a_good_answer_ends_the_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
