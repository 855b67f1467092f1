/* Deliveries, with a hook runner and a store that the test drives. */
#include <errno.h>

#include "unit/core-fixture.h"

#define SEC USEC_SEC

/* A task that has completed just now, and whose event is with the runner. */
static void finish_one(struct core *c, const char *name, const char *task_id) {
        core_put(c, "state", name, task_id);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, task_id, 2);
}

static struct delivery_counts counts(const struct core *c) {
        return deliveries_count(c->deliveries);
}

static void test_done(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        assert_int_equal(counts(c).running, 1);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":1"));
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_int_equal(counts(c).pending, 0);
        assert_int_equal(c->parked, 0);
        assert_false(core_has(c, "state", "one"));
}

/* Three attempts are the limit here; the pauses are 10 s and 20 s. */
static void test_retries_and_then_parked(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        assert_int_equal(counts(c).failing, 1);
        core_pass(c, 9 * SEC);
        assert_null(core_run_line(0));
        core_pass(c, 2 * SEC);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
        core_end_run(HOOK_LATER);
        core_pass(c, 18 * SEC);
        assert_null(core_run_line(0));
        core_pass(c, 3 * SEC);
        core_end_run(HOOK_FAILED);
        assert_int_equal(counts(c).failing, 0); /* though that is not written yet */
        core_turn(c);
        assert_int_equal(c->parked, 1);
        assert_int_equal(counts(c).pending, 0);
        assert_int_equal(counts(c).failing, 0);
        core_pass(c, USEC_HOUR);
        assert_null(core_run_line(0));
}

static void test_a_runner_that_dies_is_an_attempt(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run_as(RUNNER_FAILED);
        core_pass(c, 11 * SEC);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
}

/* No attempt is counted, however often it cannot be started, or is still busy. */
static void test_deferred(void **state) {
        struct core *c = *state;

        core_fail_runs(-ECONNREFUSED);
        finish_one(c, "one", "t1");
        core_pass(c, 5 * USEC_MINUTE);
        assert_int_equal(counts(c).waiting, 1);
        core_fail_runs(0);
        core_pass(c, 61 * SEC);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":1"));
        core_end_run_as(RUNNER_LATER);
        core_pass(c, 61 * SEC); /* as long as before: nothing has been run since */
        assert_non_null(strstr(core_run_line(0), "\"attempt\":1"));
}

/* It waits for a node that has them all; no attempt is counted. */
static void test_labels(void **state) {
        struct core *c = *state;

        core_put_text(c, "state", "one.task", "[Task]\nTaskId=t1\nShareId=7\nRunOn=gpu disk\n");
        core_listen(c);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_pass(c, USEC_HOUR);
        core_set_labels("gpu");
        core_pass(c, USEC_HOUR);
        assert_null(core_run_line(0));
        assert_int_equal(counts(c).waiting, 1);
        {
                CLEANUP(freep) char *heard = core_heard(c);

                assert_non_null(
                        strstr(heard, "delayed: this node lacks a label of RunOn=; retrying"));
        }
        core_set_labels("disk eu gpu");
        core_pass(c, 61 * SEC);
        core_set_labels(NULL);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":1"));
        assert_non_null(strstr(core_run_line(0), "\"runOn\":[\"gpu\",\"disk\"]"));
}

/* What has succeeded is not run again, also after a restart. */
static void test_settled_hooks(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_DONE);
        core_restart(c); /* that it is over was not written */
        assert_non_null(core_run_line(0));
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_int_equal(counts(c).pending, 0);

        finish_one(c, "two", "t2");
        core_end_run(HOOK_SKIPPED);
        core_turn(c);
        assert_int_equal(counts(c).pending, 0);
}

static void test_attempts_survive_a_restart(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        core_turn(c);
        core_restart(c);
        assert_int_equal(counts(c).failing, 1);
        assert_null(core_run_line(0)); /* the rest of the pause */
        core_pass(c, 11 * SEC);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
}

/* Or the time is another node's. */
static void test_a_clock_that_was_set_back_delays_no_attempt(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        core_turn(c);
        time_step(-USEC_HOUR);
        core_restart(c);
        assert_null(core_run_line(0));
        core_pass(c, 21 * SEC);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
}

/* Four at once; one that waits for its next attempt holds no slot. */
static void test_slots(void **state) {
        static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
        struct core *c = *state;

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                finish_one(c, names[i], names[i]);
        assert_int_equal(counts(c).running, 4);
        assert_int_equal(counts(c).waiting, 2);
        core_end_run(HOOK_FAILED);
        assert_int_equal(counts(c).running, 4);
        assert_int_equal(counts(c).waiting, 2);
        core_end_run(HOOK_DONE);
        assert_int_equal(counts(c).running, 4);
        assert_int_equal(counts(c).waiting, 1);
        deliveries_stop(c->deliveries);
        core_end_run(HOOK_DONE);
        core_pass(c, USEC_MINUTE);
        assert_int_equal(counts(c).running, 3);
}

