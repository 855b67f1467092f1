/* The due queue, checked against a search of all entries. */
#include "koowatchd/poll/due-queue.h"
#include "unit/support.h"

#define NOW USEC_DAY
#define ENTRIES 300

static double share_of(const struct due_entry *entry, usec_t now) {
        return (double) (now - entry->due) / (double) entry->interval;
}

static void test_empty(void **state) {
        struct due_queue queue;
        struct due_entry entry = {};

        (void) state;
        due_queue_init(&queue);
        assert_null(due_queue_first(&queue, NOW));
        assert_int_equal(due_queue_lag(&queue, NOW), 0);
        due_queue_remove(&queue, &entry);
        assert_int_equal(queue.count, 0);
}

static void test_first_in_first_out(void **state) {
        struct due_queue queue;
        struct due_entry entries[10] = {};

        (void) state;
        due_queue_init(&queue);
        for (size_t i = 0; i < ARRAY_LEN(entries); i++)
                due_queue_add(&queue, &entries[i], NOW, USEC_SEC);
        for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
                assert_ptr_equal(due_queue_first(&queue, NOW), &entries[i]);
                assert_ptr_equal(due_queue_first(&queue, NOW), &entries[i]);
                due_queue_remove(&queue, &entries[i]);
        }
        assert_null(due_queue_first(&queue, NOW));
}

/* Two seconds late is much for an interval of two, and little for one of two minutes. */
static void test_in_proportion_to_interval(void **state) {
        struct due_queue queue;
        struct due_entry often = {}, rarely = {};

        (void) state;
        due_queue_init(&queue);
        due_queue_add(&queue, &rarely, NOW - 10 * USEC_SEC, 2 * USEC_MINUTE);
        due_queue_add(&queue, &often, NOW - 2 * USEC_SEC, 2 * USEC_SEC);
        assert_ptr_equal(due_queue_first(&queue, NOW), &often);
        assert_int_equal(due_queue_lag(&queue, NOW), 10 * USEC_SEC);
}

/* Turns are taken by age alone, whatever the intervals are. */
static void test_oldest(void **state) {
        struct due_queue queue;
        struct due_entry often = {}, rarely = {};

        (void) state;
        due_queue_init(&queue);
        assert_null(due_queue_oldest(&queue));
        due_queue_add(&queue, &often, NOW - 2 * USEC_SEC, 2 * USEC_SEC);
        due_queue_add(&queue, &rarely, NOW - 10 * USEC_SEC, 2 * USEC_MINUTE);
        assert_ptr_equal(due_queue_first(&queue, NOW), &often);
        assert_ptr_equal(due_queue_oldest(&queue), &rarely);
        due_queue_remove(&queue, &rarely);
        assert_ptr_equal(due_queue_oldest(&queue), &often);
}

/* The order changes while they wait: nobody starves. */
static void test_order_changes_with_time(void **state) {
        struct due_queue queue;
        struct due_entry often = {}, rarely = {};

        (void) state;
        due_queue_init(&queue);
        due_queue_add(&queue, &rarely, NOW - USEC_MINUTE, 2 * USEC_MINUTE);
        due_queue_add(&queue, &often, NOW, 2 * USEC_SEC);
        assert_ptr_equal(due_queue_first(&queue, NOW), &rarely);
        assert_ptr_equal(due_queue_first(&queue, NOW + 10 * USEC_SEC), &often);
}

static void test_late_arrival_keeps_its_place(void **state) {
        struct due_queue queue;
        struct due_entry a = {}, b = {}, c = {};

        (void) state;
        due_queue_init(&queue);
        due_queue_add(&queue, &b, NOW - 2, USEC_SEC);
        due_queue_add(&queue, &c, NOW - 1, USEC_SEC);
        due_queue_add(&queue, &a, NOW - 3, USEC_SEC);
        assert_ptr_equal(due_queue_first(&queue, NOW), &a);
        due_queue_remove(&queue, &a);
        assert_ptr_equal(due_queue_first(&queue, NOW), &b);
        due_queue_remove(&queue, &b);
        assert_ptr_equal(due_queue_first(&queue, NOW), &c);
}

static void test_removes_from_anywhere(void **state) {
        (void) state;
        for (size_t gone = 0; gone < 3; gone++) {
                struct due_queue queue;
                struct due_entry entries[3] = {};

                due_queue_init(&queue);
                for (size_t i = 0; i < 3; i++)
                        due_queue_add(&queue, &entries[i], NOW + (usec_t) i, USEC_SEC);
                due_queue_remove(&queue, &entries[gone]);
                due_queue_remove(&queue, &entries[gone]);
                assert_int_equal(queue.count, 2);
                for (size_t i = 0; i < 3; i++) {
                        if (i == gone)
                                continue;
                        assert_ptr_equal(due_queue_first(&queue, NOW), &entries[i]);
                        due_queue_remove(&queue, &entries[i]);
                }
                assert_null(due_queue_first(&queue, NOW));
                due_queue_add(&queue, &entries[gone], NOW, USEC_SEC);
                assert_ptr_equal(due_queue_first(&queue, NOW), &entries[gone]);
        }
}

static void test_extreme_intervals(void **state) {
        static const usec_t intervals[] = {1, 99 * USEC_MSEC, USEC_DAY, UINT32_MAX * USEC_MSEC,
                                           USEC_INFINITY};
        struct due_queue queue;
        struct due_entry entries[ARRAY_LEN(intervals)] = {};

        (void) state;
        due_queue_init(&queue);
        for (size_t i = ARRAY_LEN(intervals); i-- > 0;)
                due_queue_add(&queue, &entries[i], NOW, intervals[i]);
        for (size_t i = 0; i < ARRAY_LEN(intervals); i++) {
                struct due_entry *first = due_queue_first(&queue, NOW + USEC_HOUR);

                assert_non_null(first);
                due_queue_remove(&queue, first);
        }
        assert_int_equal(queue.count, 0);
}

