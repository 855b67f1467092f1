/* PostgreSQL lease: beats, and the end of the trust in a session. */
#include "koowatchd/store-postgresql/pg-lease.h"
#include "unit/support.h"

#define T(seconds) (1000 * USEC_SEC + (usec_t) ((seconds) *USEC_SEC))

static void test_without_a_session_there_is_nothing(void **state) {
        const struct pg_lease lease = {};

        (void) state;
        assert_false(pg_lease_is_due(&lease, T(100)));
        assert_false(pg_lease_is_over(&lease, T(100)));
}

static void test_it_beats_every_four_seconds(void **state) {
        struct pg_lease lease = {};

        (void) state;
        pg_lease_renew(&lease, T(0));
        assert_int_equal(pg_lease_next(&lease, T(1)), T(4));
        assert_int_equal(pg_lease_end(&lease), T(13));
        assert_false(pg_lease_is_due(&lease, T(3.9)));
        assert_true(pg_lease_is_due(&lease, T(4)));
        pg_lease_beat(&lease, T(5));
        assert_false(pg_lease_is_due(&lease, T(5)));
        assert_int_equal(pg_lease_next(&lease, T(5)), T(9));
}

/* Counted from before the beat was sent: the database may have heard of it as early as that. */
static void test_the_trust_ends(void **state) {
        struct pg_lease lease = {};

        (void) state;
        pg_lease_renew(&lease, T(0));
        pg_lease_beat(&lease, T(4));
        assert_false(pg_lease_is_over(&lease, T(12.9)));
        assert_true(pg_lease_is_over(&lease, T(13)));
        pg_lease_confirm(&lease);
        assert_false(pg_lease_is_over(&lease, T(16.9)));
        assert_true(pg_lease_is_over(&lease, T(17)));
        pg_lease_beat(&lease, T(8)); /* without an answer */
        pg_lease_beat(&lease, T(12));
        pg_lease_beat(&lease, T(16));
        assert_int_equal(pg_lease_next(&lease, T(16)), T(17));
        assert_true(pg_lease_is_over(&lease, T(17)));
        pg_lease_renew(&lease, T(16.5));
        assert_false(pg_lease_is_over(&lease, T(17)));
}

/* The beat is under way still: then only the end is waited for. */
static void test_what_is_due_is_not_waited_for(void **state) {
        struct pg_lease lease = {};

        (void) state;
        pg_lease_renew(&lease, T(0));
        assert_int_equal(pg_lease_next(&lease, T(4)), T(13));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_without_a_session_there_is_nothing),
                cmocka_unit_test(test_it_beats_every_four_seconds),
                cmocka_unit_test(test_the_trust_ends),
                cmocka_unit_test(test_what_is_due_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
