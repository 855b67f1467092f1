/* Watches: when a task is asked about again, and what of its answers becomes an event. */
#include <json-c/json.h>
#include <sys/stat.h>
#include <time.h>

#include "common/log.h"
#include "koowatchd/task/task-state.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC
#define TASK(more) "[Task]\nTaskId=t1\nShareId=7\n" more

static void start(struct core *c, const char *text) {
        core_put_text(c, "low", "one", text);
        core_scan(c);
        core_pass(c, 3 * SEC);
        assert_true(core_is_asked(c, "t1"));
}

/* The pause after an answer, in seconds, between low and high. */
static void assert_pause(struct core *c, usec_t low, usec_t high) {
        core_pass(c, low * SEC);
        assert_false(core_is_asked(c, "t1"));
        core_pass(c, (high - low) * SEC);
        assert_true(core_is_asked(c, "t1"));
}

static void test_intervals_of_the_configuration(void **state) {
        struct core *c = *state;

        start(c, TASK(""));
        for (int i = 0; i < 12; i++) {
                core_answer(c, "t1", 1);
                core_pass(c, 11 * SEC); /* IntervalMax=10s */
        }
        core_answer(c, "t1", 1);
        assert_pause(c, 8, 11);
}

/* One of the two may be the task's and the other the configuration's: the task's holds. */
static void test_intervals_of_the_task(void **state) {
        struct core *c = *state;

        start(c, TASK("IntervalMin=30s\n"));
        core_answer(c, "t1", 1);
        assert_pause(c, 29, 31);
        core_put_text(c, "low", "one", TASK("IntervalMax=500ms\n"));
        core_scan(c);
        core_answer(c, "t1", 1);
        core_pass(c, SEC);
        assert_true(core_is_asked(c, "t1"));
}

#define EXPECTED "IntervalMax=1h\n"

/* Runs task number i, without progress, for 100 s. Returns how often it was asked about. */
static unsigned run_task(struct core *c, unsigned i, const char *more) {
        CLEANUP(freep) char *text = str_printf("[Task]\nTaskId=t%u\nShareId=7\n%s", i, more);
        CLEANUP(freep) char *id = str_printf("t%u", i);
        unsigned asked = 0;
        bool has_ended = false;

        core_put_text(c, "low", id, text);
        core_scan(c);
        for (usec_t t = 0; !has_ended; t += SEC) {
                assert_true(t < 200 * SEC);
                core_pass(c, SEC);
                if (!core_is_asked(c, id))
                        continue;
                has_ended = t >= 100 * SEC;
                core_answer(c, id, has_ended ? 2 : 1);
                asked++;
        }
        return asked;
}

/*
 * What eight tasks have taken is expected of the following, of the same account and type. Pauses
 * are random in part; three tasks together never come near to what they take without.
 */
static void test_durations_are_learnt(void **state) {
        struct core *c = *state;
        unsigned first = run_task(c, 1, EXPECTED), learnt = 0;

        for (unsigned i = 2; i <= 8; i++)
                assert_true(run_task(c, i, EXPECTED) + 2 >= first);
        for (unsigned i = 9; i <= 11; i++)
                learnt += run_task(c, i, EXPECTED);
        assert_true(learnt + 6 <= 3 * first);
        core_put_text(c, "low", "last", "[Task]\nTaskId=t12\nShareId=7\n" EXPECTED);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t12", 0);
        core_pass(c, 60 * SEC);
        assert_false(core_is_asked(c, "t12"));
        core_pass(c, 40 * SEC);
        assert_true(core_is_asked(c, "t12"));
}

/* Nothing is learnt of tasks that had ended before, were canceled or failed. */
static void test_what_is_not_learnt(void **state) {
        struct core *c = *state;

        for (unsigned i = 1; i <= 8; i++) {
                CLEANUP(freep) char *id = str_printf("t%u", i);

                core_put(c, "low", id, id);
                core_scan(c);
                core_pass(c, 3 * SEC);
                core_answer(c, id, 2);
        }
        assert_true(run_task(c, 9, EXPECTED) > 8);
}

static void test_expect(void **state) {
        struct core *c = *state;
        unsigned plain = run_task(c, 2, EXPECTED);

        assert_true(run_task(c, 3, EXPECTED "Expect=100s\n") < plain);
        start(c, TASK(EXPECTED "Expect=20min\n"));
        core_answer(c, "t1", 1);
        assert_pause(c, 700, 1000);
        core_put_text(c, "low", "one", TASK(EXPECTED "Expect=\n"));
        core_scan(c);
        core_answer(c, "t1", 1);
        assert_pause(c, 100, 300);
}

/* What was corrected is tried at once, and failures count from zero. */
static void test_an_edit_brings_the_next_poll_forward(void **state) {
        struct core *c = *state;

        start(c, TASK("IntervalMin=1h\nIntervalMax=2h\n"));
        core_refuse(c, "t1", "13000301");
        assert_int_equal(core_row(c, "t1")->refusals, 1);
        core_put_text(c, "low", "one", TASK("IntervalMin=1h\nIntervalMax=2h\nKdsToken=abc\n"));
        core_scan(c);
        core_pass(c, SEC);
        assert_true(core_is_asked(c, "t1"));
        assert_string_equal(c->kdstoken, "abc");
        assert_int_equal(core_row(c, "t1")->refusals, 0);
}

