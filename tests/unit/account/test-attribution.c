/* Whose failure an answer is: one task's own or the account's. */
#include "koowatchd/account/attribution.h"
#include "unit/support.h"

#define TASKS 16

static char tasks[TASKS]; /* their addresses tell them apart */

static bool unreachable(struct attribution *t, unsigned task) {
        return attribution_unreachable(t, &tasks[task], false);
}

static bool suspect(struct attribution *t, unsigned task) {
        return attribution_suspect(t, &tasks[task]);
}

static void accepted(struct attribution *t, unsigned task) {
        attribution_accepted(t, &tasks[task], false);
}

/* Refused with the account unauthorized for it, and then another one is accepted. */
static void exempt(struct attribution *t, unsigned task, unsigned other) {
        attribution_refused(t, &tasks[task]);
        attribution_accepted(t, &tasks[other], true);
}

static bool is_exempt(const struct attribution *t, unsigned task) {
        return attribution_is_exempt(t, &tasks[task]);
}

/* No answer */

static void test_three_failures_of_two_tasks(void **state) {
        struct attribution t = {};

        (void) state;
        assert_false(unreachable(&t, 0));
        assert_false(unreachable(&t, 1));
        assert_true(unreachable(&t, 0));
        assert_true(unreachable(&t, 0));
}

static void test_failures_of_one_task(void **state) {
        struct attribution t = {};

        (void) state;
        for (unsigned i = 0; i < 10; i++)
                assert_false(unreachable(&t, 0));
        assert_true(unreachable(&t, 1));
}

static void test_failures_of_the_only_task(void **state) {
        struct attribution t = {};

        (void) state;
        for (unsigned i = 1; i <= 5; i++)
                assert_int_equal(attribution_unreachable(&t, &tasks[0], true), i >= 3);
}

static void test_an_answer_ends_the_row(void **state) {
        struct attribution t = {};

        (void) state;
        for (unsigned i = 0; i < 10; i++) {
                assert_false(unreachable(&t, 0));
                assert_false(unreachable(&t, 1));
                attribution_answered(&t);
        }
        /* And with it that it was of two tasks. */
        for (unsigned i = 0; i < 10; i++)
                assert_false(unreachable(&t, 2));
}

static void test_another_state_ends_the_rows(void **state) {
        struct attribution t = {};

        (void) state;
        assert_false(unreachable(&t, 0));
        assert_false(unreachable(&t, 1));
        assert_false(suspect(&t, 0));
        assert_false(suspect(&t, 1));
        attribution_restart(&t);
        for (unsigned i = 0; i < 10; i++)
                assert_false(unreachable(&t, 0));
        assert_false(suspect(&t, 2));
        assert_false(suspect(&t, 3));
        assert_true(suspect(&t, 4));
}

/* That two tasks failed before the settings changed says nothing of what follows. */
static void test_reset_ends_the_row(void **state) {
        struct attribution t = {};

        (void) state;
        assert_false(unreachable(&t, 0));
        assert_false(unreachable(&t, 1));
        attribution_reset(&t);
        for (unsigned i = 0; i < 10; i++)
                assert_false(unreachable(&t, 2));
        assert_true(unreachable(&t, 0));
}

/* Doubtful refusals */

static void test_three_suspects(void **state) {
        struct attribution t = {};

        (void) state;
        assert_false(suspect(&t, 0));
        assert_false(suspect(&t, 1));
        for (unsigned i = 0; i < 100; i++)
                assert_false(suspect(&t, i % 2));
        assert_true(suspect(&t, 2));
        assert_true(suspect(&t, 0));
        assert_true(suspect(&t, 3));
}

static void test_accepted_between_suspects(void **state) {
        struct attribution t = {};

        (void) state;
        for (unsigned i = 0; i < 40; i++) {
                assert_false(suspect(&t, i % TASKS));
                assert_false(suspect(&t, (i + 1) % TASKS));
                accepted(&t, (i + 2) % TASKS);
        }
}

/* An answer of whomever says nothing of them. */
static void test_answered_between_suspects(void **state) {
        struct attribution t = {};

        (void) state;
        assert_false(suspect(&t, 0));
        assert_false(suspect(&t, 1));
        attribution_answered(&t);
        assert_false(unreachable(&t, 1));
        assert_true(suspect(&t, 2));
}

