/* Deliveries that an administrator tries again, or gives up. */
#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/deliver/redelivery.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC

static struct {
        unsigned count;
        enum redelivery_result result;
        int error;
} done;

static void on_done(void *userdata, enum redelivery_result result, int error) {
        (void) userdata;
        done.count++;
        done.result = result;
        done.error = error;
}

static int change(void *userdata, json_object *event) {
        return json_object_object_add(event, "changed", json_object_new_string(userdata));
}

static int refuse_change(void *userdata, json_object *event) {
        (void) userdata;
        (void) event;
        return -ENOENT;
}

static void redeliver(struct core *c, const char *changed) {
        done.count = 0;
        deliveries_redeliver(c->deliveries, &(struct redelivery_request){
                                                    .event_id = c->told_id,
                                                    .change = changed ? change : NULL,
                                                    .on_done = on_done,
                                                    .userdata = (char *) changed,
                                            });
}

static void dismiss(struct core *c) {
        done.count = 0;
        deliveries_dismiss(c->deliveries, &(struct redelivery_request){.event_id = c->told_id,
                                                                       .on_done = on_done});
}

static void assert_done(enum redelivery_result result) {
        assert_int_equal(done.count, 1);
        assert_int_equal(done.result, result);
}

static struct delivery_counts counts(const struct core *c) {
        return deliveries_count(c->deliveries);
}

static const struct store_delivery *row(struct core *c) {
        return fake_store_event(c->store, c->told_id);
}

/* A task that has completed just now, and whose event is with the runner. */
static void finish_one(struct core *c) {
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        assert_non_null(core_run_line(0));
}

static void park_one(struct core *c) {
        finish_one(c);
        for (unsigned i = 0; i < 3; i++) {
                core_end_hook("finished.d/good", i == 0 ? HOOK_DONE : HOOK_SKIPPED);
                core_end_run(HOOK_FAILED);
                core_pass(c, 100 * SEC);
        }
        assert_int_equal(row(c)->state, DELIVERY_PARKED);
        assert_int_equal(counts(c).pending, 0);
        assert_true(core_has(c, "state", "one"));
}

/* Its file is there for as long as it may be delivered yet. */
static void test_the_file_of_a_parked_one_stays(void **state) {
        struct core *c = *state;

        park_one(c);
        core_restart(c);
        assert_true(core_has(c, "state", "one"));
        assert_false(core_is_asked(c, "t1"));
        assert_int_equal(registry_count(c->registry).finished, 1);
}

/* To be delivered with; it is no new registration, also after a restart. */
static void test_the_file_of_a_parked_one_is_corrected(void **state) {
        struct core *c = *state;

        park_one(c);
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
        core_restart(c);
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_false(core_is_asked(c, "t1"));
        redeliver(c, NULL);
        core_turn(c);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_false(core_has(c, "state", "one"));
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
}

static void test_a_parked_one_is_tried_again(void **state) {
        struct core *c = *state;

        park_one(c);
        redeliver(c, NULL);
        assert_int_equal(done.count, 0); /* it is not on disk */
        assert_null(core_run_line(0));
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        assert_int_equal(row(c)->state, DELIVERY_PENDING);
        assert_int_equal(counts(c).pending, 1);
        assert_int_equal(counts(c).running, 1);
        assert_non_null(strstr(core_run_line(0), c->told_id));
        assert_non_null(strstr(core_run_line(0), "\"attempt\":4"));
        assert_non_null(strstr(core_run_line(0), "\"settled\":[\"finished.d/good\"]"));
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_int_equal(row(c)->state, DELIVERY_DONE);
        assert_false(core_has(c, "state", "one"));
        assert_int_equal(counts(c).pending, 0);
}

/* It has all its attempts before it is parked once more. */
static void test_its_attempts_begin_anew(void **state) {
        struct core *c = *state;

        park_one(c);
        redeliver(c, NULL);
        core_turn(c);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(row(c)->state, DELIVERY_PENDING);
                core_end_run(HOOK_FAILED);
                core_pass(c, 100 * SEC);
        }
        assert_int_equal(row(c)->state, DELIVERY_PARKED);
        assert_int_equal(c->parked, 2);
}

