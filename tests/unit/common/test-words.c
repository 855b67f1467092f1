/* Words: what is taken for a list of names, and which of them are missing from another one. */
#include <errno.h>

#include "common/words.h"
#include "unit/support.h"

static void test_parse(void **state) {
        static const struct {
                const char *text, *words;
        } cases[] = {
                {"", NULL},
                {" \t ", NULL},
                {"a", "a"},
                {"  gpu\t\tdisk-1  a.b_c ", "gpu disk-1 a.b_c"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *words = strdup("before");

                assert_int_equal(words_parse(cases[i].text, label_is_valid, &words), 0);
                if (cases[i].words)
                        assert_string_equal(words, cases[i].words);
                else
                        assert_null(words);
        }
}

static void test_refused(void **state) {
        static const char *const bad[] = {"a,b", "a b/c", "a é", "\"a\"", "a=b"};
        CLEANUP(freep) char *words = strdup("before");
        char most[66];

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(words_parse(bad[i], label_is_valid, &words), -EINVAL);
        memset(most, 'x', sizeof(most) - 1);
        most[65] = '\0';
        assert_int_equal(words_parse(most, label_is_valid, &words), -EINVAL);
        assert_string_equal(words, "before");
        most[64] = '\0';
        assert_int_equal(words_parse(most, label_is_valid, &words), 0);
        assert_string_equal(words, most);
}

static void test_missing(void **state) {
        static const struct {
                const char *wanted, *words, *missing;
        } cases[] = {
                {NULL, NULL, NULL},        {NULL, "a", NULL}, {"", "a", NULL},
                {"a", NULL, "a"},          {"a", "", "a"},    {"a", "a", NULL},
                {"a", "aa", "a"},          {"aa", "a", "aa"}, {"b a", "a b c", NULL},
                {"a d b e", "a b c", "d"}, {"a b", "b", "a"}, {"a b", "a", "b"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                size_t length = 0;
                const char *missing = words_missing(cases[i].wanted, cases[i].words, &length);

                if (!cases[i].missing) {
                        assert_null(missing);
                        continue;
                }
                assert_non_null(missing);
                assert_int_equal(length, strlen(cases[i].missing));
                assert_memory_equal(missing, cases[i].missing, length);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_missing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
