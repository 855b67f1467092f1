/* Settings and secret of an account, and how its requests say who asks. */
#include "koowatchd/account/identity.h"
#include "koowatchd/koodrive/request.h"
#include "unit/support.h"

static char name[] = "eu-1", endpoint[] = "https://drive.example.com", user[] = "1684",
            agent[] = "carrier", app[] = "app-1", headers[] = "x-date;x-user-id";

static const struct account_config plain_settings = {.name = name, .endpoint = endpoint};

static void set_settings(struct identity *id, const struct account_config *settings) {
        assert_int_equal(identity_set_settings(id, settings), 0);
}

static void set_secret(struct identity *id, const char *secret) {
        assert_int_equal(identity_set_secret(id, secret), 0);
}

static void test_nothing_is_known(void **state) {
        struct identity id = {};

        (void) state;
        assert_null(identity_of_requests(&id).authorization);
        identity_clear(&id);
}

static void test_scheme(void **state) {
        static const struct {
                enum token_scheme scheme;
                const char *token, *expected;
        } cases[] = {
                {TOKEN_SCHEME_VERBATIM, "6ebb", "6ebb"},
                {TOKEN_SCHEME_VERBATIM, "Bearer+6ebb", "Bearer+6ebb"},
                {TOKEN_SCHEME_VERBATIM, " 6ebb ", " 6ebb "},
                {TOKEN_SCHEME_BEARER, "6ebb", "Bearer 6ebb"},
                {TOKEN_SCHEME_BEARER, "Bearer 6ebb", "Bearer 6ebb"},
                {TOKEN_SCHEME_BEARER, "bearer+6ebb", "bearer+6ebb"},
                {TOKEN_SCHEME_BEARER, "AT 6ebb", "AT 6ebb"},
                {TOKEN_SCHEME_BEARER, "AT+6ebb", "AT+6ebb"},
                {TOKEN_SCHEME_BEARER, "ATlas", "Bearer ATlas"},
                {TOKEN_SCHEME_BEARER, "6eb+b/=", "Bearer 6eb+b/="},
                {TOKEN_SCHEME_AT, "6ebb", "AT 6ebb"},
                {TOKEN_SCHEME_AT, "Bearer 6ebb", "Bearer 6ebb"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct account_config settings = plain_settings;
                struct identity secret_last = {}, settings_last = {};

                settings.token_scheme = cases[i].scheme;
                set_settings(&secret_last, &settings);
                set_secret(&secret_last, cases[i].token);
                assert_string_equal(secret_last.authorization, cases[i].expected);
                assert_string_equal(secret_last.secret, cases[i].token);

                set_secret(&settings_last, cases[i].token);
                set_settings(&settings_last, &settings);
                assert_string_equal(settings_last.authorization, cases[i].expected);
                identity_clear(&secret_last);
                identity_clear(&settings_last);
        }
}

static void test_token(void **state) {
        struct identity id = {};
        struct koodrive_identity who;

        (void) state;
        set_settings(&id, &plain_settings);
        set_secret(&id, "6ebb");
        who = identity_of_requests(&id);
        assert_string_equal(who.endpoint, endpoint);
        assert_ptr_not_equal(who.endpoint, endpoint);
        assert_string_equal(who.authorization, "6ebb");
        assert_null(who.user_id);
        assert_null(who.agent_name);

        set_secret(&id, NULL);
        assert_null(id.secret);
        assert_null(identity_of_requests(&id).authorization);
        identity_clear(&id);
        assert_null(id.settings.name);
}

static void test_app(void **state) {
        struct account_config settings = plain_settings;
        struct koodrive_identity who;
        struct identity id = {};

        (void) state;
        set_settings(&id, &settings);
        set_secret(&id, "secret");
        settings.auth = AUTH_APP;
        settings.user_id = user;
        settings.agent_name = agent;
        settings.app_id = app;
        settings.signed_headers = headers;
        settings.string_to_sign = STRING_TO_SIGN_WITH_DATE;
        set_settings(&id, &settings);
        who = identity_of_requests(&id);
        assert_null(who.authorization);
        assert_string_equal(who.user_id, "1684");
        assert_string_equal(who.agent_name, "carrier");
        assert_string_equal(who.app_id, "app-1");
        assert_string_equal(who.app_secret, "secret");
        assert_string_equal(who.signed_headers, headers);
        assert_int_equal(who.string_to_sign, STRING_TO_SIGN_WITH_DATE);
        identity_clear(&id);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_known),
                cmocka_unit_test(test_scheme),
                cmocka_unit_test(test_token),
                cmocka_unit_test(test_app),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