/* What waits for a slot, or for its next attempt, is counted after a start as before. */
static void test_counts_after_a_start(void **state) {
        static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
        struct core *c = *state;
        struct delivery_counts before;

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                finish_one(c, names[i], names[i]);
        core_end_run(HOOK_FAILED);
        core_turn(c);
        before = counts(c);
        assert_int_equal(before.waiting, 2);
        core_restart(c);
        core_turn(c);
        assert_int_equal(counts(c).running, before.running);
        assert_int_equal(counts(c).waiting, before.waiting);
        assert_int_equal(counts(c).failing, before.failing);
}

/* What was pending is asked for until the store tells, and nothing is delivered twice. */
static void test_a_load_that_fails(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_stop(c);
        fake_store_fail_next(c->store, -EIO);
        core_start(c);
        assert_null(core_run_line(0));
        finish_one(c, "two", "t2"); /* pending as well, and known */
        assert_non_null(strstr(core_run_line(0), "\"t2\""));
        core_pass(c, 6 * SEC);
        assert_non_null(strstr(core_run_line(1), "\"t1\""));
        assert_null(core_run_line(2));
        assert_int_equal(counts(c).pending, 2);
}

/* The daemon ends before the store has told: it is not asked for once more. */
static void test_a_load_at_the_end(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_stop(c);
        fake_store_fail_next(c->store, -EIO);
        core_start(c);
        deliveries_stop(c->deliveries);
        core_pass(c, USEC_MINUTE);
        assert_int_equal(counts(c).pending, 0);
}

/* What the store knows to have been told is not written again at the end. */
static void test_an_end_without_news(void **state) {
        struct core *c = *state;
        size_t writes;

        finish_one(c, "one", "t1");
        deliveries_stop(c->deliveries);
        core_turn(c);
        core_restart(c);
        core_pass(c, SEC);
        writes = fake_store_writes(c->store);
        deliveries_stop(c->deliveries);
        core_turn(c);
        assert_int_equal(fake_store_writes(c->store), writes);
}

/* Likewise when the write of an attempt has said so. */
static void test_an_end_after_an_attempt(void **state) {
        struct core *c = *state;
        size_t writes;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        core_turn(c);
        writes = fake_store_writes(c->store);
        deliveries_stop(c->deliveries);
        core_turn(c);
        assert_int_equal(fake_store_writes(c->store), writes);
}

static unsigned count_of(const char *text, const char *part) {
        unsigned n = 0;

        while ((text = strstr(text, part))) {
                text++;
                n++;
        }
        return n;
}

/* In the words for an administrator, with the attempts that were made. */
static void test_what_is_told_of_a_parked_one(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        core_listen(c);
        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        core_pass(c, 11 * SEC);
        core_end_run_as(RUNNER_FAILED);
        core_pass(c, 21 * SEC);
        core_end_run_as(RUNNER_FAILED);
        core_turn(c);
        text = core_heard(c);
        assert_int_equal(c->parked, 1);
        assert_int_equal(count_of(text, "one: giving up"), 1);
        assert_non_null(strstr(text, "after 3 attempts"));
        assert_int_equal(count_of(text, "hook runner exited"), 2);
        assert_non_null(strstr(text, "(attempt 2, next try in 20 s)"));
        assert_non_null(strstr(text, "(attempt 3, the last attempt)"));
}

/* The first deferrals are normal; the third in a row is told, with why, and no other one. */
static void test_what_is_told_of_deferrals(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *two = NULL, *three = NULL, *later = NULL;

        core_listen(c);
        core_fail_runs(-ECONNREFUSED);
        finish_one(c, "one", "t1");
        core_pass(c, 2 * SEC); /* after a second, and after two more */
        two = core_heard(c);
        assert_string_equal(two, "");
        core_listen(c);
        core_pass(c, 10 * USEC_MINUTE);
        three = core_heard(c);
        assert_int_equal(count_of(three, "warning one: hooks of event "), 1);
        assert_non_null(
                strstr(three, "cannot be started or reached: Connection refused; retrying"));

        core_fail_runs(0); /* a run that has begun ends the row */
        core_pass(c, 61 * SEC);
        core_end_run(HOOK_FAILED);
        core_pass(c, 11 * SEC);
        core_listen(c);
        for (int i = 0; i < 3; i++) {
                core_end_run_as(RUNNER_LATER);
                core_pass(c, 5 * SEC);
        }
        later = core_heard(c);
        assert_int_equal(count_of(later, "warning one: hooks of event "), 1);
        assert_non_null(strstr(later, "not becoming ready; retrying"));
}

/* Between two attempts the event is in the store alone: while that cannot say it, none is made. */
static void test_an_event_that_cannot_be_read(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        core_turn(c);
        core_pass(c, 9 * SEC);
        fake_store_fail_next(c->store, -EIO);
        core_pass(c, 1500 * USEC_MSEC);
        assert_null(core_run_line(0));
        assert_int_equal(counts(c).running, 0);
        assert_int_equal(counts(c).waiting, 1);
        core_pass(c, SEC);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
        assert_int_equal(counts(c).running, 1);
        assert_int_equal(counts(c).waiting, 0);
}