static void test_one_that_was_delivered_runs_all_hooks(void **state) {
        struct core *c = *state;

        finish_one(c);
        core_end_run(HOOK_DONE);
        core_pass(c, SEC);
        assert_int_equal(row(c)->state, DELIVERY_DONE);
        redeliver(c, NULL);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
        assert_null(strstr(core_run_line(0), "settled"));
}

static void test_one_that_waits_goes_now(void **state) {
        struct core *c = *state;

        finish_one(c);
        core_end_run(HOOK_FAILED);
        core_turn(c);
        assert_int_equal(counts(c).waiting, 1);
        redeliver(c, NULL);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        assert_int_equal(counts(c).waiting, 0);
        assert_non_null(strstr(core_run_line(0), "\"attempt\":2"));
        core_end_run(HOOK_DONE);
        core_pass(c, 100 * SEC);
        assert_null(core_run_line(0)); /* the pause that it had does not end any more */
}

static void test_one_that_runs_is_left_alone(void **state) {
        struct core *c = *state;

        finish_one(c);
        redeliver(c, NULL);
        assert_done(REDELIVERY_BUSY);
        dismiss(c);
        assert_done(REDELIVERY_BUSY);
        assert_null(core_run_line(1));
}

/* One that waits for a slot is there once. */
static void test_one_that_is_ready(void **state) {
        struct core *c = *state;

        core_fail_runs(-ECONNREFUSED);
        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        redeliver(c, NULL);
        core_fail_runs(0);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        core_pass(c, 100 * SEC);
        assert_non_null(core_run_line(0));
        assert_null(core_run_line(1));
}

static void test_a_changed_event(void **state) {
        struct core *c = *state;

        park_one(c);
        redeliver(c, "yes");
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        assert_non_null(strstr(fake_store_event_body(c->store, c->told_id), "\"changed\":\"yes\""));
        assert_non_null(strstr(core_run_line(0), "\"changed\":\"yes\""));
        core_restart(c);
        assert_non_null(strstr(core_run_line(0), "\"changed\":\"yes\""));
}

static void test_a_change_that_fails_changes_nothing(void **state) {
        struct core *c = *state;

        park_one(c);
        done.count = 0;
        deliveries_redeliver(c->deliveries, &(struct redelivery_request){
                                                    .event_id = c->told_id,
                                                    .change = refuse_change,
                                                    .on_done = on_done,
                                            });
        assert_done(REDELIVERY_FAILED);
        assert_int_equal(done.error, -ENOENT);
        core_pass(c, SEC);
        assert_int_equal(row(c)->state, DELIVERY_PARKED);
        assert_null(core_run_line(0));
}

/* What was asked for holds when the store is well again, and after a crash as well. */
static void test_a_store_that_fails(void **state) {
        struct core *c = *state;

        park_one(c);
        redeliver(c, NULL);
        fake_store_fail_next(c->store, -ENOSPC);
        core_turn(c);
        assert_int_equal(done.count, 0);
        assert_null(core_run_line(0));
        core_pass(c, 6 * SEC);
        assert_done(REDELIVERY_DONE);
        core_restart(c);
        assert_non_null(core_run_line(0));
}

static void test_a_store_that_cannot_be_read(void **state) {
        struct core *c = *state;

        park_one(c);
        fake_store_fail_next(c->store, -EIO);
        redeliver(c, NULL);
        assert_done(REDELIVERY_FAILED);
        assert_int_equal(done.error, -EIO);
}

static void test_an_unknown_event(void **state) {
        struct core *c = *state;

        (void) snprintf(c->told_id, sizeof(c->told_id), "none");
        redeliver(c, NULL);
        assert_done(REDELIVERY_UNKNOWN);
        dismiss(c);
        assert_done(REDELIVERY_UNKNOWN);
}

static void test_a_parked_one_is_dismissed(void **state) {
        struct core *c = *state;

        park_one(c);
        assert_true(core_has(c, "state", "one"));
        dismiss(c);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        assert_int_equal(row(c)->state, DELIVERY_DONE);
        assert_false(core_has(c, "state", "one"));
        assert_int_equal(counts(c).pending, 0);
        assert_int_equal(c->parked, 1);
        dismiss(c);
        assert_done(REDELIVERY_OVER);
}

