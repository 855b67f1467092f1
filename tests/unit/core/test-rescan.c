#include "koowatchd/rescan.h"
#include "unit/capture.h"
#include "unit/fake-time.h"
#include "unit/support.h"

static struct rescan rescan;
static struct timers *timers;
static unsigned tries;
static bool fails;

static void on_due(void *userdata) {
        (void) userdata;
        tries++;
        if (fails)
                rescan_request(&rescan, "/a", "no descriptors");
}

static int set_up(void **state) {
        (void) state;
        time_reset();
        tries = 0;
        fails = true;
        assert_int_equal(timers_new(NULL, &timers), 0);
        return rescan_open(&rescan, timers, (struct callback){.fn = on_due});
}

static int tear_down(void **state) {
        (void) state;
        rescan_close(&rescan);
        timers_free(timers);
        return 0;
}

/* The pause until the next try, in seconds. */
static int pause_now(void) {
        return (int) ((time_next(timers) - clock_boot()) / USEC_SEC);
}

static void test_pauses_grow_while_it_lasts(void **state) {
        static const int pauses[] = {5, 10, 20, 40, 60, 60};

        (void) state;
        rescan_request(&rescan, "/a", "no descriptors");
        for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
                assert_int_equal(pause_now(), pauses[i]);
                rescan_request(&rescan, "/b", "no descriptors"); /* of the same try */
                assert_int_equal(pause_now(), pauses[i]);
                time_pass(timers, pauses[i] * USEC_SEC);
                assert_int_equal(tries, i + 1);
        }
}

static void test_a_try_that_does_well_ends_a_row(void **state) {
        (void) state;
        rescan_request(&rescan, "/a", "no descriptors");
        time_pass(timers, 14 * USEC_SEC);
        assert_int_equal(pause_now(), 1);
        fails = false;
        time_pass(timers, 65 * USEC_SEC);
        assert_int_equal(time_next(timers), USEC_INFINITY);
        rescan_request(&rescan, "/a", "no descriptors");
        assert_int_equal(pause_now(), 5);
}

/* What a try has begun fails a while later. */
static void test_a_try_takes_a_while(void **state) {
        (void) state;
        fails = false;
        rescan_request(&rescan, "/a", "no descriptors");
        time_pass(timers, 5 * USEC_SEC);
        assert_int_equal(tries, 1);
        time_pass(timers, 50 * USEC_SEC);
        rescan_request(&rescan, "/a", "no descriptors");
        assert_int_equal(pause_now(), 10);
}

static void test_what_is_said(void **state) {
        struct capture capture;
        char *log;

        (void) state;
        capture_begin(&capture);
        rescan_request(&rescan, "/a", "no descriptors");
        time_pass(timers, 4 * USEC_MINUTE);
        log = capture_end(&capture);
        assert_string_equal(log, "warning /a: cannot read (no descriptors), retrying in 5 s\n");
        free(log);
        capture_begin(&capture);
        time_pass(timers, 2 * USEC_MINUTE);
        log = capture_end(&capture);
        assert_string_equal(log, "warning /a: cannot read (no descriptors), retrying in 60 s\n");
        free(log);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                TEST(test_pauses_grow_while_it_lasts),
                TEST(test_a_try_that_does_well_ends_a_row),
                TEST(test_a_try_takes_a_while),
                TEST(test_what_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
