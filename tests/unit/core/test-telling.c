/* Outcomes on their way into the journal: at least once, in order, whatever the log takes. */
#include <errno.h>

#include "koowatchd/store/store-batch.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC

/* Its hooks are run from then on. */
static void finish(struct core *c, const char *task_id) {
        core_put(c, "state", task_id, task_id);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, task_id, 2);
}

static void remove_hooks(struct core *c) {
        core_remove(c, "hooks/finished.d", "a");
}

static const struct store_delivery *row(struct core *c, const char *task_id) {
        return fake_store_event(c->store, core_row(c, task_id)->event_id);
}

static void assert_row(struct core *c, const char *task_id, enum delivery_state delivery,
                       bool told) {
        assert_int_equal(row(c, task_id)->state, delivery);
        assert_int_equal(row(c, task_id)->told, told);
}

static unsigned pending(const struct core *c) {
        return deliveries_count(c->deliveries).pending;
}

/* The usual case: the writes that there are anyway say so. */
static void test_told_at_once(void **state) {
        struct core *c = *state;
        size_t writes;

        finish(c, "t1");
        writes = fake_store_writes(c->store);
        assert_string_equal(c->told, "t1 ");
        assert_row(c, "t1", DELIVERY_PENDING, false);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_int_equal(fake_store_writes(c->store), writes + 1);
        core_restart(c);
        core_pass(c, USEC_MINUTE);
        assert_string_equal(c->told, "t1 ");
}

static void test_told_at_once_without_hooks(void **state) {
        struct core *c = *state;

        remove_hooks(c);
        finish(c, "t1");
        core_turn(c);
        assert_string_equal(c->told, "t1 ");
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_false(core_has(c, "state", "t1"));
}

/* Killed between the commit and the journal, where there are no hooks to do it again. */
static void test_a_crash_before_it_is_told(void **state) {
        struct core *c = *state;
        char id[EVENT_ID_LENGTH + 1];

        remove_hooks(c);
        core_set_log(CORE_LOG_IS_FULL);
        finish(c, "t1");
        core_turn(c);
        (void) snprintf(id, sizeof(id), "%s", core_row(c, "t1")->event_id);
        assert_string_equal(c->told, "");
        assert_row(c, "t1", DELIVERY_DONE, false);
        assert_int_equal(pending(c), 0);

        core_set_log(CORE_LOG_TAKES);
        core_restart(c);
        core_turn(c);
        assert_string_equal(c->told, "t1 ");
        assert_string_equal(c->told_id, id);
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_string_equal(c->finished, "t1:completed ");
        core_restart(c);
        core_pass(c, USEC_MINUTE);
        assert_string_equal(c->told, "t1 ");
}

/* The journal was given the entry, and did not take it before the end. */
static void test_a_crash_before_it_is_taken(void **state) {
        struct core *c = *state;

        core_set_log(CORE_LOG_HOLDS);
        finish(c, "t1");
        assert_string_equal(c->told, "t1 ");
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_row(c, "t1", DELIVERY_DONE, false);
        assert_false(core_has(c, "state", "t1")); /* nobody waits for the journal */
        core_set_log(CORE_LOG_TAKES);
        core_restart(c);
        core_pass(c, USEC_MINUTE);
        assert_string_equal(c->told, "t1 t1 ");
        assert_null(core_run_line(0)); /* its hooks are done */
        assert_row(c, "t1", DELIVERY_DONE, true);
}

static void test_a_log_that_takes_late(void **state) {
        struct core *c = *state;
        size_t writes;

        core_set_log(CORE_LOG_HOLDS);
        finish(c, "t1");
        core_end_run(HOOK_DONE);
        finish(c, "t2");
        core_pass(c, USEC_HOUR);
        assert_row(c, "t1", DELIVERY_DONE, false);
        writes = fake_store_writes(c->store);
        core_set_log(CORE_LOG_TAKES);
        deliveries_tell(c->deliveries);
        core_turn(c);
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_int_equal(fake_store_writes(c->store), writes + 1);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_row(c, "t2", DELIVERY_DONE, true);
        assert_string_equal(c->told, "t1 t2 ");
}

