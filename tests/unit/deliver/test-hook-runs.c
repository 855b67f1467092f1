/* Runs of hooks on their way into the store. */
#include "koowatchd/deliver/hook-runs.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/store/store-batch.h"
#include "unit/support.h"

#define WALL (1747708152 * USEC_SEC)

static void add(struct hook_runs *runs, const char *hook, enum hook_result result) {
        hook_runs_add(runs,
                      &(struct hook_end){.hook = hook,
                                         .result = result,
                                         .status = 0,
                                         .signal = -1,
                                         .seconds = 1.5,
                                         .tail = "said"},
                      2, WALL);
}

/* "HOOK:STATUS " of each that would be written. */
static void assert_written(const struct hook_runs *runs, const char *expected) {
        struct store_batch *batch = store_batch_new();
        char text[256] = "";

        assert_int_equal(hook_runs_write(runs, "e1", batch), 0);
        for (const struct store_op *op = NULL; (op = store_batch_next(batch, op));) {
                size_t n = strlen(text);

                assert_string_equal(op->event_id, "e1");
                (void) snprintf(text + n, sizeof(text) - n, "%s:%s ", op->run.hook, op->run.status);
        }
        store_batch_free(batch);
        assert_string_equal(text, expected);
}

static void test_a_run(void **state) {
        struct hook_runs runs = {};
        struct store_batch *batch = store_batch_new();
        const struct store_op *op;

        (void) state;
        add(&runs, "finished.d/a", HOOK_DONE);
        assert_int_equal(hook_runs_write(&runs, "e1", batch), 0);
        op = store_batch_next(batch, NULL);
        assert_int_equal(op->run.attempt, 2);
        assert_int_equal(op->run.started, WALL - 1500 * USEC_MSEC);
        assert_int_equal(op->run.duration, 1500 * USEC_MSEC);
        assert_int_equal(op->run.exit_status, 0);
        assert_int_equal(op->run.signal, -1);
        assert_string_equal(op->run.tail, "said");
        store_batch_free(batch);
        hook_runs_clear(&runs);
}

static void test_what_is_said_of_one_that_did_not_run(void **state) {
        struct hook_runs runs = {};
        struct store_batch *batch = store_batch_new();

        (void) state;
        hook_runs_add(&runs,
                      &(struct hook_end){.hook = "named.d/a",
                                         .result = HOOK_FAILED,
                                         .reason = "no such hook",
                                         .status = -1,
                                         .signal = -1},
                      1, WALL);
        hook_runs_add(&runs,
                      &(struct hook_end){
                              .hook = "b", .result = HOOK_FAILED, .timed_out = true, .signal = 15},
                      1, WALL);
        assert_int_equal(hook_runs_write(&runs, "e1", batch), 0);
        assert_string_equal(store_batch_next(batch, NULL)->run.tail, "no such hook");
        store_batch_free(batch);
        assert_written(&runs, "named.d/a:failed b:timeout ");
        hook_runs_clear(&runs);
}

static void test_what_is_written_is_forgotten(void **state) {
        struct hook_runs runs = {};

        (void) state;
        add(&runs, "a", HOOK_DONE);
        add(&runs, "b", HOOK_LATER);
        hook_runs_begin_commit(&runs);
        add(&runs, "c", HOOK_SKIPPED);
        hook_runs_end_commit(&runs, false);
        assert_written(&runs, "a:done b:later c:skipped ");
        hook_runs_begin_commit(&runs);
        add(&runs, "d", HOOK_PROGRESS);
        hook_runs_end_commit(&runs, true);
        assert_written(&runs, "d:progress ");
        hook_runs_clear(&runs);
        assert_written(&runs, "");
}

/* A store that fails for days does not fill the memory. */
static void test_the_last_ones_are_kept(void **state) {
        struct hook_runs runs = {};
        char hook[16];

        (void) state;
        for (unsigned i = 0; i < STORE_RUNS_MAX + 5; i++) {
                (void) snprintf(hook, sizeof(hook), "%u", i);
                add(&runs, hook, HOOK_FAILED);
        }
        assert_int_equal(runs.count, STORE_RUNS_MAX);
        while (runs.count > 1) {
                runs.in_commit = 1;
                hook_runs_end_commit(&runs, true);
        }
        assert_written(&runs, "204:failed ");
        hook_runs_clear(&runs);
}

/* Whatever a runner sends. */
static void test_a_long_tail_is_cut(void **state) {
        struct hook_runs runs = {};
        struct store_batch *batch = store_batch_new();
        CLEANUP(freep) char *tail = calloc(1, 5001);

        (void) state;
        memset(tail, 'a', 5000);
        hook_runs_add(&runs, &(struct hook_end){.hook = "a", .tail = tail, .seconds = 1e300}, 1,
                      WALL);
        assert_int_equal(hook_runs_write(&runs, "e1", batch), 0);
        assert_int_equal(strlen(store_batch_next(batch, NULL)->run.tail), 2048);
        store_batch_free(batch);
        hook_runs_clear(&runs);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run),
                cmocka_unit_test(test_what_is_said_of_one_that_did_not_run),
                cmocka_unit_test(test_what_is_written_is_forgotten),
                cmocka_unit_test(test_the_last_ones_are_kept),
                cmocka_unit_test(test_a_long_tail_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
