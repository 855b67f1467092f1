/* What of a proxy must not be told, however its URL is written or mistyped. */
#include "koowatchd/loop/proxy.h"
#include "unit/support.h"

static void clear_environment(void) {
        static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                            "ALL_PROXY"};

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_int_equal(unsetenv(names[i]), 0);
}

static void test_parts_of_a_password(void **state) {
        static const struct {
                const char *proxy, *text;
                bool shows;
        } cases[] = {
                {"http://svc:pw55@proxy:3128", "Could not resolve proxy: proxy", false},
                {"http://svc:pw55@proxy:3128", "proxy pw55", true},
                {"http://svc:pw55@proxy:3128", "user svc", true},
                {"http://svc:p#w55@proxy:3128", "Could not resolve proxy: w55", true},
                {"http://svc:p@w55@proxy:3128", "Could not resolve host: w55", true},
                {"svc:p/w55@proxy", "w55", true},
                {"http://svc:pw55%40proxy:3128", "Unsupported syntax in 'pw55%40proxy'", true},
                {"http://proxy:3128", "Could not resolve proxy: proxy", false},
                {"proxy", "Could not resolve proxy: proxy", false},
                {"http://@proxy", "proxy", false},
                {"", "anything", false},
        };

        (void) state;
        clear_environment();
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_int_equal(proxy_shows_secret(cases[i].proxy, cases[i].text), cases[i].shows);
}

static void test_the_environments(void **state) {
        (void) state;
        clear_environment();
        assert_false(proxy_is_in_environment());
        assert_false(proxy_shows_secret(NULL, "pw55"));
        assert_int_equal(setenv("ALL_PROXY", "http://svc:pw55@proxy", 1), 0);
        assert_true(proxy_is_in_environment());
        assert_true(proxy_shows_secret(NULL, "pw55"));
        clear_environment();
}

static void test_each_variable(void **state) {
        static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                            "ALL_PROXY"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                clear_environment();
                assert_int_equal(setenv(names[i], "", 1), 0);
                assert_false(proxy_is_in_environment());
                assert_int_equal(setenv(names[i], "http://svc:pw55@proxy", 1), 0);
                assert_true(proxy_is_in_environment());
                assert_true(proxy_shows_secret(NULL, "pw55"));
        }
        clear_environment();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parts_of_a_password),
                cmocka_unit_test(test_the_environments),
                cmocka_unit_test(test_each_variable),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
