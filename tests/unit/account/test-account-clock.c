/* The server's clock, and an X-Date that is refused. */
#include "unit/account/account-fixture.h"

static void test_date(void **state) {
        struct fixture *f = *state;
        usec_t wall = 1747708152 * USEC_SEC, server = wall - USEC_HOUR;
        struct koodrive_answer answer = answer_of(&good);

        /* Nothing is known of the server's clock: ours. */
        assert_int_equal(account_date(f->account, f->now, wall), wall - 5 * USEC_SEC);

        answer.date = server;
        (void) ask_for(f, 0, &answer);
        assert_int_equal(account_date(f->account, f->now + USEC_SEC, wall + USEC_SEC),
                         server - 4 * USEC_SEC);

        /* Somebody sets our clock: the server's is still known. */
        assert_int_equal(account_date(f->account, f->now + USEC_SEC, wall + USEC_DAY),
                         server - 4 * USEC_SEC);
}

/* How far X-Date is off, in seconds, when answers come with Dates that far off. */
static int skew_after(struct fixture *f, const int *dates, size_t n) {
        static const usec_t wall = 1747708152 * USEC_SEC;

        for (size_t i = 0; i < n; i++) {
                struct koodrive_answer answer = answer_of(i % 2 ? &good : &malformed);

                answer.date = wall + f->now + dates[i] * USEC_SEC;
                (void) ask_for(f, 0, &answer);
                f->now += USEC_MINUTE;
        }
        return (int) ((account_date(f->account, f->now, 0) - wall - f->now + 5 * USEC_SEC) /
                      USEC_SEC);
}

static void test_clock_outliers(void **state) {
        static const struct {
                int dates[6];
                size_t n;
                int expected;
        } cases[] = {
                {{100}, 1, 100},
                {{100, 130, 70, 20}, 4, 20},             /* each near to the one before */
                {{100, 9999}, 2, 100},                   /* once is a cache's */
                {{100, 9999, 9990}, 3, 9990},            /* twice is the truth */
                {{100, 9999, -9999}, 3, 100},            /* two that do not agree */
                {{100, 9999, -9999, 9999}, 4, 100},      /* nor in turn */
                {{100, 9999, 101, 9999}, 4, 101},        /* not in a row */
                {{100, 9999, 101, 9999, 9998}, 5, 9998}, /* but then */
                {{100, 160}, 2, 100},
                {{100, 40}, 2, 100},
                {{100, 159}, 2, 159},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(set_up(state), 0);
                assert_int_equal(skew_after(*state, cases[i].dates, cases[i].n), cases[i].expected);
                assert_int_equal(tear_down(state), 0);
        }
}

/* Not what any page in front of KooDrive says, and not before an answer that is its own. */
static void test_whose_clock(void **state) {
        static const struct {
                const struct koodrive_disposition *means;
                bool known;
        } cases[] = {{&good, true}, {&not_found, true}, {&malformed, false}, {&refused, false}};
        usec_t wall = 1747708152 * USEC_SEC, server = wall - USEC_HOUR;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_answer answer = answer_of(cases[i].means);
                struct fixture *f;

                assert_int_equal(set_up(state), 0);
                f = *state;
                assert_int_equal(account_wall(f->account, f->now, wall), -1);
                answer.date = server;
                (void) ask_for(f, 0, &answer);
                assert_int_equal(account_wall(f->account, f->now, wall),
                                 cases[i].known ? server : -1);
                assert_int_equal(tear_down(state), 0);
        }
}

static const struct koodrive_answer *stamp_refused(usec_t date, usec_t server_time) {
        static struct koodrive_answer answer;

        answer = answer_of(&refused);
        answer.date = date;
        answer.stamp_refused = true;
        answer.server_time = server_time;
        return &answer;
}

/* Set right at once, but once: if that does not help, it is something else. */
static void test_stamp_is_corrected_once(void **state) {
        struct fixture *f = *state;
        usec_t server = 1747708152 * USEC_SEC;

        for (unsigned i = 0; i < 3; i++) {
                usec_t real = server + i * USEC_DAY;

                assert_int_equal(ask_for(f, 0, stamp_refused(server, real)),
                                 ACCOUNT_VERDICT_RETRY_NOW);
                assert_int_equal(account_date(f->account, f->now, 0), real - 5 * USEC_SEC);
                assert_changes(f, "");
                ask_task(f, 0, &good);
        }
        assert_int_equal(ask_for(f, 0, stamp_refused(server, -1)), ACCOUNT_VERDICT_RETRY_NOW);
        ask_task(f, 0, &malformed); /* proves nothing */
        for (unsigned i = 0; i < 3; i++) {
                assert_true(wait_out(f) < USEC_MINUTE);
                assert_int_equal(ask_for(f, 0, stamp_refused(server, server)),
                                 ACCOUNT_VERDICT_BACKOFF);
        }
        assert_changes(f, "unauthorized(5) ");
        assert_int_equal(wait_out(f), SILENCE);
}

/* The Date of the answer, where the text says nothing; even one that is far off. */
static void test_stamp_is_corrected_by_date(void **state) {
        struct fixture *f = *state;
        struct koodrive_answer answer = answer_of(&good);
        usec_t server = 1747708152 * USEC_SEC;

        answer.date = server;
        (void) ask_for(f, 0, &answer);
        assert_int_equal(ask_for(f, 0, stamp_refused(server - USEC_DAY, -1)),
                         ACCOUNT_VERDICT_RETRY_NOW);
        assert_int_equal(account_date(f->account, f->now, 0), server - USEC_DAY - 5 * USEC_SEC);
}

static void test_stamp_cannot_be_corrected(void **state) {
        struct fixture *f = *state;

        assert_int_equal(ask_for(f, 0, stamp_refused(-1, -1)), ACCOUNT_VERDICT_BACKOFF);
        assert_changes(f, "unauthorized(1) ");
        assert_int_equal(account_date(f->account, f->now, USEC_DAY), USEC_DAY - 5 * USEC_SEC);
}

static void test_stamps_of_a_burst(void **state) {
        struct fixture *f = *state;
        usec_t server = 1747708152 * USEC_SEC;
        uint64_t sent = 0;

        for (unsigned i = 0; i < 4; i++)
                sent = send_one(f);
        f->now += USEC_SEC;
        assert_int_equal(answered_with(f, sent, 0, stamp_refused(server, server)),
                         ACCOUNT_VERDICT_RETRY_NOW);
        for (unsigned i = 1; i < 4; i++)
                assert_int_equal(answered_with(f, sent, i, stamp_refused(server, server)),
                                 ACCOUNT_VERDICT_BACKOFF);
        assert_changes(f, "");
        ask_task(f, 0, &good);
}

static void test_reload_allows_another_correction(void **state) {
        struct fixture *f = *state;
        usec_t server = 1747708152 * USEC_SEC;

        assert_int_equal(ask_for(f, 0, stamp_refused(server, -1)), ACCOUNT_VERDICT_RETRY_NOW);
        configure(f);
        assert_int_equal(ask_for(f, 0, stamp_refused(server, -1)), ACCOUNT_VERDICT_RETRY_NOW);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_date),
                cmocka_unit_test(test_clock_outliers),
                cmocka_unit_test(test_whose_clock),
                TEST(test_stamp_is_corrected_once),
                TEST(test_stamp_is_corrected_by_date),
                TEST(test_stamp_cannot_be_corrected),
                TEST(test_stamps_of_a_burst),
                TEST(test_reload_allows_another_correction),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