/* None is lost, whichever line it is in. */
static void test_every_interval(void **state) {
        struct due_queue queue;
        struct due_entry entry = {};

        (void) state;
        due_queue_init(&queue);
        for (usec_t interval = USEC_MSEC; interval < 1000 * USEC_DAY; interval += interval / 8) {
                due_queue_add(&queue, &entry, NOW, interval);
                assert_ptr_equal(due_queue_first(&queue, NOW), &entry);
                assert_ptr_equal(due_queue_oldest(&queue), &entry);
                due_queue_remove(&queue, &entry);
                assert_null(due_queue_first(&queue, NOW));
        }
}

/* Lines hold intervals within a quarter, so the first is the best one but for a quarter. */
static void check_first(const struct due_queue *queue, const struct due_entry *entries,
                        usec_t now) {
        const struct due_entry *first = due_queue_first(queue, now);
        size_t count = 0;
        usec_t lag = 0;

        for (size_t i = 0; i < ENTRIES; i++) {
                if (!due_queue_has(&entries[i]))
                        continue;
                count++;
                lag = MAX(lag, now - entries[i].due);
                assert_non_null(first);
                assert_true(share_of(first, now) >= share_of(&entries[i], now) / 1.26);
        }
        assert_int_equal(queue->count, count);
        assert_int_equal(due_queue_lag(queue, now), lag);
        assert_int_equal(!first, count == 0);
}

static void test_any_order(void **state) {
        struct due_queue queue;
        struct due_entry entries[ENTRIES] = {};
        uint64_t seed = 7;
        usec_t now = NOW;

        (void) state;
        due_queue_init(&queue);
        for (unsigned i = 0; i < 5000; i++) {
                struct due_entry *entry = &entries[random_next(&seed) % ENTRIES];

                now += (usec_t) (random_next(&seed) % USEC_SEC);
                if (due_queue_has(entry))
                        due_queue_remove(&queue, entry);
                else
                        due_queue_add(&queue, entry,
                                      now - (usec_t) (random_next(&seed) % USEC_MINUTE),
                                      100 * USEC_MSEC << (random_next(&seed) % 20));
                check_first(&queue, entries, now);
        }
}

#define MANY 100000

/*
 * Ten turns a second for 100,000 entries of two intervals; each is due again when it has had its
 * turn. Of the second half of the turns: the most and the mean of the waits, by the interval.
 */
static void overload(const usec_t intervals[2], unsigned rounds, double most[2], double mean[2]) {
        struct due_entry *entries = calloc(MANY, sizeof(*entries));
        struct due_queue queue;
        usec_t now = NOW;
        size_t turns[2] = {};

        assert_non_null(entries);
        due_queue_init(&queue);
        most[0] = most[1] = mean[0] = mean[1] = 0;
        for (size_t i = 0; i < MANY; i++)
                due_queue_add(&queue, &entries[i], NOW + (usec_t) i, intervals[i % 2]);
        for (size_t turn = 0; turn < (size_t) rounds * MANY; turn++) {
                struct due_entry *entry = due_queue_first(&queue, now += USEC_SEC / 10);
                size_t class = (size_t) (entry - entries) % 2;
                double share = share_of(entry, now);

                due_queue_remove(&queue, entry);
                due_queue_add(&queue, entry, now, intervals[class]);
                if (turn < MANY * (rounds / 2))
                        continue;
                most[class] = MAX(most[class], share);
                mean[class] += share;
                turns[class]++;
        }
        for (size_t class = 0; class < 2; class ++)
                mean[class] /= (double) MAX(turns[class], 1);
        free(entries);
}

static void test_overload_of_equals(void **state) {
        static const usec_t equal[2] = {2 * USEC_MINUTE, 2 * USEC_MINUTE};
        double most[2], mean[2];

        (void) state;
        overload(equal, 4, most, mean);
        for (size_t class = 0; class < 2; class ++) {
                assert_true(mean[class] * 120 > MANY / 10 * 0.99);
                assert_true(most[class] <= mean[class] * 1.01);
        }
}

/* Each waits in proportion to its interval, but for the quarter that shares a bucket. */
static void test_overload_in_proportion(void **state) {
        static const usec_t mixed[2] = {10 * USEC_SEC, 2 * USEC_MINUTE};
        double most[2], mean[2];

        (void) state;
        overload(mixed, 8, most, mean);
        for (size_t class = 0; class < 2; class ++) {
                assert_true(mean[class] > 0);
                assert_true(most[class] <= mean[class] * 2);
        }
        assert_true(mean[0] <= mean[1] * 1.3 && mean[1] <= mean[0] * 1.3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_first_in_first_out),
                cmocka_unit_test(test_in_proportion_to_interval),
                cmocka_unit_test(test_oldest),
                cmocka_unit_test(test_order_changes_with_time),
                cmocka_unit_test(test_late_arrival_keeps_its_place),
                cmocka_unit_test(test_removes_from_anywhere),
                cmocka_unit_test(test_extreme_intervals),
                cmocka_unit_test(test_every_interval),
                cmocka_unit_test(test_any_order),
                cmocka_unit_test(test_overload_of_equals),
                cmocka_unit_test(test_overload_in_proportion),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
