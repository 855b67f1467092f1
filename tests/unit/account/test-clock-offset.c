/* The server's clock, as its Dates tell it. */
#include "koowatchd/account/clock-offset.h"
#include "unit/support.h"

#define NOW USEC_DAY                     /* since boot */
#define WALL (1747708152 * USEC_SEC)     /* our own clock, which may be wrong */
#define SERVER (WALL + 2 * USEC_HOUR)    /* the truth */
#define WILD (WALL - 5 * 365 * USEC_DAY) /* a proxy's */

static usec_t stamp(const struct clock_offset *c, usec_t later) {
        return clock_offset_stamp(c, NOW + later, WALL + later);
}

static void test_our_own_until_it_is_known(void **state) {
        struct clock_offset c = {};

        (void) state;
        assert_int_equal(stamp(&c, 0), WALL - 5 * USEC_SEC);
}

static void test_first_date_is_believed(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, SERVER, NOW);
        assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
        assert_int_equal(stamp(&c, USEC_HOUR), SERVER + USEC_HOUR - 5 * USEC_SEC);
        /* Someone sets our own clock. */
        assert_int_equal(clock_offset_stamp(&c, NOW, WILD), SERVER - 5 * USEC_SEC);
}

static void test_small_steps_are_followed(void **state) {
        struct clock_offset c = {};

        (void) state;
        for (int i = 0; i < 10; i++) {
                usec_t date = SERVER + i * 59 * USEC_SEC;

                clock_offset_learn(&c, date, NOW);
                assert_int_equal(stamp(&c, 0), date - 5 * USEC_SEC);
        }
}

static void test_one_wild_date_is_ignored(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, SERVER, NOW);
        for (int i = 0; i < 5; i++) {
                clock_offset_learn(&c, WILD, NOW);
                assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
                clock_offset_learn(&c, SERVER, NOW);
                assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
        }
}

static void test_two_that_differ_confirm_nothing(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, SERVER, NOW);
        clock_offset_learn(&c, WILD, NOW);
        clock_offset_learn(&c, WILD + USEC_HOUR, NOW);
        assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
}

static void test_two_that_agree_are_believed(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, WILD, NOW);
        clock_offset_learn(&c, SERVER, NOW);
        clock_offset_learn(&c, SERVER + USEC_MINUTE, NOW + USEC_MINUTE);
        assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
}

static void test_what_is_beyond_doubt(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, WILD, NOW);
        clock_offset_set(&c, SERVER, NOW);
        assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
        clock_offset_learn(&c, WILD, NOW);
        assert_int_equal(stamp(&c, 0), SERVER - 5 * USEC_SEC);
}

/* A page in front of KooDrive has a Date, too. */
static void test_only_koodrive_confirms(void **state) {
        struct clock_offset c = {};

        (void) state;
        assert_int_equal(clock_offset_wall(&c, NOW, WALL), -1);
        clock_offset_learn(&c, WILD, NOW);
        assert_int_equal(clock_offset_wall(&c, NOW, WALL), -1);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(clock_offset_wall(&c, NOW, WALL), -1);
                clock_offset_learn(&c, SERVER, NOW);
                clock_offset_confirm(&c, SERVER, NOW);
        }
        assert_int_equal(clock_offset_wall(&c, NOW, WALL), SERVER);
        /* Someone sets our own clock. */
        assert_int_equal(clock_offset_wall(&c, NOW + 1, WILD), SERVER + 1);
}

static void test_our_own_where_it_is_right(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, SERVER, NOW);
        clock_offset_confirm(&c, SERVER, NOW);
        assert_int_equal(clock_offset_wall(&c, NOW, SERVER + 59 * USEC_SEC),
                         SERVER + 59 * USEC_SEC);
        assert_int_equal(clock_offset_wall(&c, NOW, SERVER - 59 * USEC_SEC),
                         SERVER - 59 * USEC_SEC);
        assert_int_equal(clock_offset_wall(&c, NOW, SERVER + USEC_MINUTE), SERVER);
        assert_int_equal(clock_offset_wall(&c, NOW, SERVER - USEC_MINUTE), SERVER);
}

static void test_what_is_confirmed_stays_so_while_it_drifts(void **state) {
        struct clock_offset c = {};

        (void) state;
        clock_offset_learn(&c, SERVER, NOW);
        clock_offset_confirm(&c, SERVER, NOW);
        clock_offset_learn(&c, SERVER + 2 * USEC_SEC, NOW);
        assert_int_equal(clock_offset_wall(&c, NOW, WALL), SERVER + 2 * USEC_SEC);
        clock_offset_learn(&c, WILD, NOW);
        assert_int_equal(clock_offset_wall(&c, NOW, WALL), SERVER + 2 * USEC_SEC);
        clock_offset_learn(&c, WILD, NOW);
        assert_int_equal(clock_offset_wall(&c, NOW, WALL), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_our_own_until_it_is_known),
                cmocka_unit_test(test_first_date_is_believed),
                cmocka_unit_test(test_small_steps_are_followed),
                cmocka_unit_test(test_one_wild_date_is_ignored),
                cmocka_unit_test(test_two_that_differ_confirm_nothing),
                cmocka_unit_test(test_two_that_agree_are_believed),
                cmocka_unit_test(test_what_is_beyond_doubt),
                cmocka_unit_test(test_only_koodrive_confirms),
                cmocka_unit_test(test_our_own_where_it_is_right),
                cmocka_unit_test(test_what_is_confirmed_stays_so_while_it_drifts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