static void test_a_timeout_needs_an_answer(void **state) {
        struct core *c = *state;

        start(c, TASK("Timeout=1min\n"));
        core_pass(c, 2 * USEC_MINUTE);
        assert_string_equal(c->finished, "");
        core_answer(c, "t1", 1);
        assert_string_equal(c->finished, "");
        core_pass(c, 2 * SEC);
        core_answer(c, "t1", 1);
        assert_string_equal(c->finished, "t1:timeout ");
        core_pass(c, USEC_HOUR);
        assert_false(core_is_asked(c, "t1"));
}

/* What the hooks get of it. */
static void test_the_event(void **state) {
        struct core *c = *state;
        json_object *event, *value;

        start(c, TASK("Hook=a b\n[Variables]\nWhere=/srv\n"));
        core_answer(c, "t1", 2);
        event = json_tokener_parse(core_run_line(0));
        assert_non_null(event);
        assert_true(json_object_object_get_ex(event, "taskResultCode", &value));
        assert_int_equal(json_object_get_int(value), 1);
        assert_true(json_object_object_get_ex(event, "file", &value));
        assert_true(str_ends_with(json_object_get_string(value), "/low/one.task"));
        assert_true(json_object_object_get_ex(event, "variables", &value));
        assert_string_equal(json_object_to_json_string_ext(
                                    value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                            "{\"Where\":\"/srv\"}");
        assert_true(json_object_object_get_ex(event, "polls", &value));
        assert_int_equal(json_object_get_int(value), 1);
        json_object_put(event);
}

/* Polled at 0 s and 11 s, the second time with this end; returns what the event says. */
static double detection_delay_of(struct core *c, const char *id, const char *end) {
        CLEANUP(freep)
        char *body = str_printf("{\"code\":0,\"jobInfo\":{\"taskId\":\"%s\",\"taskStatus\":3,"
                                "\"endTime\":\"%s\"}}",
                                id, end);
        json_object *event;
        size_t n = 0;
        double delay;

        core_put(c, "low", id, id);
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, id, 1);
        core_pass(c, 11 * SEC);
        core_answer_text(c, id, body);
        while (core_run_line(n + 1))
                n++;
        event = json_tokener_parse(core_run_line(n));
        assert_non_null(event);
        delay = json_object_get_double(json_object_object_get(event, "detectionDelay"));
        json_object_put(event);
        return delay;
}

static const char *time_in(usec_t span, char ret[static 16]) {
        time_t at = (time_t) ((time_true() + span) / USEC_SEC);

        (void) strftime(ret, 16, "%Y%m%d%H%M%S", gmtime(&at));
        return ret;
}

/* KooDrive's word for an end needs KooDrive's time: the end is 2 s before it is seen. */
static void test_how_late_an_end_is_seen(void **state) {
        struct core *c = *state;
        char end[16];

        assert_float_equal(detection_delay_of(c, "t1", time_in(12 * SEC, end)), 11, 0.001);
        c->says_time = true;
        assert_float_equal(detection_delay_of(c, "t2", ""), 11, 0.001);
        assert_float_equal(detection_delay_of(c, "t3", time_in(12 * SEC, end)), 2, 1.001);
}

/* A task that runs is counted as such, until it does not any more. */
static void test_running(void **state) {
        struct core *c = *state;

        start(c, TASK(""));
        assert_int_equal(registry_count(c->registry).pending, 1);
        core_answer(c, "t1", 1);
        assert_int_equal(registry_count(c->registry).running, 1);
        assert_int_equal(registry_count(c->registry).pending, 0);
        core_pass(c, 11 * SEC);
        core_answer(c, "t1", 0);
        assert_int_equal(registry_count(c->registry).running, 0);
        core_pass(c, 11 * SEC);
        core_answer(c, "t1", 3);
        assert_int_equal(registry_count(c->registry).pending, 0);
        assert_int_equal(registry_count(c->registry).finished, 1);
}

/* The end of one that runs: it does not any more. */
static void test_a_timeout_of_one_that_runs(void **state) {
        struct core *c = *state;

        start(c, TASK("Timeout=1min\n"));
        core_answer(c, "t1", 1);
        assert_int_equal(registry_count(c->registry).running, 1);
        core_pass(c, 2 * USEC_MINUTE);
        core_answer(c, "t1", 1);
        core_pass(c, 2 * SEC);
        core_answer(c, "t1", 1);
        assert_string_equal(c->finished, "t1:timeout ");
        assert_int_equal(registry_count(c->registry).running, 0);
        assert_int_equal(registry_count(c->registry).finished, 1);
}

/* Answers every request, for so long, with what is no news. */
static void go_on(struct core *c, usec_t span, int status) {
        for (usec_t passed = 0; passed < span; passed += SEC) {
                if (core_is_asked(c, "t1"))
                        core_answer(c, "t1", status);
                core_pass(c, SEC);
        }
}

