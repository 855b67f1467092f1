/* The settings of an account: copied with all that they own, compared member by member. */
#include "common/account-config.h"
#include "common/config.h"
#include "unit/support.h"

struct texts {
        char name[2], endpoint[2], user_id[2], agent_name[2], token_file[2], refresh_token_file[2],
                app_id[2], app_secret_file[2], signed_headers[2], ca_file[2], proxy[2];
};

static const struct texts some_texts = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};

static struct account_config settings_of(struct texts *t) {
        return (struct account_config){
                .name = t->name,
                .endpoint = t->endpoint,
                .user_id = t->user_id,
                .agent_name = t->agent_name,
                .token_file = t->token_file,
                .refresh_token_file = t->refresh_token_file,
                .app_id = t->app_id,
                .app_secret_file = t->app_secret_file,
                .signed_headers = t->signed_headers,
                .ca_file = t->ca_file,
                .proxy = t->proxy,
                .auth = AUTH_APP,
                .token_scheme = TOKEN_SCHEME_AT,
                .refresh = REFRESH_SESSION,
                .string_to_sign = STRING_TO_SIGN_WITH_DATE,
                .rate_limit = {10, USEC_SEC},
                .max_in_flight = 3,
                .allow_plain_http = true,
                .file = "koowatch.conf",
                .line = 7,
        };
}

static void test_copy_owns_its_strings(void **state) {
        struct texts texts = some_texts, same = some_texts;
        struct account_config settings = settings_of(&texts), expected = settings_of(&same), copy;

        (void) state;
        assert_int_equal(account_config_copy(&settings, &copy), 0);
        memset(&texts, 'x', sizeof(texts));
        assert_true(account_config_is_same(&copy, &expected));
        assert_string_equal(copy.name, "a");
        assert_string_equal(copy.endpoint, "b");
        assert_string_equal(copy.user_id, "c");
        assert_string_equal(copy.agent_name, "d");
        assert_string_equal(copy.token_file, "e");
        assert_string_equal(copy.refresh_token_file, "f");
        assert_string_equal(copy.app_id, "g");
        assert_string_equal(copy.app_secret_file, "h");
        assert_string_equal(copy.signed_headers, "i");
        assert_string_equal(copy.ca_file, "j");
        assert_string_equal(copy.proxy, "k");
        assert_int_equal(copy.max_in_flight, 3);
        assert_null(copy.file);
        account_config_clear(&copy);
        assert_null(copy.name);
        assert_null(copy.proxy);
        assert_int_equal(copy.max_in_flight, 0);
        account_config_clear(&copy);
}

static void test_what_is_not_set_stays_so(void **state) {
        struct texts texts = some_texts;
        struct account_config settings = {.name = texts.name, .endpoint = texts.endpoint}, copy;

        (void) state;
        assert_int_equal(account_config_copy(&settings, &copy), 0);
        assert_null(copy.user_id);
        assert_null(copy.proxy);
        assert_true(account_config_is_same(&copy, &settings));
        account_config_clear(&copy);
}

static void test_each_string_differs(void **state) {
        struct texts texts = some_texts;
        const struct account_config settings = settings_of(&texts);
        static const size_t offsets[] = {
                offsetof(struct texts, name),           offsetof(struct texts, endpoint),
                offsetof(struct texts, user_id),        offsetof(struct texts, agent_name),
                offsetof(struct texts, token_file),     offsetof(struct texts, refresh_token_file),
                offsetof(struct texts, app_id),         offsetof(struct texts, app_secret_file),
                offsetof(struct texts, signed_headers), offsetof(struct texts, ca_file),
                offsetof(struct texts, proxy),
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
                struct texts others = some_texts;
                struct account_config other = settings_of(&others);

                assert_true(account_config_is_same(&settings, &other));
                *((char *) &others + offsets[i]) = 'x';
                assert_false(account_config_is_same(&settings, &other));
        }
}

static void test_each_other_setting_differs(void **state) {
        struct texts texts = some_texts;
        const struct account_config settings = settings_of(&texts);
        struct account_config others[11];

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                others[i] = settings;
        others[0].auth = AUTH_TOKEN;
        others[1].token_scheme = TOKEN_SCHEME_BEARER;
        others[2].refresh = REFRESH_NONE;
        others[3].string_to_sign = STRING_TO_SIGN_FORMULA;
        others[4].rate_limit.count = 11;
        others[5].rate_limit.period = USEC_MINUTE;
        others[6].max_in_flight = 4;
        others[7].allow_plain_http = false;
        others[8].user_id = NULL;
        others[9].file = "other.conf";
        others[10].line = 8;
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                assert_int_equal(account_config_is_same(&settings, &others[i]), i >= 9);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_copy_owns_its_strings),
                cmocka_unit_test(test_what_is_not_set_stays_so),
                cmocka_unit_test(test_each_string_differs),
                cmocka_unit_test(test_each_other_setting_differs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
