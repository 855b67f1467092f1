/*
 * Links: what hooks get of a downloadUrl, and why they get none
 */
#include "koowatchd/koodrive/link.h"
#include "unit/support.h"

static void check(const char *text, size_t length, const char *expected, const char *problem) {
        const char *why = "";
        CLEANUP(freep) char *url = NULL;

        assert_int_equal(link_clean(text, length, &url, &why), 0);
        if (expected)
                assert_string_equal(url, expected);
        else
                assert_null(url);
        if (problem)
                assert_string_equal(why, problem);
        else
                assert_null(why);
}

static void test_clean(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"https://a.example/b", "https://a.example/b"},
                {"HTTPS://A.example/B", "https://A.example/B"},
                {"hTTp://A.example/B", "http://A.example/B"},
                {"  https://a.example/ \r\n", "https://a.example/"},
                {"https://a.example/My Photos.zip?a=1 2",
                 "https://a.example/My%20Photos.zip?a=1%202"},
                {"https://a.example/long\r\n/path\tand", "https://a.example/long/pathand"},
                {"https://a.example/成", "https://a.example/成"},
                {"https://a.example/\"a\\b<c>", "https://a.example/%22a%5Cb%3Cc%3E"},
                {"Path:x", "Path:x"},
                {"", NULL},
                {" \t\n", NULL},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                check(cases[i].text, strlen(cases[i].text), cases[i].expected, NULL);
}

static void test_what_is_no_link(void **state) {
        char *longest = calloc(1, LINK_MAX_LENGTH + 2);

        (void) state;
        check("https://a\0b", 11, NULL, "it contains control characters");
        check("https://a\x1b[31m", 14, NULL, "it contains control characters");
        check("https://a\x7f", 10, NULL, "it contains control characters");
        memset(longest, ' ', LINK_MAX_LENGTH + 1);
        longest[0] = 'a';
        longest[LINK_MAX_LENGTH] = 'b';
        check(longest, LINK_MAX_LENGTH + 1, NULL, "it is longer than 32 KiB");
        free(longest);
}

static void test_problems(void **state) {
        static const struct {
                const char *url, *strict, *plain; /* NULL: hooks get it */
        } cases[] = {
                {"https://a.example/b", NULL, NULL},
                {"http://127.0.0.1/b", NULL, NULL},
                {"http://a.example/b", "it is not https:// (AllowPlainHttp=yes allows it)", NULL},
                {"//a.example/b", "it has no scheme (https://), or no host", ""},
                {"/p/a.zip", "it has no scheme (https://), or no host", ""},
                {"a.example/b", "it has no scheme (https://)", ""},
                {"ftp://a.example/b", "its scheme is not https://", ""},
                {"obs://bucket/b", "its scheme is not https://", ""},
                {"https://u:p@a.example/b", "it contains a user name or a password", ""},
                {"https://", "it is not a valid URL", ""},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *strict, *plain;

                assert_int_equal(link_check(cases[i].url, false, &strict), 0);
                assert_int_equal(link_check(cases[i].url, true, &plain), 0);
                if (cases[i].strict)
                        assert_string_equal(strict, cases[i].strict);
                else
                        assert_null(strict);
                assert_int_equal(plain == NULL, cases[i].plain == NULL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clean),
                cmocka_unit_test(test_what_is_no_link),
                cmocka_unit_test(test_problems),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