static void test_a_waiting_one_is_dismissed(void **state) {
        struct core *c = *state;

        finish_one(c);
        core_end_run(HOOK_FAILED);
        core_turn(c);
        dismiss(c);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        assert_int_equal(counts(c).pending, 0);
        assert_int_equal(counts(c).failing, 0);
        assert_int_equal(counts(c).waiting, 0);
        core_pass(c, USEC_HOUR);
        assert_null(core_run_line(0));
        assert_false(core_has(c, "state", "one"));
}

/* The journal has not taken the outcome yet: it is told all the same. */
static void test_one_that_is_not_told(void **state) {
        struct core *c = *state;

        core_set_log(CORE_LOG_HOLDS);
        finish_one(c);
        core_end_run(HOOK_FAILED);
        core_turn(c);
        dismiss(c);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        redeliver(c, NULL);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        core_set_log(CORE_LOG_TAKES);
        core_end_run(HOOK_DONE);
        core_pass(c, 10 * SEC);
        assert_true(row(c)->told);
        assert_string_equal(c->told, "t1 ");
        assert_int_equal(row(c)->state, DELIVERY_DONE);
}

/* Whoever waits for an answer when the daemon ends gets none from here. */
static void test_orders_end_with_the_deliveries(void **state) {
        struct core *c = *state;

        park_one(c);
        fake_store_set_immediate(c->store, false);
        redeliver(c, NULL);
        core_restart(c);
        assert_int_equal(done.count, 0);
}

/* Nothing is left that stands for it. */
static void test_one_whose_file_has_gone_is_parked(void **state) {
        struct core *c = *state;

        finish_one(c);
        core_remove(c, "state", "one");
        core_scan(c);
        core_pass(c, SEC);
        for (unsigned i = 0; i < 3; i++) {
                core_end_run(HOOK_FAILED);
                core_pass(c, 100 * SEC);
        }
        assert_int_equal(row(c)->state, DELIVERY_PARKED);
        redeliver(c, NULL);
        core_turn(c);
        assert_done(REDELIVERY_DONE);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_int_equal(row(c)->state, DELIVERY_DONE);
}

static void on_run(void *userdata, const struct store_run *run) {
        char **text = userdata;
        char *longer =
                str_printf("%s%s:%u:%s ", *text ? *text : "", run->hook, run->attempt, run->status);

        free(*text);
        *text = longer;
}

static void on_runs_end(void *userdata, int error) {
        (void) userdata;
        assert_int_equal(error, 0);
}

/* What hooks have done is in the store with the end of each attempt, once. */
static void test_runs_are_written(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        finish_one(c);
        core_end_hook("finished.d/good", HOOK_DONE);
        fake_store_fail_next(c->store, -ENOSPC);
        core_turn(c);
        core_end_run(HOOK_FAILED);
        core_pass(c, 20 * SEC);
        core_end_run(HOOK_LATER);
        core_turn(c);
        store_each_run(c->store, c->told_id, on_run, on_runs_end, &text);
        assert_string_equal(text, "finished.d/good:1:done finished.d/a:1:failed "
                                  "finished.d/a:2:later ");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, core_set_up, core_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_the_file_of_a_parked_one_stays),
                TEST(test_the_file_of_a_parked_one_is_corrected),
                TEST(test_a_parked_one_is_tried_again),
                TEST(test_its_attempts_begin_anew),
                TEST(test_one_that_was_delivered_runs_all_hooks),
                TEST(test_one_that_waits_goes_now),
                TEST(test_one_that_runs_is_left_alone),
                TEST(test_one_that_is_ready),
                TEST(test_a_changed_event),
                TEST(test_a_change_that_fails_changes_nothing),
                TEST(test_a_store_that_fails),
                TEST(test_a_store_that_cannot_be_read),
                TEST(test_an_unknown_event),
                TEST(test_a_parked_one_is_dismissed),
                TEST(test_a_waiting_one_is_dismissed),
                TEST(test_one_that_is_not_told),
                TEST(test_orders_end_with_the_deliveries),
                TEST(test_one_whose_file_has_gone_is_parked),
                TEST(test_runs_are_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