/* Hooks go on, and all are told in the order in which they were committed. */
static void test_a_log_that_is_full(void **state) {
        struct core *c = *state;

        core_set_log(CORE_LOG_IS_FULL);
        finish(c, "t1");
        assert_non_null(core_run_line(0));
        core_end_run(HOOK_DONE);
        finish(c, "t2");
        assert_non_null(core_run_line(0));
        core_turn(c);
        core_set_log(CORE_LOG_HOLDS);
        finish(c, "t3"); /* behind those that wait, though there is room for it */
        deliveries_tell(c->deliveries);
        core_pass(c, SEC);
        assert_string_equal(c->told, "t1 t2 t3 ");
        core_set_log(CORE_LOG_TAKES);
        deliveries_tell(c->deliveries);
        core_turn(c);
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_row(c, "t2", DELIVERY_PENDING, false);
        core_end_run(HOOK_FAILED);
        core_turn(c);
        assert_row(c, "t2", DELIVERY_PENDING, true);
}

/* Nobody says when there is room. */
static void test_a_log_that_says_nothing(void **state) {
        struct core *c = *state;

        core_set_log(CORE_LOG_IS_FULL);
        finish(c, "t1");
        core_pass(c, USEC_MINUTE);
        core_set_log(CORE_LOG_TAKES);
        core_pass(c, 6 * SEC);
        assert_string_equal(c->told, "t1 ");
}

/* After a start each is told before its hooks run, and in order, done, parked or pending. */
static void test_before_its_hooks(void **state) {
        struct core *c = *state;

        core_set_log(CORE_LOG_IS_FULL);
        finish(c, "t1");
        core_end_run(HOOK_DONE);
        finish(c, "t2");
        for (int i = 0; i < 3; i++) {
                core_end_run(HOOK_FAILED);
                core_pass(c, 25 * SEC);
        }
        finish(c, "t3");
        finish(c, "t4");
        assert_int_equal(c->parked, 1);
        assert_row(c, "t2", DELIVERY_PARKED, false);
        assert_int_equal(pending(c), 2);

        core_stop(c);
        fake_store_restart(c->store);
        core_set_log(CORE_LOG_TAKES);
        fake_store_set_immediate(c->store, false);
        core_start(c);
        while (!strstr(c->told, "t3")) {
                assert_null(core_run_line(0));
                if (!fake_store_step(c->store))
                        core_pass(c, USEC_MSEC);
        }
        assert_string_equal(c->told, "t1 t2 t3 ");
        fake_store_set_immediate(c->store, true);
        core_pass(c, SEC);
        assert_string_equal(c->told, "t1 t2 t3 t4 ");
        assert_non_null(strstr(core_run_line(0), "\"t3\""));
        assert_non_null(strstr(core_run_line(1), "\"t4\""));
        assert_null(core_run_line(2));
        assert_int_equal(c->parked, 1);
        assert_int_equal(pending(c), 2);
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_row(c, "t2", DELIVERY_PARKED, true);
}

/* An event that cannot be read keeps neither the others nor its own hooks waiting. */
static void test_an_event_that_cannot_be_read(void **state) {
        struct core *c = *state;

        remove_hooks(c);
        core_set_log(CORE_LOG_IS_FULL);
        finish(c, "t1");
        finish(c, "t2");
        core_turn(c);
        core_set_log(CORE_LOG_TAKES);
        fake_store_fail_next(c->store, -EIO);
        deliveries_tell(c->deliveries);
        core_pass(c, 6 * SEC);
        assert_string_equal(c->told, "t2 t1 ");
}

/* In pieces, each with one write, and in order all the same. */
static void test_many(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *expected = strdup("");
        size_t writes;

        remove_hooks(c);
        core_set_log(CORE_LOG_IS_FULL);
        for (int i = 0; i < 100; i++) {
                char task_id[8], *longer;

                (void) snprintf(task_id, sizeof(task_id), "t%d", i);
                finish(c, task_id);
                longer = str_printf("%s%s ", expected, task_id);
                assert_non_null(longer);
                free(expected);
                expected = longer;
        }
        core_set_log(CORE_LOG_TAKES);
        core_restart(c);
        writes = fake_store_writes(c->store);
        assert_true(strlen(c->told) > 0 && strlen(c->told) < strlen(expected) / 2);
        for (int i = 0; i < 10; i++) {
                time_pass(c->timers, 1);
                core_turn(c);
        }
        assert_string_equal(c->told, expected);
        assert_in_range(fake_store_writes(c->store) - writes, 1, 5);
        assert_row(c, "t99", DELIVERY_DONE, true);
}

