/* How long an account sends nothing after a failure. */
#include "koowatchd/account/account-pause.h"
#include "koowatchd/koodrive/answer.h"
#include "unit/support.h"

#define START USEC_DAY
#define PROBE_MAX (2 * USEC_MINUTE)
#define MOST_RANDOM 0.999999

struct fixture {
        struct account_pause pause;
        usec_t now;
        double random;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->pause.probe_max = PROBE_MAX;
        f->now = START;
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        free(*state);
        return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* Returns the pause; time goes on to its end. */
static usec_t wait_out(struct fixture *f) {
        usec_t pause = MAX(f->pause.until - f->now, 0);

        f->now += pause;
        return pause;
}

static usec_t throttled(struct fixture *f, usec_t retry_after, usec_t window) {
        const struct koodrive_answer answer = {.retry_after = retry_after, .window = window};

        account_pause_throttled(&f->pause, f->now, &answer, f->random);
        return wait_out(f);
}

static usec_t unreachable(struct fixture *f, usec_t retry_after) {
        const struct koodrive_answer answer = {.retry_after = retry_after};

        account_pause_unreachable(&f->pause, f->now, &answer, f->random);
        return wait_out(f);
}

static usec_t refused(struct fixture *f, usec_t retry_after, bool final) {
        const struct koodrive_answer answer = {.retry_after = retry_after};

        account_pause_refused(&f->pause, f->now, &answer, final);
        return wait_out(f);
}

/* Throttled */

static void test_throttled_as_asked(void **state) {
        struct fixture *f = *state;

        /* However often, before the window, and never above an hour. */
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(throttled(f, 30 * USEC_SEC, USEC_SEC), 30 * USEC_SEC);
        assert_int_equal(throttled(f, 2 * USEC_HOUR, -1), USEC_HOUR);
        assert_int_equal(throttled(f, 1, -1), USEC_HOUR); /* no way to wait for long */
}

static void test_throttled_is_spread(void **state) {
        static const struct {
                double random;
                usec_t pause;
        } cases[] = {{0, 30 * USEC_SEC}, {0.5, 31500 * USEC_MSEC}};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                f->random = cases[i].random;
                assert_int_equal(throttled(f, 30 * USEC_SEC, -1), cases[i].pause);
        }
        f->random = MOST_RANDOM;
        assert_in_range(throttled(f, 30 * USEC_SEC, -1), 32900 * USEC_MSEC, 33 * USEC_SEC);
        f->random = 0; /* the pause itself is what is doubled */
        assert_int_equal(throttled(f, -1, -1), USEC_MINUTE);
}

/* One request a second is no way to wait for a quota. */
static void test_throttled_for_moments(void **state) {
        static const int pauses[] = {1, 1, 1, 2, 4, 8, 16};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(pauses); i++)
                assert_int_equal(throttled(f, USEC_SEC, -1), pauses[i] * USEC_SEC);

        /* From two seconds on a hint is believed for good. */
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(throttled(f, 2 * USEC_SEC, -1), 2 * USEC_SEC);
}

static void test_throttled_without_hint(void **state) {
        struct fixture *f = *state;

        for (usec_t pause = 5 * USEC_SEC; pause < USEC_HOUR; pause *= 2)
                assert_int_equal(throttled(f, -1, -1), pause);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(throttled(f, -1, -1), USEC_HOUR);
        account_pause_restart(&f->pause);
        assert_int_equal(throttled(f, -1, -1), 5 * USEC_SEC);
}

/* A quota of the day hides behind the hint of a second. */
static void test_throttled_window(void **state) {
        static const int pauses[] = {20, 20, 20, 40, 80, 160, 320};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(pauses); i++)
                assert_int_equal(throttled(f, -1, 20 * USEC_SEC), pauses[i] * USEC_SEC);
        /* A longer one is believed. */
        assert_int_equal(throttled(f, -1, 15 * USEC_MINUTE), 15 * USEC_MINUTE);
        for (unsigned i = 0; i < 5; i++)
                (void) throttled(f, -1, USEC_SEC);
        assert_int_equal(throttled(f, -1, USEC_SEC), USEC_HOUR);
        account_pause_restart(&f->pause);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(throttled(f, -1, USEC_SEC), USEC_SEC);
        assert_int_equal(throttled(f, -1, USEC_SEC), 2 * USEC_SEC);
}

static void test_throttled_by_meaning(void **state) {
        struct koodrive_answer answer = {.disposition.pause = 10 * USEC_MINUTE,
                                         .retry_after = USEC_SEC};
        struct fixture *f = *state;

        account_pause_throttled(&f->pause, f->now, &answer, 0);
        assert_int_equal(wait_out(f), 10 * USEC_MINUTE);
        answer.retry_after = 20 * USEC_MINUTE;
        account_pause_throttled(&f->pause, f->now, &answer, 0);
        assert_int_equal(wait_out(f), 20 * USEC_MINUTE);
}

/* "Retry-After: 0" must not be what later pauses double. */
static void test_throttled_with_no_pause(void **state) {
        struct fixture *f = *state;

        assert_int_equal(throttled(f, 0, -1), 5 * USEC_SEC);
        assert_int_equal(throttled(f, 0, -1), 10 * USEC_SEC);
        assert_int_equal(throttled(f, -1, -1), 20 * USEC_SEC);
        account_pause_restart(&f->pause);
        assert_int_equal(throttled(f, 0, 15 * USEC_SEC), 15 * USEC_SEC); /* the window says more */
}

