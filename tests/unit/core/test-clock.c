/* Wall clocks that are wrong, or are set, in a run, between two, or while the machine was off. */
#include <json-c/json.h>

#include "koowatchd/report/event.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC
#define YEAR (365 * USEC_DAY)
#define NO_RTC (-TIME_WALL) /* the wall clock begins with 1970 */

static int set_up(void **state) {
        struct core *c = core_new();

        fake_store_set_immediate(c->store, true);
        c->says_time = true;
        *state = c;
        return 0;
}

/* A task whose deadline is an hour away. */
static void start(struct core *c) {
        core_put_text(c, "low", "one", "[Task]\nTaskId=t1\nShareId=7\nTimeout=1h\n");
        core_start(c);
        commit_start(c->commit);
}

static void answer_running(struct core *c, int times) {
        for (int i = 0; i < times; i++) {
                core_pass(c, 11 * SEC);
                core_answer(c, "t1", 1);
        }
}

/* An hour after the registration the outcome comes, and no sooner; span has passed of it. */
static void assert_deadline(struct core *c, usec_t span) {
        answer_running(c, 4);
        assert_string_equal(c->finished, "");
        core_pass(c, USEC_HOUR - span - 3 * USEC_MINUTE);
        core_answer(c, "t1", 1);
        answer_running(c, 4);
        assert_string_equal(c->finished, "");
        core_pass(c, 4 * USEC_MINUTE);
        core_answer(c, "t1", 1);
        core_pass(c, 2 * SEC);
        core_answer(c, "t1", 1);
        assert_string_equal(c->finished, "t1:timeout ");
}

static void test_a_step_in_a_run(void **state) {
        static const usec_t steps[] = {YEAR, -YEAR, NO_RTC};

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct core *c;

                if (i > 0) {
                        assert_int_equal(core_tear_down(state), 0);
                        assert_int_equal(set_up(state), 0);
                }
                c = *state;
                start(c);
                answer_running(c, 1);
                time_step(steps[i]);
                assert_deadline(c, 11 * SEC);
        }
}