/* What has been done is not asked for again, also of a run that dies; and a restart knows it. */
static void test_what_is_settled(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        assert_null(strstr(core_run_line(0), "settled"));
        core_end_hook("finished.d/a", HOOK_DONE);
        core_end_hook("finished.d/b", HOOK_LATER);
        core_end_hook("finished.d/c", HOOK_SKIPPED);
        core_end_hook("finished.d/a", HOOK_DONE); /* known by now */
        core_end_run_as(RUNNER_FAILED);
        core_turn(c);
        core_restart(c);
        core_pass(c, 11 * SEC);
        assert_non_null(
                strstr(core_run_line(0), "\"settled\":[\"finished.d/a\",\"finished.d/c\"]"));
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
}

/* Nothing is read or run any more once it stops; what is pending stays so. */
static void test_a_stop_while_an_event_is_read(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_run(HOOK_FAILED);
        core_turn(c);
        fake_store_set_immediate(c->store, false);
        core_pass(c, 11 * SEC);
        deliveries_stop(c->deliveries);
        fake_store_run(c->store);
        assert_null(core_run_line(0));
        core_pass(c, USEC_HOUR);
        assert_null(core_run_line(0));
        assert_int_equal(counts(c).pending, 1);
}

/* Without hooks for it an outcome is delivered as it is. */
static void test_no_hooks(void **state) {
        struct core *c = *state;

        core_remove(c, "hooks/finished.d", "a");
        finish_one(c, "one", "t1");
        core_turn(c);
        assert_null(core_run_line(0));
        assert_int_equal(counts(c).pending, 0);
        assert_int_equal(counts(c).running, 0);
        assert_false(core_has(c, "state", "one"));
        assert_string_equal(c->finished, "t1:completed ");
}

/* Attempts that are made anew after a reload are by its settings. */
static void test_other_settings(void **state) {
        static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
        struct core *c = *state;
        struct delivery_settings settings = {c->hooks, 6, 2, USEC_DAY};

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                finish_one(c, names[i], names[i]);
        assert_int_equal(counts(c).running, 4);
        assert_int_equal(deliveries_configure(c->deliveries, &settings), 0);
        assert_int_equal(counts(c).running, 6);
        core_end_run(HOOK_FAILED);
        core_pass(c, 11 * SEC);
        for (int i = 0; i < 5; i++)
                core_end_run(HOOK_DONE);
        core_end_run(HOOK_FAILED); /* the second attempt is the last one now */
        core_turn(c);
        assert_int_equal(c->parked, 1);
        assert_int_equal(counts(c).pending, 0);
}

/* Neither what is pending nor what has lost its file is known: it is said when that is tried again.
 */
static void test_a_store_that_cannot_be_read_at_the_start(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        finish_one(c, "one", "t1");
        core_stop(c);
        fake_store_fail_next(c->store, -EIO);
        core_start(c);
        core_listen(c);
        fake_store_fail_next(c->store, -EIO);
        core_pass(c, 5100 * USEC_MSEC);
        text = core_heard(c);
        assert_non_null(strstr(text, "error cannot read from the store which outcomes are to be "
                                     "delivered (Input/output error), retrying in 5 s"));
        assert_null(core_run_line(0));
        core_pass(c, 5 * SEC);
        assert_non_null(core_run_line(0));
}

/* What a hook has done is on disk before its run is over: the daemon may die meanwhile. */
static void test_settled_while_it_runs(void **state) {
        struct core *c = *state;

        finish_one(c, "one", "t1");
        core_end_hook("finished.d/a", HOOK_DONE);
        core_turn(c);
        core_restart(c);
        assert_non_null(strstr(core_run_line(0), "\"settled\":[\"finished.d/a\"]"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_done),
                TEST(test_retries_and_then_parked),
                TEST(test_a_runner_that_dies_is_an_attempt),
                TEST(test_deferred),
                TEST(test_labels),
                TEST(test_settled_hooks),
                TEST(test_attempts_survive_a_restart),
                TEST(test_a_clock_that_was_set_back_delays_no_attempt),
                TEST(test_slots),
                TEST(test_counts_after_a_start),
                TEST(test_a_load_that_fails),
                TEST(test_a_load_at_the_end),
                TEST(test_an_end_without_news),
                TEST(test_an_end_after_an_attempt),
                TEST(test_what_is_told_of_a_parked_one),
                TEST(test_what_is_told_of_deferrals),
                TEST(test_an_event_that_cannot_be_read),
                TEST(test_what_is_settled),
                TEST(test_a_stop_while_an_event_is_read),
                TEST(test_no_hooks),
                TEST(test_other_settings),
                TEST(test_a_store_that_cannot_be_read_at_the_start),
                TEST(test_settled_while_it_runs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
