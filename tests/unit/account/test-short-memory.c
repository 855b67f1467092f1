/* An account while one allocation after the other fails: what it had it keeps. */
#include <errno.h>

#include "koowatchd/account/token-refresh.h"
#include "unit/account/account-fixture.h"
#include "unit/short-memory.h"

static void test_settings(void **state) {
        struct account *account;

        (void) state;
        assert_short_memory(account_new(&plain_settings, PROBE_MAX, on_changed, NULL, &account),
                            account_free(account));
}

static void test_new_settings(void **state) {
        static char another[] = "https://drive.example.org";
        struct fixture *f = *state;

        f->settings.endpoint = another;
        for (unsigned n = 1;; n++) {
                int r;

                memory_fail(n);
                r = account_configure(f->account, &f->settings, PROBE_MAX);
                if (!memory_end()) {
                        assert_int_equal(r, 0);
                        break;
                }
                assert_int_equal(r, -ENOMEM);
                assert_string_equal(account_settings(f->account)->endpoint, fixture_endpoint);
        }
        assert_string_equal(account_settings(f->account)->endpoint, another);
}

static void test_credential(void **state) {
        struct fixture *f = *state;

        memory_fail(1);
        assert_int_equal(account_set_secret(f->account, "another", NULL, f->now), -ENOMEM);
        assert_true(memory_end());
        assert_string_equal(account_identity(f->account).authorization, "secret");
        assert_changes(f, "");
}

/* A secret that cannot be kept is not said to be another one: nobody stores it. */
static void test_refresh(void **state) {
        struct token_refresh t = {};

        (void) state;
        memory_fail(1);
        assert_int_equal(token_refresh_set_secret(&t, "renewal"), -ENOMEM);
        assert_true(memory_end());
        assert_null(t.secret);
        assert_int_equal(token_refresh_set_secret(&t, "renewal"), 1);
        assert_short_memory(token_refresh_sent(&t, "token", REFRESH_CARRIER), (void) 0);
        memory_fail(1);
        assert_false(token_refresh_succeeded(&t, "renewal-2", REFRESH_CARRIER));
        assert_true(memory_end());
        assert_string_equal(t.secret, "renewal");
        token_refresh_clear(&t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settings),
                TEST(test_new_settings),
                TEST(test_credential),
                cmocka_unit_test(test_refresh),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