static void test_a_step_between_two_runs(void **state) {
        static const struct {
                usec_t before, after;
                bool says_time;
        } cases[] = {
                {0, YEAR, true},          {0, -YEAR, true},     {NO_RTC, -NO_RTC, true},
                {-YEAR, 0, true},         {YEAR, 0, true},      {YEAR, -YEAR, true},
                {NO_RTC, 0, true},        {0, YEAR, false},     {0, -YEAR, false},
                {NO_RTC, -NO_RTC, false}, {YEAR, -YEAR, false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct core *c;

                if (i > 0) {
                        assert_int_equal(core_tear_down(state), 0);
                        assert_int_equal(set_up(state), 0);
                }
                c = *state;
                c->says_time = cases[i].says_time;
                time_step(cases[i].before);
                start(c);
                answer_running(c, 1);
                time_step(cases[i].after);
                core_restart(c);
                assert_deadline(c, 11 * SEC);
        }
}

/* The task goes on while the machine is off, and so does its deadline. */
static void test_a_step_while_the_machine_was_off(void **state) {
        static const struct {
                usec_t before, after;
        } cases[] = {{0, 0}, {0, YEAR}, {0, NO_RTC}, {NO_RTC, 0}, {NO_RTC, -NO_RTC}, {YEAR, 0}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct core *c;

                if (i > 0) {
                        assert_int_equal(core_tear_down(state), 0);
                        assert_int_equal(set_up(state), 0);
                }
                c = *state;
                time_step(cases[i].before);
                start(c);
                answer_running(c, 1);
                core_pass(c, USEC_MINUTE); /* what is not urgent is written */
                time_step(cases[i].after);
                core_reboot(c, 20 * USEC_MINUTE);
                assert_deadline(c, 21 * USEC_MINUTE + 11 * SEC);
        }
}

/* Off for long: the second answer is the end, also by a clock that says 1970. */
static void test_past_the_deadline_at_a_start(void **state) {
        struct core *c = *state;

        start(c);
        answer_running(c, 1);
        core_pass(c, USEC_MINUTE);
        time_step(NO_RTC);
        core_reboot(c, USEC_DAY);
        answer_running(c, 1);
        assert_string_equal(c->finished, "");
        answer_running(c, 1);
        assert_string_equal(c->finished, "t1:timeout ");
}

/* The first answer may also be the last one. */
static void test_the_end_at_a_start(void **state) {
        struct core *c = *state;

        start(c);
        answer_running(c, 1);
        core_reboot(c, USEC_DAY);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        assert_string_equal(c->finished, "t1:completed ");
}

/* Nothing told the time before the machine was off: the deadline counts from its start. */
static void test_nobody_told_the_time(void **state) {
        struct core *c = *state;

        time_step(-YEAR);
        start(c);
        core_pass(c, 3 * SEC);
        time_step(YEAR);
        core_reboot(c, 20 * USEC_MINUTE);
        assert_deadline(c, 0);
}

/* Not at once: of many tasks that begin, each would be written twice. */
static void test_what_is_learnt_is_written_later(void **state) {
        struct core *c = *state;
        size_t writes;

        time_step(NO_RTC);
        start(c);
        writes = fake_store_writes(c->store);
        answer_running(c, 2);
        assert_int_equal(fake_store_writes(c->store), writes);
        core_pass(c, USEC_MINUTE);
        assert_true(core_row(c, "t1")->confirmed);
        assert_in_range(core_row(c, "t1")->registered, TIME_WALL, TIME_WALL + SEC);

        /* What is registered when the time is known needs no second write. */
        core_put(c, "low", "two", "t2");
        core_scan(c);
        assert_true(core_row(c, "t2")->confirmed);
        assert_in_range(core_row(c, "t2")->registered, time_true() - SEC, time_true());
}

static void test_many_do_not_wait(void **state) {
        struct core *c = *state;
        char id[16];

        for (int i = 0; i < 100; i++) {
                (void) snprintf(id, sizeof(id), "t%d", i);
                core_put(c, "low", id, id);
        }
        core_start(c);
        for (int i = 0; i < 100; i++) {
                (void) snprintf(id, sizeof(id), "t%d", i);
                core_pass(c, 3 * SEC);
                assert_false(core_row(c, "t0")->confirmed);
                core_answer(c, id, 1);
        }
        assert_true(core_row(c, "t0")->confirmed);
}

static void test_what_is_learnt_is_written_at_the_end(void **state) {
        struct core *c = *state;

        start(c);
        answer_running(c, 1);
        assert_false(core_row(c, "t1")->confirmed);
        commit_finish(c->commit);
        assert_true(core_row(c, "t1")->confirmed);
}

static void test_hooks_are_told_the_time(void **state) {
        struct core *c = *state;
        json_object *event;

        time_step(NO_RTC);
        start(c);
        core_pass(c, USEC_MINUTE);
        core_answer(c, "t1", 2);
        event = json_tokener_parse(core_run_line(0));
        assert_string_equal(event_string(event, "registeredAt"), "2025-05-20T02:29:12Z");
        assert_string_equal(event_string(event, "finishedAt"), "2025-05-20T02:30:12Z");
        json_object_put(event);
}

/* By a clock that is years ahead nothing is old, nor by one that nobody has confirmed. */
static void test_what_is_remembered(void **state) {
        struct core *c = *state;

        start(c);
        commit_configure(c->commit, 30 * USEC_DAY);
        core_pass(c, 3 * SEC);
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_remove(c, "low", "one");
        core_scan(c);
        core_pass(c, SEC);
        assert_true(core_row(c, "t1")->gone);

        time_step(YEAR);
        core_pass(c, 2 * USEC_HOUR);
        assert_non_null(core_row(c, "t1"));
        core_reboot(c, SEC);
        commit_configure(c->commit, 30 * USEC_DAY);
        commit_start(c->commit);
        core_pass(c, 2 * USEC_HOUR);
        assert_non_null(core_row(c, "t1"));

        /* Once it is known that it is a year later, it is. */
        core_reboot(c, YEAR);
        commit_configure(c->commit, 30 * USEC_DAY);
        commit_start(c->commit);
        core_put(c, "low", "two", "t2");
        core_scan(c);
        core_pass(c, 3 * SEC);
        core_answer(c, "t2", 1);
        core_pass(c, 2 * USEC_HOUR);
        assert_null(core_row(c, "t1"));
        assert_int_equal(fake_store_events(c->store), 0);
}

static void refuse(struct core *c, int times) {
        for (int i = 0; i < times; i++) {
                core_pass(c, 11 * SEC);
                core_refuse(c, "t1", "13000999");
        }
}

/* Ten minutes of refusals have to pass, by no wall clock. */
static void test_refusals(void **state) {
        static const usec_t steps[] = {YEAR, -YEAR};

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct core *c;

                if (i > 0) {
                        assert_int_equal(core_tear_down(state), 0);
                        assert_int_equal(set_up(state), 0);
                }
                c = *state;
                start(c);
                refuse(c, 6);
                time_step(steps[i]);
                core_restart(c);
                refuse(c, 2);
                assert_string_equal(c->finished, "");
                assert_int_equal(core_row(c, "t1")->refusals, 8);
                core_pass(c, 9 * USEC_MINUTE);
                refuse(c, 1);
                assert_string_equal(c->finished, "t1:rejected ");
        }
}

static void test_refusals_before_the_machine_was_off(void **state) {
        struct core *c = *state;

        start(c);
        refuse(c, 6);
        core_reboot(c, USEC_HOUR / 2);
        refuse(c, 2);
        assert_string_equal(c->finished, "");
        core_pass(c, 10 * USEC_MINUTE);
        refuse(c, 1);
        assert_string_equal(c->finished, "t1:rejected ");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, core_tear_down)
                TEST(test_a_step_in_a_run),
                TEST(test_a_step_between_two_runs),
                TEST(test_a_step_while_the_machine_was_off),
                TEST(test_past_the_deadline_at_a_start),
                TEST(test_the_end_at_a_start),
                TEST(test_nobody_told_the_time),
                TEST(test_what_is_learnt_is_written_later),
                TEST(test_many_do_not_wait),
                TEST(test_what_is_learnt_is_written_at_the_end),
                TEST(test_hooks_are_told_the_time),
                TEST(test_what_is_remembered),
                TEST(test_refusals),
                TEST(test_refusals_before_the_machine_was_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
