/* What is expected of a task by those before it. */
#include "common/util.h"
#include "koowatchd/account/learnt-durations.h"
#include "unit/support.h"

static void add(struct learnt_durations *learnt, usec_t duration) {
        learnt_durations_add(learnt, duration - USEC_SEC, duration + USEC_SEC);
}

/* Never to the second: an answer is late by an interval. */
static void assert_around(const struct learnt_durations *learnt, usec_t duration) {
        assert_in_range(learnt->expected.earliest, duration * 85 / 100, duration * 95 / 100);
        assert_in_range(learnt->expected.latest, duration * 105 / 100, duration * 115 / 100);
}

static void test_too_few_tell_nothing(void **state) {
        struct learnt_durations learnt = {};

        (void) state;
        for (unsigned i = 0; i < 7; i++) {
                add(&learnt, USEC_MINUTE);
                assert_int_equal(learnt.expected.latest, 0);
        }
        add(&learnt, USEC_MINUTE);
        assert_around(&learnt, USEC_MINUTE);
}

static void test_spans_those_before(void **state) {
        struct learnt_durations learnt = {};

        (void) state;
        for (usec_t i = 0; i < 20; i++)
                add(&learnt, (40 + i) * USEC_SEC);
        assert_in_range(learnt.expected.earliest, 40 * USEC_SEC, 43 * USEC_SEC);
        assert_in_range(learnt.expected.latest, 56 * USEC_SEC, 59 * USEC_SEC);
}

/* One of many is an exception, and half of them are another kind. */
static void test_different_ones_tell_nothing(void **state) {
        struct learnt_durations learnt = {};

        (void) state;
        for (unsigned i = 0; i < 30; i++)
                add(&learnt, USEC_MINUTE);
        add(&learnt, USEC_DAY);
        assert_around(&learnt, USEC_MINUTE);
        for (unsigned i = 0; i < 15; i++)
                add(&learnt, USEC_HOUR);
        assert_int_equal(learnt.expected.latest, 0);
}

static void test_unlearns_and_learns_again(void **state) {
        struct learnt_durations learnt = {};
        unsigned distrusted = 0;

        (void) state;
        for (unsigned i = 0; i < 100; i++)
                add(&learnt, 20 * USEC_SEC);
        while (learnt.expected.latest > 0 && distrusted++ < 10)
                add(&learnt, USEC_HOUR);
        assert_in_range(distrusted, 1, 4);
        for (unsigned i = 0; i < LEARNT_MAX; i++)
                add(&learnt, USEC_HOUR);
        assert_around(&learnt, USEC_HOUR);
}

/* A clock that was set back, a file that was registered at the end. */
static void test_nonsense_is_harmless(void **state) {
        struct learnt_durations learnt = {};

        (void) state;
        for (unsigned i = 0; i < 10; i++)
                learnt_durations_add(&learnt, -USEC_DAY, 0);
        assert_int_equal(learnt.expected.latest, 0);
        for (unsigned i = 0; i < LEARNT_MAX; i++)
                learnt_durations_add(&learnt, USEC_INFINITY, USEC_INFINITY);
        assert_in_range(learnt.expected.latest, learnt.expected.earliest, USEC_INFINITY / 2);
}

static void test_around(void **state) {
        struct expected_duration about = expected_duration_around(20 * USEC_MINUTE);

        (void) state;
        assert_in_range(about.earliest, 10 * USEC_MINUTE, 19 * USEC_MINUTE);
        assert_in_range(about.latest, 21 * USEC_MINUTE, 30 * USEC_MINUTE);
        about = expected_duration_around(USEC_INFINITY);
        assert_in_range(about.latest, about.earliest, USEC_INFINITY / 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_too_few_tell_nothing),
                cmocka_unit_test(test_spans_those_before),
                cmocka_unit_test(test_different_ones_tell_nothing),
                cmocka_unit_test(test_unlearns_and_learns_again),
                cmocka_unit_test(test_nonsense_is_harmless),
                cmocka_unit_test(test_around),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
