/* Events that are not durable: their order, which of them wait, and how long. */
#include <errno.h>
#include <json-c/json.h>
#include <sys/stat.h>

#include "common/log.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/metrics.h"
#include "unit/capture.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC
#define SLOTS 4
#define WAITING_MAX 1000

static void make_hook(struct core *c, const char *directory) {
        CLEANUP(freep) char *path = str_printf("%s/%s", c->directory, directory);

        assert_non_null(path);
        assert_int_equal(mkdir(path, 0700), 0);
        core_put_text(c, directory, "a", "#!/bin/true\n");
}

static int set_up(void **state) {
        struct core *c = core_new();

        fake_store_set_immediate(c->store, true);
        make_hook(c, "hooks/account.d");
        make_hook(c, "hooks/stalled.d");
        core_start(c);
        *state = c;
        return 0;
}

/* reason: by which a run is known. */
static void account_changes(struct core *c, const char *account, const char *reason) {
        deliveries_add_once(c->deliveries, event_of_account("id", account, "throttled", reason));
}

static void stall_on(struct core *c, const char *name, const char *run_on) {
        const struct event_task task = {.name = name,
                                        .account = "main",
                                        .task_id = "1",
                                        .share_id = "2",
                                        .file = "f",
                                        .run_on = run_on};

        deliveries_add_once(c->deliveries, event_of_task(EVENT_STALLED, "id", &task));
}

static void stall(struct core *c, const char *name) {
        stall_on(c, name, NULL);
}

static struct delivery_counts counts(const struct core *c) {
        return deliveries_count(c->deliveries);
}

static void assert_run(size_t i, const char *text) {
        const char *line = core_run_line(i);

        if (!line || !strstr(line, text))
                fail_msg("run %zu is not of %s but %s", i, text, line ? line : "none");
}

/* Another node would not hear of it. */
static void test_labels(void **state) {
        CLEANUP(freep) char *heard = NULL;
        struct core *c = *state;

        core_set_labels("gpu");
        core_listen(c);
        stall_on(c, "one", "gpu disk");
        heard = core_heard(c);
        stall_on(c, "two", "gpu");
        core_set_labels(NULL);
        assert_non_null(
                strstr(heard, "one: hooks of stalled are not run: this node lacks a label"));
        assert_int_equal(counts(c).waiting, 0);
        assert_run(0, "two");
        assert_null(core_run_line(1));
}

/* Of tasks that take no part. */
static void fill_slots(struct core *c) {
        for (int i = 0; i < SLOTS; i++)
                stall(c, "filler");
        assert_int_equal(counts(c).running, SLOTS);
        assert_int_equal(counts(c).waiting, 0);
}

static void assert_dropped(struct core *c, unsigned account, unsigned stalled) {
        CLEANUP(freep) char *path = str_printf("%s/metrics", c->directory), *expected = NULL;
        CLEANUP(freep) char *text = NULL;
        CLEANUP(closep) int fd = -1;
        size_t length;

        assert_int_equal(
                metrics_write(c->metrics, &(struct metrics_gauges){}, METRICS_PROMETHEUS, path), 0);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read_all(fd, 1U << 20, &text, &length), 0);
        expected = str_printf("koowatch_events_dropped_total{event=\"account\"} %u\n"
                              "koowatch_events_dropped_total{event=\"stalled\"} %u\n",
                              account, stalled);
        if (!strstr(text, expected))
                fail_msg("not %sbut %s", expected, strstr(text, "koowatch_events_dropped_total"));
}

static void test_outcomes_go_first(void **state) {
        struct core *c = *state;

        core_put(c, "state", "one", "t1");
        core_scan(c);
        core_pass(c, 3 * SEC);
        fill_slots(c);
        stall(c, "before");
        account_changes(c, "main", "slow");
        core_answer(c, "t1", 2);
        assert_int_equal(counts(c).waiting, 3);
        core_end_run(HOOK_DONE);
        assert_run(SLOTS - 1, "\"taskId\":\"t1\"");
        core_end_run(HOOK_DONE);
        assert_run(SLOTS - 1, "before");
        core_end_run(HOOK_FAILED);
        assert_run(SLOTS - 1, "slow");
        assert_int_equal(counts(c).waiting, 0);
        assert_int_equal(counts(c).pending, 1);
        assert_dropped(c, 0, 0);
}

