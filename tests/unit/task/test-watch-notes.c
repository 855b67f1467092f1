/* What is kept of watches for whoever looks at them. */
#include "koowatchd/task/watch-notes.h"
#include "unit/support.h"

#define WALL (1747708152 * USEC_SEC)

/* Only their addresses are used. */
static char watches[1000];

static const struct watch *watch(size_t i) {
        return (const struct watch *) &watches[i];
}

static void assert_samples(const struct watch_notebook *book, size_t i, const char *expected) {
        CLEANUP(freep) char *text = watch_notes_samples(book, watch(i));

        if (!expected)
                assert_null(text);
        else
                assert_string_equal(text, expected);
}

static void test_samples(void **state) {
        struct watch_notebook book = {};

        (void) state;
        watch_notebook_init(&book);
        assert_samples(&book, 0, NULL);
        watch_notes_add_sample(&book, watch(0), WALL + 999999, 0);
        watch_notes_add_sample(&book, watch(0), WALL + 5 * USEC_SEC, 100);
        watch_notes_add_sample(&book, watch(1), WALL, 7);
        assert_samples(&book, 0, "[[1747708152,0],[1747708157,100]]");
        assert_samples(&book, 1, "[[1747708152,7]]");
        assert_samples(&book, 2, NULL);
        watch_notes_drop(&book, watch(0));
        watch_notes_drop(&book, watch(2));
        assert_samples(&book, 0, NULL);
        assert_samples(&book, 1, "[[1747708152,7]]");
        watch_notes_drop(&book, watch(1));
        watch_notebook_clear(&book);
}

/* However long it goes on, the first and the last are among at most so many. */
static void test_many_samples(void **state) {
        struct watch_notebook book = {};

        (void) state;
        watch_notebook_init(&book);
        for (int i = 0; i < 1000; i++) {
                CLEANUP(freep) char *text = NULL;
                char last[32];
                unsigned count = 0;

                watch_notes_add_sample(&book, watch(0), WALL + i * USEC_SEC, i % 101);
                text = watch_notes_samples(&book, watch(0));
                assert_non_null(str_after(text, "[[1747708152,0]"));
                (void) snprintf(last, sizeof(last), "[%d,%d]]", 1747708152 + i, i % 101);
                assert_true(str_ends_with(text, last));
                for (const char *at = text; (at = strchr(at + 1, '[')); count++)
                        ;
                assert_true(count <= WATCH_SAMPLES_MAX);
                assert_true((int) count >= MIN(i + 1, WATCH_SAMPLES_MAX / 2));
        }
        watch_notes_drop(&book, watch(0));
        watch_notebook_clear(&book);
}

static void test_failures(void **state) {
        struct watch_notebook book = {};

        (void) state;
        watch_notebook_init(&book);
        watch_notes_set_failure(&book, watch(0), NULL);
        assert_null(watch_notes_failure(&book, watch(0)));
        watch_notes_set_failure(&book, watch(0), "no answer");
        watch_notes_set_failure(&book, watch(0), "no answer");
        assert_string_equal(watch_notes_failure(&book, watch(0)), "no answer");
        watch_notes_set_failure(&book, watch(0), "another");
        assert_string_equal(watch_notes_failure(&book, watch(0)), "another");
        watch_notes_set_failure(&book, watch(0), NULL);
        assert_null(watch_notes_failure(&book, watch(0)));
        watch_notes_drop(&book, watch(0));
        watch_notebook_clear(&book);
}

static void test_many_watches(void **state) {
        struct watch_notebook book = {};

        (void) state;
        watch_notebook_init(&book);
        for (size_t i = 0; i < sizeof(watches); i++)
                watch_notes_add_sample(&book, watch(i), WALL, (int) (i % 100));
        for (size_t i = 0; i < sizeof(watches); i++) {
                CLEANUP(freep) char *expected = str_printf("[[1747708152,%zu]]", i % 100);

                assert_samples(&book, i, expected);
                watch_notes_drop(&book, watch(i));
        }
        watch_notebook_clear(&book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_samples),
                cmocka_unit_test(test_many_samples),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_many_watches),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
