/* What somebody may have meant. */
#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/nearest.h"
#include "unit/support.h"

static void test_distance(void **state) {
        (void) state;
        assert_int_equal(nearest_distance("photos", "photos"), 0);
        assert_int_equal(nearest_distance("photos", "photo"), 1);
        assert_int_equal(nearest_distance("photos", "fotos"), 2);
        assert_int_equal(nearest_distance("photos", "phtoos"), 1); /* swapped */
        assert_int_equal(nearest_distance("", "abc"), 3);
        assert_int_equal(nearest_distance("abc", ""), 3);
}

static void assert_nearest(const char *name, const char *expected) {
        CLEANUP(json_object_putp)
        json_object *entries = json_tokener_parse(
                "[{\"name\":\"photos\"},{\"name\":\"films@a.b\"},{\"other\":1},{\"name\":\"ab\"}]");
        const char *found = nearest_name(name, entries);

        if (expected)
                assert_string_equal(found, expected);
        else
                assert_null(found);
}

static void test_the_nearest_is_near(void **state) {
        char longest[200];

        (void) state;
        (void) memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_nearest("fotos", "photos");
        assert_nearest("films@a", "films@a.b");
        assert_nearest("abc", "ab");
        assert_nearest("xyz", NULL);
        assert_nearest("something", NULL);
        assert_nearest(longest, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_distance),
                cmocka_unit_test(test_the_nearest_is_near),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