static void test_changes_clear_the_suspects(void **state) {
        static void (*const changes[])(struct attribution * t) = {attribution_token_changed,
                                                                  attribution_reset};
        struct attribution t = {};

        (void) state;
        for (unsigned i = 0; i < 6; i++) {
                assert_false(suspect(&t, 2 * i));
                assert_false(suspect(&t, 2 * i + 1));
                changes[i % 2](&t);
        }
}

/* Bad parameters */

static void test_settings_until_verified(void **state) {
        struct attribution t = {};

        (void) state;
        assert_true(attribution_may_be_settings(&t, false));
        assert_false(attribution_may_be_settings(&t, true)); /* nobody to compare with */
        attribution_answered(&t);
        assert_true(attribution_may_be_settings(&t, false));
        accepted(&t, 0);
        assert_false(attribution_may_be_settings(&t, false));
        attribution_restart(&t);
        attribution_token_changed(&t);
        assert_false(attribution_may_be_settings(&t, false));
        attribution_reset(&t);
        assert_true(attribution_may_be_settings(&t, false));
}

/* Exempt tasks */

static void test_refused_alone(void **state) {
        struct attribution t = {};

        (void) state;
        attribution_refused(&t, &tasks[1]);
        assert_false(is_exempt(&t, 1));
        attribution_accepted(&t, &tasks[0], true);
        assert_true(is_exempt(&t, 1));
        assert_false(is_exempt(&t, 0));

        /* Not for ever, and that it was refused then is settled. */
        accepted(&t, 1);
        assert_false(is_exempt(&t, 1));
        attribution_accepted(&t, &tasks[0], true);
        assert_false(is_exempt(&t, 1));
}

/* It was refused before, and is accepted now: the token was good again. */
static void test_accepted_itself(void **state) {
        struct attribution t = {};

        (void) state;
        exempt(&t, 1, 1);
        assert_false(is_exempt(&t, 1));
        attribution_accepted(&t, &tasks[0], true);
        assert_true(is_exempt(&t, 1)); /* the one that was refused last */
}

/* Only while the account is unauthorized: before, the one may be older than the other. */
static void test_not_unauthorized(void **state) {
        struct attribution t = {};

        (void) state;
        attribution_refused(&t, &tasks[1]);
        accepted(&t, 0);
        assert_false(is_exempt(&t, 1));
}

static void test_another_token_is_another_matter(void **state) {
        struct attribution t = {};

        (void) state;
        attribution_refused(&t, &tasks[1]);
        attribution_token_changed(&t);
        attribution_accepted(&t, &tasks[0], true);
        assert_false(is_exempt(&t, 1));
}

static void test_reset_clears_exempt_tasks(void **state) {
        struct attribution t = {};

        (void) state;
        exempt(&t, 1, 0);
        attribution_token_changed(&t); /* a task that is refused alone is so with the next one */
        attribution_restart(&t);
        assert_true(is_exempt(&t, 1));
        attribution_reset(&t);
        assert_false(is_exempt(&t, 1));
}

/* When they are many, the oldest is forgotten. */
static void test_exempt_tasks_are_limited(void **state) {
        struct attribution t = {};

        (void) state;
        for (unsigned i = 1; i <= ATTRIBUTION_EXEMPT_MAX + 2; i++)
                exempt(&t, i, 0);
        for (unsigned i = 1; i <= ATTRIBUTION_EXEMPT_MAX + 2; i++)
                assert_int_equal(is_exempt(&t, i), i > 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_three_failures_of_two_tasks),
                cmocka_unit_test(test_failures_of_one_task),
                cmocka_unit_test(test_failures_of_the_only_task),
                cmocka_unit_test(test_an_answer_ends_the_row),
                cmocka_unit_test(test_another_state_ends_the_rows),
                cmocka_unit_test(test_reset_ends_the_row),
                cmocka_unit_test(test_three_suspects),
                cmocka_unit_test(test_accepted_between_suspects),
                cmocka_unit_test(test_answered_between_suspects),
                cmocka_unit_test(test_changes_clear_the_suspects),
                cmocka_unit_test(test_settings_until_verified),
                cmocka_unit_test(test_refused_alone),
                cmocka_unit_test(test_accepted_itself),
                cmocka_unit_test(test_not_unauthorized),
                cmocka_unit_test(test_another_token_is_another_matter),
                cmocka_unit_test(test_reset_clears_exempt_tasks),
                cmocka_unit_test(test_exempt_tasks_are_limited),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
