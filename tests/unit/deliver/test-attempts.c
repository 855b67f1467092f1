/* Attempts: how they are counted, and which is the last. */
#include "koowatchd/deliver/attempts.h"
#include "unit/support.h"

#define FINISHED (1747708152 * USEC_SEC)
#define FIRST_PAUSE (10 * USEC_SEC)

static const struct attempt_limits limits = {.futile = 3, .history = USEC_DAY};

/* One attempt in which hooks end so: d(one), l(ater), p(rogress), s(kipped), f(ailed). */
static void note_all(struct attempts *a, const char *results) {
        static const char letters[] = "dlpsf";

        attempts_begin(a);
        for (; *results; results++) {
                const char *letter = strchr(letters, *results);

                assert_non_null(letter);
                attempts_note(a, (enum hook_result)(letter - letters));
        }
}

static void test_what_an_attempt_achieves(void **state) {
        static const struct {
                const char *results;
                bool incomplete;
                unsigned futile; /* afterwards, where one was futile before */
        } cases[] = {
                {"", false, 2},  {"d", false, 2}, {"s", false, 2},  {"f", true, 2},
                {"l", true, 2},  {"p", true, 0},  {"dp", true, 0},  {"pl", true, 0},
                {"pf", true, 2}, {"fp", true, 2}, {"dfs", true, 2},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct attempts a = {.made = 4, .futile = 1};

                note_all(&a, cases[i].results);
                assert_int_equal(a.incomplete, cases[i].incomplete);
                attempts_end(&a);
                assert_int_equal(a.made, 5);
                assert_int_equal(a.futile, cases[i].futile);
        }
}

static void test_the_last_of_those_that_achieve_nothing(void **state) {
        struct attempts a = {.since = FINISHED};

        (void) state;
        for (unsigned i = 1; i <= limits.futile; i++) {
                note_all(&a, "f");
                assert_int_equal(attempts_is_last(&a, &limits, FINISHED), i == limits.futile);
                attempts_end(&a);
        }
}

static void test_progress_counts_from_zero(void **state) {
        struct attempts a = {.since = FINISHED};

        (void) state;
        for (unsigned i = 0; i < 20; i++) {
                note_all(&a, i % 3 == 2 ? "p" : "f");
                assert_false(attempts_is_last(&a, &limits, FINISHED + USEC_DAY));
                attempts_end(&a);
        }
        assert_int_equal(a.made, 20);
}

static void test_history(void **state) {
        static const struct {
                unsigned made;
                usec_t since, wall;
                bool is_last;
        } cases[] = {
                {2, FINISHED, FINISHED + USEC_DAY, false},
                {2, FINISHED, FINISHED + USEC_DAY + 1, true},
                /* Too few attempts: the clock may have been set wrong. */
                {1, FINISHED, FINISHED + 2 * USEC_DAY, false},
                {9, 0, FINISHED, false},
        };
        static const struct attempt_limits for_ever = {.futile = 3, .history = USEC_INFINITY};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct attempts a = {.made = cases[i].made, .since = cases[i].since};

                note_all(&a, "p");
                assert_int_equal(attempts_is_last(&a, &limits, cases[i].wall), cases[i].is_last);
                assert_false(attempts_is_last(&a, &for_ever, cases[i].wall));
        }
}

static void test_pauses(void **state) {
        struct attempts a = {}, progress = {.futile = 7};
        usec_t before = 0;

        (void) state;
        note_all(&a, "f");
        assert_int_equal(attempts_pause(&a), FIRST_PAUSE);
        for (unsigned i = 0; i < 40; i++) {
                usec_t pause = attempts_pause(&a);

                assert_true(pause >= before && pause <= USEC_HOUR);
                before = pause;
                attempts_end(&a);
                note_all(&a, "f");
        }
        assert_int_equal(before, USEC_HOUR);
        note_all(&progress, "p");
        assert_int_equal(attempts_pause(&progress), FIRST_PAUSE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_an_attempt_achieves),
                cmocka_unit_test(test_the_last_of_those_that_achieve_nothing),
                cmocka_unit_test(test_progress_counts_from_zero),
                cmocka_unit_test(test_history),
                cmocka_unit_test(test_pauses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