/* Killed at any time it would be told again; an orderly end knows better. */
static void test_an_orderly_end(void **state) {
        struct core *c = *state;

        finish(c, "t1");
        assert_row(c, "t1", DELIVERY_PENDING, false);
        deliveries_stop(c->deliveries);
        core_turn(c);
        assert_row(c, "t1", DELIVERY_PENDING, true);
        core_restart(c);
        assert_string_equal(c->told, "t1 ");
        assert_non_null(core_run_line(0));
}

/* It ends while the write that says that it was told is under way, and the other way round. */
static void test_told_while_a_write_is_under_way(void **state) {
        struct core *c = *state;

        core_set_log(CORE_LOG_HOLDS);
        finish(c, "t1");
        fake_store_set_immediate(c->store, false);
        core_end_run(HOOK_DONE);
        core_turn(c);
        core_set_log(CORE_LOG_TAKES);
        deliveries_tell(c->deliveries);
        assert_int_equal(fake_store_pending(c->store), 1);
        fake_store_run(c->store);
        assert_row(c, "t1", DELIVERY_DONE, false);
        core_turn(c);
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store);
        core_pass(c, 6 * SEC);
        fake_store_run(c->store);
        core_turn(c);
        assert_row(c, "t1", DELIVERY_DONE, true);
        assert_int_equal(pending(c), 0);
        assert_int_equal(fake_store_pending(c->store), 0);
}

static void ignore_written(void *userdata, int error) {
        (void) userdata;
        assert_int_equal(error, 0);
}

/* What the store has as an event, and is none, holds up nobody. */
static void test_an_event_that_is_none(void **state) {
        struct core *c = *state;
        struct store_batch *batch = store_batch_new();

        core_stop(c);
        assert_non_null(batch);
        assert_int_equal(store_batch_put_event(batch, "broken", "{x", NULL, 1), 0);
        store_write(c->store, batch, ignore_written, NULL);
        core_start(c);
        core_pass(c, SEC);
        finish(c, "t1");
        assert_string_equal(c->told, "t1 ");
        assert_non_null(core_run_line(0));
        deliveries_stop(c->deliveries);
        core_turn(c);
        assert_true(fake_store_event(c->store, "broken")->told); /* not tried at each start */
}

/* Said once; of one that is no event, that it is not told at all. */
static void test_what_is_told_of_one_that_cannot_be_read(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL, *again = NULL;

        remove_hooks(c);
        core_set_log(CORE_LOG_IS_FULL);
        finish(c, "t1");
        core_turn(c);
        core_set_log(CORE_LOG_TAKES);
        core_listen(c);
        fake_store_fail_next(c->store, -EIO);
        core_pass(c, 5100 * USEC_MSEC);
        text = core_heard(c);
        assert_non_null(strstr(text, "cannot be read from the store (Input/output error), its "
                                     "outcome is not reported yet; retrying until it is"));
        assert_string_equal(c->told, "");
        core_listen(c);
        fake_store_fail_next(c->store, -EIO);
        core_pass(c, 5 * SEC);
        again = core_heard(c);
        assert_string_equal(again, "");
        core_pass(c, 5 * SEC);
        assert_string_equal(c->told, "t1 ");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_an_event_that_is_none),
                TEST(test_told_at_once),
                TEST(test_told_at_once_without_hooks),
                TEST(test_a_crash_before_it_is_told),
                TEST(test_a_crash_before_it_is_taken),
                TEST(test_a_log_that_takes_late),
                TEST(test_a_log_that_is_full),
                TEST(test_a_log_that_says_nothing),
                TEST(test_before_its_hooks),
                TEST(test_an_event_that_cannot_be_read),
                TEST(test_many),
                TEST(test_an_orderly_end),
                TEST(test_told_while_a_write_is_under_way),
                TEST(test_what_is_told_of_one_that_cannot_be_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