/* In its place in the line; stalled tasks are no states of one. */
static void test_the_last_state_of_an_account(void **state) {
        struct core *c = *state;

        account_changes(c, "main", "running");
        for (int i = 1; i < SLOTS; i++)
                stall(c, "filler");
        account_changes(c, "main", "first");
        account_changes(c, "other", "other");
        stall(c, "photos");
        stall(c, "photos");
        for (int i = 0; i < 100; i++)
                account_changes(c, "main", "later");
        account_changes(c, "main", "last");
        assert_int_equal(counts(c).waiting, 4);
        assert_run(0, "running");
        for (int i = 0; i < SLOTS; i++)
                core_end_run(HOOK_DONE);
        assert_run(0, "\"last\"");
        assert_run(1, "\"other\"");
        assert_run(2, "photos");
        assert_run(3, "photos");
        assert_int_equal(counts(c).waiting, 0);
        assert_dropped(c, 0, 0);
}

/* A run that was put off is outdated as well when there is a later state. */
static void test_a_later_state_while_one_is_run(void **state) {
        struct core *c = *state;

        account_changes(c, "main", "first");
        for (int i = 1; i < SLOTS; i++)
                stall(c, "filler");
        account_changes(c, "main", "second");
        core_end_run_as(RUNNER_LATER);
        assert_int_equal(counts(c).waiting, 0);
        assert_run(SLOTS - 1, "second");
        core_pass(c, USEC_MINUTE);
        assert_int_equal(counts(c).running, SLOTS);
        assert_int_equal(counts(c).waiting, 0);
}

static void test_five_minutes(void **state) {
        struct core *c = *state;

        fill_slots(c);
        stall(c, "photos");
        account_changes(c, "other", "old");
        account_changes(c, "main", "old");
        core_pass(c, 200 * SEC);
        account_changes(c, "main", "young");
        core_pass(c, 99 * SEC);
        assert_int_equal(counts(c).waiting, 3);
        core_pass(c, 2 * SEC);
        assert_int_equal(counts(c).waiting, 1);
        assert_dropped(c, 1, 1);
        core_end_run(HOOK_DONE);
        assert_run(SLOTS - 1, "young");
        core_pass(c, USEC_HOUR); /* however long it runs */
        assert_int_equal(counts(c).running, SLOTS);
        assert_dropped(c, 1, 1);
}

/* It is tried all the time, and then not any more. */
static void test_a_runner_that_cannot_be_reached(void **state) {
        struct core *c = *state;

        core_fail_runs(-ECONNREFUSED);
        stall(c, "photos");
        core_pass(c, 280 * SEC);
        assert_int_equal(counts(c).waiting, 1);
        core_pass(c, 21 * SEC);
        assert_int_equal(counts(c).waiting, 0);
        assert_dropped(c, 0, 1);

        stall(c, "music");
        core_pass(c, 100 * SEC);
        core_fail_runs(0);
        core_pass(c, 61 * SEC);
        assert_run(0, "music");
}

static void test_a_thousand(void **state) {
        struct core *c = *state;

        fill_slots(c);
        account_changes(c, "main", "oldest");
        stall(c, "next");
        for (int i = 2; i < WAITING_MAX; i++)
                stall(c, "more");
        assert_int_equal(counts(c).waiting, WAITING_MAX);
        assert_dropped(c, 0, 0);
        stall(c, "more");
        assert_int_equal(counts(c).waiting, WAITING_MAX);
        assert_dropped(c, 1, 0);
        core_end_run(HOOK_DONE);
        assert_run(SLOTS - 1, "next");
}

static unsigned count_of(const char *text, const char *part) {
        unsigned n = 0;

        while ((text = strstr(text, part))) {
                text++;
                n++;
        }
        return n;
}

static void test_one_notice_a_burst(void **state) {
        struct core *c = *state;
        struct capture capture;
        CLEANUP(freep) char *text = NULL;

        fill_slots(c);
        capture_begin(&capture);
        log_set_level(LEVEL_NOTICE);
        stall(c, "photos");
        core_pass(c, USEC_MINUTE);
        stall(c, "music");
        core_pass(c, USEC_HOUR);
        core_end_run(HOOK_DONE); /* and the next one begins */
        stall(c, "filler");
        stall(c, "photos");
        core_pass(c, USEC_HOUR);
        log_set_level((enum log_level) 0);
        text = capture_end(&capture);
        assert_int_equal(count_of(text, "notice dropping account and stalled events, "), 2);
        assert_int_equal(count_of(text, "MaxParallel="), 2);
}

