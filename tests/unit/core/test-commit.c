/* The one writer: when it writes, what it says when it cannot, and when it forgets. */
#include <errno.h>

#include "koowatchd/report/event.h"
#include "koowatchd/store/store-backend.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC

static struct {
        unsigned status, counted, finished, parked;
        usec_t wall;
} seen;

static void on_status(void *userdata) {
        (void) userdata;
        seen.status++;
}

static void on_counted(void *userdata, unsigned finished, unsigned parked) {
        (void) userdata;
        seen.counted++;
        seen.finished = finished;
        seen.parked = parked;
}

static usec_t wall(void *userdata) {
        (void) userdata;
        return seen.wall;
}

static int set_up(void **state) {
        struct core *c;

        (void) core_set_up(state);
        c = *state;
        seen = (typeof(seen)){.wall = time_true()};
        commit_set_handler(c->commit, &(struct commit_handler){.on_status = {on_status, c},
                                                               .on_counted = on_counted,
                                                               .wall = wall,
                                                               .userdata = c});
        return 0;
}

static void register_task(struct core *c, const char *name, const char *task_id) {
        core_put(c, "low", name, task_id);
        core_scan(c);
}

static void test_a_write_that_fails(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *failing = NULL, *again = NULL, *good = NULL;
        size_t writes = fake_store_writes(c->store);

        core_listen(c);
        core_put(c, "low", "one", "t1");
        fake_store_set_immediate(c->store, false);
        registry_scan(c->registry);
        fake_store_run(c->store);
        core_turn(c);
        fake_store_fail_next(c->store, -ENOSPC);
        fake_store_run(c->store);
        failing = core_heard(c);
        assert_int_equal(commit_state(c->commit), COMMIT_FAILING);
        assert_non_null(strstr(failing, "state.db: cannot write (No space left on device); "
                                        "outcomes wait until it is writable"));
        assert_true(seen.status > 0);
        fake_store_set_immediate(c->store, true);

        core_listen(c);
        core_pass(c, 4900 * USEC_MSEC); /* five seconds later, and not before */
        assert_int_equal(fake_store_writes(c->store), writes);
        fake_store_fail_next(c->store, -ENOSPC);
        core_pass(c, 200 * USEC_MSEC);
        again = core_heard(c);
        assert_string_equal(again, ""); /* it has been said */
        assert_int_equal(fake_store_writes(c->store), writes);

        core_listen(c);
        core_pass(c, 5 * SEC);
        good = core_heard(c);
        assert_int_equal(fake_store_writes(c->store), writes + 1);
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
        assert_non_null(strstr(good, "notice state.db: writable again"));
        assert_non_null(core_row(c, "t1"));
}

/* The end does not wait for the pause. */
static void test_the_end_after_a_failure(void **state) {
        struct core *c = *state;

        register_task(c, "one", "t1");
        core_pass(c, 3 * SEC);
        fake_store_set_immediate(c->store, false);
        core_answer(c, "t1", 2);
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store);
        assert_int_equal(commit_state(c->commit), COMMIT_FAILING);
        fake_store_set_immediate(c->store, true);
        core_turn(c);
        assert_string_equal(c->finished, "");
        commit_finish(c->commit);
        assert_string_equal(c->finished, "t1:completed ");
}

static void test_a_store_that_says_nothing(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *silent = NULL, *good = NULL;

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        fake_store_step(c->store);
        assert_false(commit_is_busy(c->commit));
        core_turn(c);
        assert_true(commit_is_busy(c->commit));
        core_listen(c);
        core_pass(c, 9900 * USEC_MSEC);
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
        core_pass(c, 200 * USEC_MSEC);
        assert_int_equal(commit_state(c->commit), COMMIT_SILENT);
        core_pass(c, USEC_MINUTE);
        silent = core_heard(c);
        assert_non_null(strstr(silent, "state.db: no answer for 10 s; polling goes on, outcomes "
                                       "wait until it answers"));
        assert_null(strstr(strstr(silent, "no answer") + 1, "no answer"));
        core_listen(c);
        seen.status = 0;
        fake_store_set_immediate(c->store, true);
        good = core_heard(c);
        assert_non_null(strstr(good, "writable again"));
        assert_true(seen.status >= 2); /* of the state, and of what was written */
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
        assert_false(commit_is_busy(c->commit));
        core_pass(c, USEC_MINUTE); /* the answer is awaited no more */
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
}

