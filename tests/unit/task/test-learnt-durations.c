/* What is expected of a task by those before it. */
#include "common/util.h"
#include "koowatchd/task/learnt-durations.h"
#include "unit/support.h"

static void add(struct learnt_durations *learnt, usec_t duration) {
        learnt_durations_add(learnt, duration - USEC_SEC, duration + USEC_SEC);
}

static void test_too_few_tell_nothing(void **state) {
        struct learnt_durations learnt = {};

        (void) state;
        for (unsigned i = 0; i < 7; i++) {
                add(&learnt, USEC_MINUTE);
                assert_int_equal(learnt.expected.latest, 0);
        }
        add(&learnt, USEC_MINUTE);
        assert_int_equal(learnt.expected.earliest, USEC_MINUTE);
        assert_int_equal(learnt.expected.latest, USEC_MINUTE);
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
        assert_int_equal(learnt.expected.latest, USEC_MINUTE);
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
        assert_int_equal(learnt.expected.earliest, USEC_HOUR);
}

/* A clock that was set back, a file that was registered at the end. */
static void test_nonsense_is_harmless(void **state) {
        struct learnt_durations learnt = {};
        struct expected_end end;

        (void) state;
        for (unsigned i = 0; i < 10; i++)
                learnt_durations_add(&learnt, -USEC_DAY, 0);
        assert_int_equal(learnt.expected.latest, 0);
        for (unsigned i = 0; i < LEARNT_MAX; i++)
                learnt_durations_add(&learnt, USEC_INFINITY, USEC_INFINITY);
        end = expected_duration_end(&learnt.expected, USEC_DAY);
        assert_true(end.look <= end.earliest && end.earliest <= end.latest);
}

static void test_end(void **state) {
        static const struct expected_duration nothing;
        struct expected_duration about = expected_duration_around(20 * USEC_MINUTE);
        struct expected_end end = expected_duration_end(&about, USEC_HOUR);

        (void) state;
        assert_true(USEC_HOUR < end.look && end.look < end.earliest);
        assert_true(end.earliest < USEC_HOUR + 20 * USEC_MINUTE);
        assert_true(end.latest > USEC_HOUR + 20 * USEC_MINUTE);
        end = expected_duration_end(&nothing, USEC_HOUR);
        assert_int_equal(end.latest, 0);
        assert_int_equal(end.look, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_too_few_tell_nothing),
                cmocka_unit_test(test_spans_those_before),
                cmocka_unit_test(test_different_ones_tell_nothing),
                cmocka_unit_test(test_unlearns_and_learns_again),
                cmocka_unit_test(test_nonsense_is_harmless),
                cmocka_unit_test(test_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