static void test_a_runner_that_dies(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        core_listen(c);
        stall(c, "photos");
        core_end_run_as(RUNNER_FAILED);
        text = core_heard(c);
        assert_int_equal(count_of(text, "photos: "), 1);
        assert_non_null(strstr(text, "hook runner"));
        core_pass(c, USEC_HOUR); /* it is not run again */
        assert_null(core_run_line(0));
        assert_int_equal(counts(c).running, 0);
        assert_int_equal(counts(c).waiting, 0);
}

/* The third time in a row is told, with why: an error, or that it is not ready. */
static void test_what_is_told_of_deferrals(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *two = NULL, *three = NULL, *later = NULL;

        core_fail_runs(-ECONNREFUSED);
        core_listen(c);
        account_changes(c, "main", "slow");
        core_pass(c, 2 * SEC);
        two = core_heard(c);
        assert_string_equal(two, "");
        core_listen(c);
        core_pass(c, USEC_MINUTE);
        three = core_heard(c);
        assert_int_equal(count_of(three, "warning main: hooks of event id are delayed: "), 1);
        assert_non_null(strstr(three, "reached: Connection refused; retrying for 5 minutes"));

        core_fail_runs(0);
        core_pass(c, USEC_MINUTE);
        core_end_run(HOOK_DONE);
        stall(c, "photos");
        core_listen(c);
        for (int i = 0; i < 3; i++) {
                core_end_run_as(RUNNER_LATER);
                core_pass(c, 5 * SEC);
        }
        later = core_heard(c);
        assert_int_equal(count_of(later, "warning photos: hooks of event id are delayed: "), 1);
        assert_non_null(strstr(later, "not becoming ready; retrying for 5 minutes"));
}

/* Put off, it is in front of those that came later, and waits out its pause. */
static void test_put_off_in_front(void **state) {
        struct core *c = *state;

        stall(c, "first");
        for (int i = 1; i < SLOTS; i++)
                stall(c, "filler");
        core_end_run_as(RUNNER_LATER); /* there is a slot */
        assert_int_equal(counts(c).waiting, 1);
        stall(c, "second");
        assert_run(SLOTS - 1, "second");
        core_pass(c, 900 * USEC_MSEC);
        core_end_run(HOOK_DONE);
        assert_int_equal(counts(c).running, SLOTS - 1);
        core_pass(c, 200 * USEC_MSEC);
        assert_run(SLOTS - 1, "first");
        assert_int_equal(counts(c).waiting, 0);
}

/* One that cannot be started does not keep the others from being tried. */
static void test_all_that_wait_are_tried(void **state) {
        struct core *c = *state;

        fill_slots(c);
        stall(c, "first");
        stall(c, "second");
        core_fail_runs(-ECONNREFUSED);
        core_end_run(HOOK_DONE);
        core_fail_runs(0);
        stall(c, "third"); /* while the others wait out their pauses */
        assert_run(SLOTS - 1, "third");
        assert_int_equal(counts(c).waiting, 2);
}

static void test_what_is_told_of_a_hook(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        stall(c, "photos");
        core_listen(c);
        core_end_hook("a", HOOK_FAILED);
        text = core_heard(c);
        assert_int_equal(count_of(text, "warning photos: hook a ended: failed"), 1);
}

/* Attempts of an event without hooks are none. */
static void test_no_hooks(void **state) {
        struct core *c = *state;

        core_remove(c, "hooks/account.d", "a");
        account_changes(c, "main", "slow");
        assert_null(core_run_line(0));
        assert_int_equal(counts(c).waiting, 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, core_tear_down)
                TEST(test_labels),
                TEST(test_outcomes_go_first),
                TEST(test_the_last_state_of_an_account),
                TEST(test_a_later_state_while_one_is_run),
                TEST(test_five_minutes),
                TEST(test_a_runner_that_cannot_be_reached),
                TEST(test_a_thousand),
                TEST(test_one_notice_a_burst),
                TEST(test_a_runner_that_dies),
                TEST(test_what_is_told_of_deferrals),
                TEST(test_put_off_in_front),
                TEST(test_all_that_wait_are_tried),
                TEST(test_what_is_told_of_a_hook),
                TEST(test_no_hooks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
