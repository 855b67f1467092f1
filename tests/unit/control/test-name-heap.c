/* The smallest names of those that are offered. */
#include "koowatchd/control/name-heap.h"
#include "unit/support.h"

static void assert_names(struct name_heap *heap, const char *expected) {
        char text[256] = "";

        name_heap_sort(heap);
        for (size_t i = 0; i < heap->count; i++) {
                size_t n = strlen(text);

                (void) snprintf(text + n, sizeof(text) - n, "%s ", heap->names[i]);
        }
        assert_string_equal(text, expected);
}

static void test_fewer_than_wanted(void **state) {
        struct name_heap heap;

        (void) state;
        name_heap_init(&heap, 5);
        assert_names(&heap, "");
        assert_int_equal(name_heap_offer(&heap, "b"), 0);
        assert_int_equal(name_heap_offer(&heap, "a"), 0);
        assert_false(name_heap_is_full(&heap));
        assert_names(&heap, "a b ");
        name_heap_clear(&heap);
        assert_names(&heap, "");
        name_heap_clear(&heap);
}

static void test_the_smallest_of_many(void **state) {
        struct name_heap heap;
        char name[16];

        (void) state;
        for (unsigned wanted = 1; wanted < 200; wanted += 66) {
                name_heap_init(&heap, wanted);
                for (unsigned i = 0; i < 1000; i++) {
                        (void) snprintf(name, sizeof(name), "%03u", i * 377 % 1000);
                        assert_int_equal(name_heap_offer(&heap, name), 0);
                }
                assert_true(name_heap_is_full(&heap));
                name_heap_sort(&heap);
                for (unsigned i = 0; i < wanted; i++) {
                        (void) snprintf(name, sizeof(name), "%03u", i);
                        assert_string_equal(heap.names[i], name);
                }
                name_heap_clear(&heap);
        }
}

/* The order is that of bytes, whatever the language. */
static void test_bytes(void **state) {
        struct name_heap heap;

        (void) state;
        name_heap_init(&heap, 3);
        for (const char *const *name = (const char *const[]){"b", "B", "a.b", "a", "_", NULL};
             *name; name++)
                assert_int_equal(name_heap_offer(&heap, *name), 0);
        assert_names(&heap, "B _ a ");
        name_heap_clear(&heap);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fewer_than_wanted),
                cmocka_unit_test(test_the_smallest_of_many),
                cmocka_unit_test(test_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