static unsigned runs_of(const char *text) {
        unsigned n = 0;

        for (size_t i = 0; core_run_line(i); i++)
                n += strstr(core_run_line(i), text) != NULL;
        return n;
}

/* Of half an hour, and a hook for it. */
static void configure_stall(struct core *c) {
        CLEANUP(freep) char *path = str_printf("%s/hooks/stalled.d", c->directory);

        assert_int_equal(mkdir(path, 0700), 0);
        core_put_text(c, "hooks/stalled.d", "a", "#!/bin/true\n");
        registry_configure(c->registry,
                           &(struct task_limits){
                                   .interval = {SEC, 10 * SEC},
                                   .timeout = USEC_DAY,
                                   .stall_timeout = 30 * USEC_MINUTE,
                           },
                           c->hooks);
}

/* Since it has been watched, not before; once, and the watch goes on. */
static void test_a_stall(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        configure_stall(c);
        start(c, TASK(""));
        go_on(c, 29 * USEC_MINUTE, 1);
        assert_int_equal(runs_of("\"event\":\"stalled\""), 0);
        core_listen(c);
        go_on(c, 2 * USEC_MINUTE, 1);
        text = core_heard(c);
        assert_int_equal(runs_of("\"event\":\"stalled\""), 1);
        assert_non_null(strstr(core_run_line(0), "\"taskId\":\"t1\""));
        assert_null(strstr(core_run_line(0), "finishedAt"));
        assert_non_null(strstr(text, "one: no progress for StallTimeout="));
        go_on(c, USEC_HOUR, 1);
        assert_int_equal(runs_of("\"event\":\"stalled\""), 1);
}

/* Also where nothing has happened at all. */
static void test_a_stall_in_the_queue(void **state) {
        struct core *c = *state;

        configure_stall(c);
        start(c, TASK(""));
        go_on(c, 29 * USEC_MINUTE, 0);
        assert_int_equal(runs_of("\"event\":\"stalled\""), 0);
        go_on(c, 2 * USEC_MINUTE, 0);
        assert_int_equal(runs_of("\"event\":\"stalled\""), 1);
}

/* What passes by itself is not told; what does not, once, and that it is over. */
static void test_three_failures_in_a_row(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *two = NULL, *three = NULL, *after = NULL;

        start(c, TASK(""));
        core_listen(c);
        for (int i = 0; i < 2; i++) {
                core_refuse(c, "t1", "13000309");
                core_pass(c, 11 * SEC);
        }
        two = core_heard(c);
        assert_string_equal(two, "");
        core_listen(c);
        for (int i = 0; i < 2; i++) {
                core_refuse(c, "t1", "13000309");
                core_pass(c, 11 * SEC);
        }
        three = core_heard(c);
        assert_non_null(strstr(three, "13000309"));
        assert_null(strstr(strstr(three, "13000309") + 1, "warning"));
        core_listen(c);
        log_set_level(LEVEL_INFO);
        core_answer(c, "t1", 1);
        after = core_heard(c);
        assert_non_null(strstr(after, "one: recovered after 4 failed polls"));
}

/* As the first word from KooDrive's clock says; until then by this machine's. */
static void test_a_status_that_nobody_knows(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *text = NULL;

        start(c, TASK(""));
        core_listen(c);
        for (int i = 0; i < 3; i++) {
                core_answer(c, "t1", 77);
                core_pass(c, 11 * SEC);
        }
        text = core_heard(c);
        assert_non_null(strstr(text, "77"));
        assert_null(strstr(strstr(text, "77") + 2, "77"));
}

/* The status line hears of each step of a task. */
static void test_steps_are_shown(void **state) {
        struct core *c = *state;
        unsigned before = c->status_changes;

#define assert_shown(call)                               \
        do {                                             \
                before = c->status_changes;              \
                call;                                    \
                assert_true(c->status_changes > before); \
        } while (0)
        assert_shown(start(c, TASK("")));
        assert_shown(core_answer(c, "t1", 1));
        core_pass(c, 11 * SEC);
        before = c->status_changes;
        core_answer(c, "t1", 1); /* no step */
        assert_int_equal(c->status_changes, before);
        core_pass(c, 11 * SEC);
        assert_shown(core_answer(c, "t1", 2));
        assert_shown(core_end_run(HOOK_DONE); core_turn(c));
        assert_shown(core_remove(c, "low", "one"); core_scan(c); core_pass(c, SEC));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
                TEST(test_intervals_of_the_configuration),
                TEST(test_intervals_of_the_task),
                TEST(test_durations_are_learnt),
                TEST(test_what_is_not_learnt),
                TEST(test_expect),
                TEST(test_an_edit_brings_the_next_poll_forward),
                TEST(test_a_timeout_needs_an_answer),
                TEST(test_the_event),
                TEST(test_how_late_an_end_is_seen),
                TEST(test_running),
                TEST(test_a_timeout_of_one_that_runs),
                TEST(test_a_stall),
                TEST(test_a_stall_in_the_queue),
                TEST(test_three_failures_in_a_row),
                TEST(test_a_status_that_nobody_knows),
                TEST(test_steps_are_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