/* A pause that is going on is not cut short. */
static void test_throttled_within_a_pause(void **state) {
        const struct koodrive_answer answer = {.retry_after = USEC_SEC};
        struct fixture *f = *state;

        f->pause.until = f->now + USEC_MINUTE;
        account_pause_throttled(&f->pause, f->now, &answer, 0);
        assert_int_equal(f->pause.until, f->now + USEC_MINUTE);
        f->pause.until = USEC_INFINITY;
        account_pause_throttled(&f->pause, f->now, &answer, 0);
        assert_int_equal(f->pause.until, USEC_INFINITY);
}

/* Unreachable */

/* A little longer each time, and no longer than is allowed. */
static void test_probes(void **state) {
        static const double randoms[] = {0, 0.5, MOST_RANDOM};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(randoms); i++) {
                usec_t least = 3 * USEC_SEC;

                f->random = randoms[i];
                account_pause_restart(&f->pause);
                for (unsigned k = 0; k < 80; k++, least = MIN(least + 2 * USEC_SEC, PROBE_MAX))
                        assert_in_range(unreachable(f, -1), least, least * 11 / 10);
                assert_int_equal(least, PROBE_MAX);
        }
}

/* Who stands in front may say when to come back; 0 is no answer to that. */
static void test_probes_as_asked(void **state) {
        struct fixture *f = *state;

        assert_int_equal(unreachable(f, 10 * USEC_MINUTE), 10 * USEC_MINUTE);
        assert_int_equal(unreachable(f, 0), 5 * USEC_SEC);
}

/* What is allowed at most is never below the first pause. */
static void test_probes_of_the_impatient(void **state) {
        struct fixture *f = *state;

        f->pause.probe_max = USEC_SEC;
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(unreachable(f, -1), 3 * USEC_SEC);
}

/* Refused */

static void test_three_attempts_then_one_at_a_time(void **state) {
        struct fixture *f = *state;

        assert_int_equal(account_pause_refusals_left(&f->pause), 3);
        assert_int_equal(refused(f, -1, false), 2 * USEC_SEC);
        assert_int_equal(refused(f, -1, false), 2 * USEC_SEC);
        assert_int_equal(account_pause_refusals_left(&f->pause), 1);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(refused(f, -1, false), ACCOUNT_PAUSE_REFUSED);
                assert_int_equal(account_pause_refusals_left(&f->pause), 0);
        }
        f->pause.refused = 0; /* accepted */
        assert_int_equal(refused(f, -1, false), 2 * USEC_SEC);
}

static void test_refused_for_good(void **state) {
        struct fixture *f = *state;

        assert_int_equal(refused(f, -1, true), ACCOUNT_PAUSE_REFUSED);
        assert_int_equal(refused(f, -1, false), ACCOUNT_PAUSE_REFUSED);
}

static void test_refused_as_asked(void **state) {
        const struct koodrive_answer locked = {.disposition.pause = USEC_HOUR, .retry_after = -1};
        struct fixture *f = *state;

        assert_int_equal(refused(f, 20 * USEC_MINUTE, false), 20 * USEC_MINUTE);
        account_pause_refused(&f->pause, f->now, &locked, false);
        assert_int_equal(wait_out(f), USEC_HOUR);
}

/* The gateway counts on, whatever else it says between. */
static void test_refusals_are_counted_on(void **state) {
        struct fixture *f = *state;

        (void) refused(f, -1, false);
        account_pause_restart(&f->pause);
        (void) throttled(f, USEC_SEC, -1);
        (void) unreachable(f, -1);
        assert_int_equal(refused(f, -1, false), 2 * USEC_SEC);
        account_pause_restart(&f->pause);
        assert_int_equal(refused(f, -1, false), ACCOUNT_PAUSE_REFUSED);
}

/* As good as a refusal, but it does not cut short what a refusal had asked for. */
static void test_nonsense_between_refusals(void **state) {
        struct fixture *f = *state;

        (void) refused(f, -1, false);
        account_pause_not_refused(&f->pause, f->now);
        assert_int_equal(wait_out(f), 2 * USEC_SEC);
        account_pause_not_refused(&f->pause, f->now);
        assert_int_equal(wait_out(f), ACCOUNT_PAUSE_REFUSED);
        f->pause.until = USEC_INFINITY;
        account_pause_not_refused(&f->pause, f->now);
        assert_int_equal(f->pause.until, USEC_INFINITY);
}

/* What another failure had to wait for is not what this one begins with. */
static void test_each_state_begins_with_the_first(void **state) {
        struct fixture *f = *state;

        (void) throttled(f, 10 * USEC_MINUTE, -1);
        account_pause_restart(&f->pause);
        assert_int_equal(unreachable(f, -1), 3 * USEC_SEC);
        assert_int_equal(unreachable(f, -1), 5 * USEC_SEC);
        account_pause_restart(&f->pause);
        assert_int_equal(throttled(f, -1, -1), 5 * USEC_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_throttled_as_asked),
                TEST(test_throttled_is_spread),
                TEST(test_throttled_for_moments),
                TEST(test_throttled_without_hint),
                TEST(test_throttled_window),
                TEST(test_throttled_by_meaning),
                TEST(test_throttled_with_no_pause),
                TEST(test_throttled_within_a_pause),
                TEST(test_probes),
                TEST(test_probes_as_asked),
                TEST(test_probes_of_the_impatient),
                TEST(test_three_attempts_then_one_at_a_time),
                TEST(test_refused_for_good),
                TEST(test_refused_as_asked),
                TEST(test_refusals_are_counted_on),
                TEST(test_nonsense_between_refusals),
                TEST(test_each_state_begins_with_the_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
