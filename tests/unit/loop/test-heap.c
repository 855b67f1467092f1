/* The heap, checked against a plain array of the same nodes. */
#include "koowatchd/loop/heap.h"
#include "unit/support.h"

#define NODES 500

struct fixture {
        struct heap heap;
        struct heap_node nodes[NODES];
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        for (size_t i = 0; i < NODES; i++)
                assert_int_equal(heap_reserve(&f->heap), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        heap_clear(&f->heap);
        assert_null(f->heap.nodes);
        free(f);
        return 0;
}

/* The first must be in the heap and have the smallest key of those that are. */
static void check_first(const struct fixture *f) {
        const struct heap_node *first = heap_first(&f->heap);
        size_t count = 0;

        for (size_t i = 0; i < NODES; i++) {
                if (!heap_has(&f->nodes[i]))
                        continue;
                count++;
                assert_non_null(first);
                assert_true(first->key <= f->nodes[i].key);
        }
        assert_int_equal(count, f->heap.count);
        if (first)
                assert_true(heap_has(first));
        else
                assert_int_equal(count, 0);
}

static void test_empty(void **state) {
        struct fixture *f = *state;

        assert_null(heap_first(&f->heap));
        heap_remove(&f->heap, &f->nodes[0]);
        assert_null(heap_first(&f->heap));
        assert_false(heap_has(&f->nodes[0]));
}

static void test_one(void **state) {
        struct fixture *f = *state;

        heap_put(&f->heap, &f->nodes[7], 5);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[7]);
        assert_true(heap_has(&f->nodes[7]));
        heap_remove(&f->heap, &f->nodes[7]);
        assert_null(heap_first(&f->heap));
        assert_false(heap_has(&f->nodes[7]));
        assert_int_equal(f->nodes[7].key, 5);
}

static void test_sorts(void **state) {
        struct fixture *f = *state;
        uint64_t seed = 1;
        int64_t last = INT64_MIN;

        for (size_t i = 0; i < NODES; i++)
                heap_put(&f->heap, &f->nodes[i], (int64_t) random_next(&seed));
        for (size_t i = 0; i < NODES; i++) {
                struct heap_node *first = heap_first(&f->heap);

                assert_non_null(first);
                assert_true(first->key >= last);
                last = first->key;
                heap_remove(&f->heap, first);
        }
        assert_null(heap_first(&f->heap));
}

static void test_moves(void **state) {
        struct fixture *f = *state;

        for (size_t i = 0; i < 100; i++)
                heap_put(&f->heap, &f->nodes[i], (int64_t) i);
        heap_put(&f->heap, &f->nodes[0], 1000);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[1]);
        heap_put(&f->heap, &f->nodes[99], -1);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[99]);
        heap_put(&f->heap, &f->nodes[99], -1);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[99]);
        assert_int_equal(f->heap.count, 100);
}

static void test_extreme_keys(void **state) {
        struct fixture *f = *state;

        heap_put(&f->heap, &f->nodes[0], INT64_MAX);
        heap_put(&f->heap, &f->nodes[1], INT64_MIN);
        heap_put(&f->heap, &f->nodes[2], 0);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[1]);
        heap_remove(&f->heap, &f->nodes[1]);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[2]);
        heap_remove(&f->heap, &f->nodes[2]);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[0]);
}

/* Few different keys, so that many are equal. */
static void test_any_order(void **state) {
        struct fixture *f = *state;
        uint64_t seed = 42;

        for (unsigned i = 0; i < 5000; i++) {
                struct heap_node *node = &f->nodes[random_next(&seed) % NODES];

                if (random_next(&seed) % 3 == 0)
                        heap_remove(&f->heap, node);
                else
                        heap_put(&f->heap, node, (int64_t) (random_next(&seed) % 50));
                check_first(f);
        }
}

/* Places come and go with their owners while others are in. */
static void test_reserve(void **state) {
        struct fixture *f = *state;
        struct heap_node more = {};

        for (size_t i = 0; i < NODES; i++)
                heap_put(&f->heap, &f->nodes[i], (int64_t) i);
        assert_int_equal(heap_reserve(&f->heap), 0);
        heap_put(&f->heap, &more, -1);
        assert_ptr_equal(heap_first(&f->heap), &more);
        heap_remove(&f->heap, &more);
        heap_unreserve(&f->heap);
        assert_ptr_equal(heap_first(&f->heap), &f->nodes[0]);
}

/* Whatever is taken out of the middle, the others come in their order. */
static void test_sorts_after_removals(void **state) {
        struct fixture *f = *state;
        uint64_t seed = 7;

        for (unsigned round = 0; round < 40; round++) {
                int64_t last = INT64_MIN;
                struct heap_node *first;

                for (size_t i = 0; i < NODES; i++)
                        heap_put(&f->heap, &f->nodes[i], (int64_t) (random_next(&seed) % 100000));
                for (size_t i = 0; i < NODES / 2; i++)
                        heap_remove(&f->heap, &f->nodes[random_next(&seed) % NODES]);
                while ((first = heap_first(&f->heap))) {
                        assert_true(first->key >= last);
                        last = first->key;
                        heap_remove(&f->heap, first);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sorts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_moves, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_extreme_keys, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_any_order, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_reserve, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sorts_after_removals, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
