/* Since when a task is registered, when clocks are wrong, are set, or begin again. */
#include "koowatchd/store/store.h"
#include "koowatchd/task/registration.h"
#include "unit/support.h"

#define BOOT 7
#define NOW (1000 * USEC_SEC)        /* since boot */
#define WALL (1747708152 * USEC_SEC) /* the truth at NOW */
#define YEAR (365 * USEC_DAY)

/* What is stored of one that was made at NOW, by a wall clock that was wrong by error. */
static struct store_task stored_at(usec_t error, bool learnt) {
        struct registration r = registration_new(WALL + error, NOW);
        struct store_task stored = {};

        if (learnt)
                (void) registration_learn(&r, WALL, NOW);
        registration_write(&r, BOOT, &stored);
        return stored;
}

static void test_what_is_stored(void **state) {
        struct store_task stored;

        (void) state;
        stored = stored_at(-YEAR, false);
        assert_int_equal(stored.registered, WALL - YEAR);
        assert_int_equal(stored.boot, BOOT);
        assert_int_equal(stored.booted, NOW);
        assert_false(stored.confirmed);

        stored = stored_at(-YEAR, true);
        assert_int_equal(stored.registered, WALL);
        assert_true(stored.confirmed);
}

/* Our own clock is kept where it is right, within a minute. */
static void test_learning(void **state) {
        static const struct {
                usec_t error, expected;
        } cases[] = {
                {0, WALL},
                {59 * USEC_SEC, WALL + 59 * USEC_SEC},
                {-59 * USEC_SEC, WALL - 59 * USEC_SEC},
                {USEC_MINUTE, WALL},
                {-USEC_MINUTE, WALL},
                {-50 * YEAR, WALL},
                {50 * YEAR, WALL},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct registration r = registration_new(WALL + cases[i].error, NOW);

                assert_true(registration_learn(&r, WALL + USEC_HOUR, NOW + USEC_HOUR));
                assert_int_equal(r.wall, cases[i].expected);
                assert_int_equal(r.since, NOW);
                /* Once is enough. */
                assert_false(registration_learn(&r, WALL + YEAR, NOW + USEC_HOUR));
                assert_int_equal(r.wall, cases[i].expected);
        }
}

/* A step of the wall clock, at the registration or between two runs, changes nothing. */
static void test_the_same_boot(void **state) {
        static const usec_t errors[] = {0, -50 * YEAR, 50 * YEAR, USEC_HOUR, -USEC_HOUR};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(errors); i++)
                for (size_t k = 0; k < ARRAY_LEN(errors); k++)
                        for (int learnt = 0; learnt < 2; learnt++) {
                                struct store_task stored = stored_at(errors[i], learnt);
                                struct registration r = registration_read(
                                        &stored, BOOT, WALL + USEC_HOUR + errors[k],
                                        NOW + USEC_HOUR);

                                assert_int_equal(r.since, NOW);
                                (void) registration_learn(&r, WALL + USEC_HOUR, NOW + USEC_HOUR);
                                assert_int_equal(r.since, NOW);
                                assert_int_equal(r.wall, WALL);
                        }
}

/* The machine was started anew: what our clock says decides nothing, before or after. */
static void test_another_boot(void **state) {
        static const usec_t errors[] = {0, -50 * YEAR, 50 * YEAR};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
                struct store_task stored = stored_at(errors[i], true);
                struct registration r =
                        registration_read(&stored, BOOT + 1, WALL + errors[i], USEC_SEC);

                assert_int_equal(r.since, USEC_SEC);
                assert_int_equal(r.wall, WALL);
                /* As long as it is not known since when, that is what is stored. */
                registration_write(&r, BOOT + 1, &stored);
                assert_int_equal(stored.boot, 0);
                assert_true(stored.confirmed);

                (void) registration_learn(&r, WALL + YEAR, 2 * USEC_SEC);
                assert_int_equal(r.since, 2 * USEC_SEC - YEAR);
                assert_int_equal(r.wall, WALL);
                registration_write(&r, BOOT + 1, &stored);
                r = registration_read(&stored, BOOT + 1, 0, USEC_HOUR);
                assert_int_equal(r.since, 2 * USEC_SEC - YEAR);
        }
}

/* Nobody knows since when: from now, also for what an earlier version has written. */
static void test_another_boot_and_nothing_learnt(void **state) {
        static const int64_t boots[] = {BOOT + 1, 0};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
                struct store_task stored = stored_at(-YEAR, false);
                struct registration r;

                if (i == 1)
                        stored.boot = stored.booted = 0;
                r = registration_read(&stored, boots[i], WALL, USEC_SEC);
                assert_int_equal(r.since, USEC_SEC);
                assert_int_equal(r.wall, WALL - YEAR);
                assert_true(registration_learn(&r, WALL + 1, USEC_SEC + 1));
                assert_int_equal(r.since, USEC_SEC);
                assert_int_equal(r.wall, WALL);
        }
}

/* A clock that goes backwards, as in a machine that was put back to a snapshot. */
static void test_not_in_the_future(void **state) {
        struct store_task stored = stored_at(0, true);
        struct registration r = registration_read(&stored, BOOT, WALL, NOW - USEC_MINUTE);

        (void) state;
        assert_int_equal(r.since, NOW - USEC_MINUTE);

        r = registration_read(&stored, BOOT + 1, WALL, USEC_SEC);
        (void) registration_learn(&r, WALL - YEAR, USEC_MINUTE);
        assert_int_equal(r.since, USEC_MINUTE);

        stored = stored_at(YEAR, false);
        r = registration_read(&stored, BOOT, WALL, NOW);
        assert_int_equal(r.wall, WALL);
}

/* What is stored beside it is told on its scale. */
static void test_another_time(void **state) {
        struct registration r = registration_new(WALL - YEAR, NOW);
        struct store_task stored = {};
        usec_t time;

        (void) state;
        (void) registration_learn(&r, WALL, NOW);
        registration_write(&r, BOOT, &stored);
        time = registration_write_time(&r, NOW + USEC_MINUTE);
        assert_int_equal(time, WALL + USEC_MINUTE);
        assert_int_equal(registration_read_time(&stored, time, BOOT, NOW + USEC_HOUR),
                         NOW + USEC_MINUTE);
        assert_int_equal(registration_read_time(&stored, time, BOOT, NOW), NOW);
        assert_int_equal(registration_read_time(&stored, time, BOOT + 1, USEC_SEC), USEC_SEC);
        assert_int_equal(registration_read_time(&stored, time, 0, USEC_SEC), USEC_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_stored),
                cmocka_unit_test(test_learning),
                cmocka_unit_test(test_the_same_boot),
                cmocka_unit_test(test_another_boot),
                cmocka_unit_test(test_another_boot_and_nothing_learnt),
                cmocka_unit_test(test_not_in_the_future),
                cmocka_unit_test(test_another_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