/* A server that goes and comes: nothing is tried meanwhile, and all at once then. */
static void test_a_store_that_cannot_be_reached(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *lost = NULL, *back = NULL;
        size_t writes = fake_store_writes(c->store);

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        fake_store_run(c->store);
        core_turn(c);
        assert_true(commit_is_busy(c->commit));
        core_listen(c);
        store_report_reach(c->store, -ENOTCONN); /* and then what was under way fails */
        fake_store_fail_next(c->store, -ENOTCONN);
        fake_store_run(c->store);
        commit_count(c->commit);
        fake_store_fail_next(c->store, -ENOTCONN);
        fake_store_run(c->store);
        core_pass(c, USEC_MINUTE);
        lost = core_heard(c);
        assert_int_equal(commit_state(c->commit), COMMIT_UNREACHABLE);
        assert_non_null(strstr(lost, "state.db: cannot be reached ("));
        assert_null(strstr(lost, "cannot write"));
        assert_null(strstr(lost, "counted"));
        assert_int_equal(fake_store_pending(c->store), 0);
        commit_finish(c->commit); /* does not wait for it */
        assert_false(commit_is_busy(c->commit));

        core_listen(c);
        seen.counted = 0;
        store_report_reach(c->store, 0);
        core_turn(c);
        fake_store_run(c->store);
        back = core_heard(c);
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
        assert_non_null(strstr(back, "state.db: reached again"));
        assert_int_equal(fake_store_writes(c->store), writes + 1);
        assert_int_equal(seen.counted, 1);
}

/* The connection was lost for a moment, and a write with it: the next try is not put off. */
static void test_a_store_that_was_lost_for_a_moment(void **state) {
        struct core *c = *state;
        size_t writes = fake_store_writes(c->store);

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        fake_store_run(c->store);
        core_turn(c);
        fake_store_fail_next(c->store, -ENOTCONN);
        fake_store_run(c->store);
        assert_int_equal(commit_state(c->commit), COMMIT_FAILING);
        store_report_reach(c->store, 0);
        core_turn(c);
        fake_store_run(c->store);
        assert_int_equal(fake_store_writes(c->store), writes + 1);
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
}

/* It answers in time: that is awaited no more. */
static void test_a_store_that_answers_late(void **state) {
        struct core *c = *state;

        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        fake_store_step(c->store);
        core_turn(c);
        core_pass(c, 9 * SEC);
        assert_true(commit_is_busy(c->commit));
        fake_store_set_immediate(c->store, true);
        assert_false(commit_is_busy(c->commit));
        core_pass(c, USEC_MINUTE);
        assert_int_equal(commit_state(c->commit), COMMIT_OK);
}

/* Who has met it, reading or writing: it is said once. */
static void test_damage(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL, *again = NULL;

        core_listen(c);
        c->store->is_damaged = true;
        core_turn(c);
        text = core_heard(c);
        assert_non_null(strstr(text, "state.db: damaged ("));
        assert_non_null(strstr(text, "restart koowatchd, which then moves it aside"));
        core_listen(c);
        core_turn(c);
        fake_store_set_immediate(c->store, false);
        core_put(c, "low", "one", "t1");
        registry_scan(c->registry);
        fake_store_step(c->store);
        core_turn(c);
        fake_store_fail_next(c->store, -EIO);
        fake_store_run(c->store);
        again = core_heard(c);
        assert_int_equal(commit_state(c->commit), COMMIT_FAILING);
        assert_string_equal(again, "");
}

/* Counted at the start, and after each time that something may have been forgotten. */
static void test_counts(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        register_task(c, "one", "t1");
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        commit_start(c->commit);
        assert_int_equal(seen.counted, 1);
        assert_int_equal(seen.finished, 1);
        assert_int_equal(seen.parked, 0);
        core_pass(c, 59 * SEC);
        assert_int_equal(seen.counted, 1);
        core_pass(c, 2 * SEC);
        assert_int_equal(seen.counted, 2);
        core_pass(c, 59 * USEC_MINUTE);
        assert_int_equal(seen.counted, 2);
        core_pass(c, 2 * USEC_MINUTE);
        assert_int_equal(seen.counted, 3);

        core_listen(c);
        fake_store_fail_next(c->store, -EIO);
        commit_start(c->commit);
        text = core_heard(c);
        assert_int_equal(seen.counted, 3);
        assert_non_null(strstr(text, "warning state.db: what is in it cannot be counted"));
}

/* One task that has finished and gone. */
static void finish_and_go(struct core *c) {
        register_task(c, "one", "t1");
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, SEC);
        assert_true(core_row(c, "t1")->gone);
}

static void test_history(void **state) {
        struct core *c = *state;

        commit_configure(c->commit, USEC_DAY);
        finish_and_go(c);
        commit_start(c->commit);
        core_pass(c, 2 * USEC_MINUTE); /* the clock has not moved on so far */
        assert_non_null(core_row(c, "t1"));
        seen.wall = 0; /* not known: nothing is forgotten, whatever the machine's clock says */
        core_pass(c, USEC_HOUR);
        assert_non_null(core_row(c, "t1"));
        seen.wall = -USEC_DAY;
        core_pass(c, USEC_HOUR);
        assert_non_null(core_row(c, "t1"));
        seen.wall = time_true() + 2 * USEC_DAY;
        core_pass(c, 50 * USEC_MINUTE);
        assert_non_null(core_row(c, "t1"));
        core_pass(c, 11 * USEC_MINUTE);
        assert_null(core_row(c, "t1"));
}

/* What could not be forgotten is, with the next write that succeeds. */
static void test_history_of_a_write_that_fails(void **state) {
        struct core *c = *state;

        commit_configure(c->commit, USEC_DAY);
        finish_and_go(c);
        commit_start(c->commit);
        seen.wall = time_true() + 2 * USEC_DAY;
        seen.counted = 0;
        fake_store_fail_next(c->store, -EIO);
        core_pass(c, 61 * SEC);
        assert_int_equal(commit_state(c->commit), COMMIT_FAILING);
        assert_non_null(core_row(c, "t1"));
        assert_int_equal(seen.counted, 0);
        core_pass(c, 6 * SEC);
        assert_null(core_row(c, "t1"));
        assert_int_equal(seen.counted, 1);
        assert_int_equal(seen.finished, 0);
        register_task(c, "two", "t2"); /* and the next writes forget nothing */
        assert_int_equal(seen.counted, 1);
}

/* All is remembered where nothing is said. */
static void test_no_history(void **state) {
        struct core *c = *state;

        finish_and_go(c);
        commit_start(c->commit);
        seen.wall = time_true() + 10000 * USEC_DAY;
        core_pass(c, 2 * USEC_MINUTE);
        assert_non_null(core_row(c, "t1"));
}

static void finish(struct core *c, const char *id) {
        const struct event_task task = {
                .name = id, .account = "main", .task_id = id, .outcome = OUTCOME_CANCELED};

        assert_int_equal(
                deliveries_add(c->deliveries, event_of_task(EVENT_FINISHED, id, &task), NULL), 0);
}

/* That one was told and delivered is written together with what has come since. */
static void test_what_a_batch_leads_to(void **state) {
        struct core *c = *state;
        size_t writes = fake_store_writes(c->store);

        core_remove(c, "hooks/finished.d", "a");
        finish(c, "t1");
        assert_true(commit_run(c->commit));
        assert_string_equal(c->finished, "t1:canceled ");
        assert_int_equal(fake_store_event(c->store, "t1")->state, DELIVERY_PENDING);
        finish(c, "t2");
        assert_true(commit_run(c->commit));
        assert_string_equal(c->finished, "t1:canceled t2:canceled ");
        assert_int_equal(fake_store_event(c->store, "t1")->state, DELIVERY_DONE);
        assert_int_equal(fake_store_event(c->store, "t2")->state, DELIVERY_PENDING);
        assert_false(commit_run(c->commit));
        assert_int_equal(fake_store_event(c->store, "t2")->state, DELIVERY_DONE);
        assert_int_equal(fake_store_writes(c->store), writes + 3);
}

/* What others have to write, too. */
static struct {
        unsigned collected, written, failed;
        int result;
} other;

static int collect_other(void *userdata, struct store_batch *batch) {
        (void) userdata;
        assert_non_null(batch);
        other.collected++;
        return other.result;
}

static void other_committed(void *userdata, bool written) {
        (void) userdata;
        other.written += written;
        other.failed += !written;
}

static void test_what_others_write(void **state) {
        struct core *c = *state;

        other = (typeof(other)){.result = -ENOMEM};
        commit_set_handler(c->commit, &(struct commit_handler){.on_status = {on_status, c},
                                                               .on_counted = on_counted,
                                                               .wall = wall,
                                                               .collect = collect_other,
                                                               .committed = other_committed,
                                                               .userdata = c});
        register_task(c, "one", "t1");
        core_turn(c);
        assert_int_equal(other.collected, 1);
        assert_int_equal(fake_store_tasks(c->store), 0);
        other.result = 0;
        fake_store_fail_next(c->store, -EIO);
        core_pass(c, 5100 * USEC_MSEC);
        assert_int_equal(other.failed, 1);
        core_pass(c, 5100 * USEC_MSEC);
        assert_int_equal(other.written, 1);
        assert_int_equal(other.collected, 3);
        assert_int_equal(fake_store_tasks(c->store), 1);
}

static void test_no_timer(void **state) {
        struct core *c = *state;
        struct commit *commit;

        time_fail_next_open();
        assert_int_equal(
                commit_new(c->timers, c->store, "state.db", c->registry, c->deliveries, &commit),
                -ENOMEM);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, core_tear_down)
                TEST(test_a_write_that_fails),
                TEST(test_the_end_after_a_failure),
                TEST(test_a_store_that_says_nothing),
                TEST(test_a_store_that_cannot_be_reached),
                TEST(test_a_store_that_was_lost_for_a_moment),
                TEST(test_a_store_that_answers_late),
                TEST(test_damage),
                TEST(test_counts),
                TEST(test_history),
                TEST(test_history_of_a_write_that_fails),
                TEST(test_no_history),
                TEST(test_what_a_batch_leads_to),
                TEST(test_what_others_write),
                TEST(test_no_timer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
