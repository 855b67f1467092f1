#include "common/account-keys.h"

#include <errno.h>

#include "common/account-config.h"
#include "common/url.h"

#define EXPECT_HEADER "1 to 256 printable ASCII characters"

#define ACCOUNT(field) offsetof(struct account_config, field)

/* clang-format off */
static const struct setting rows[] = {
        { .section = SECTION_ACCOUNT, .name = "Endpoint",
          .default_text = "https://intl.myhuaweicloud-koodrive.com",
          .parse = config_parse_endpoint, .offset = ACCOUNT(endpoint),
          .expected = "https://HOST, optionally with :PORT and /PREFIX, without user name, query or fragment" },
        { .section = SECTION_ACCOUNT, .name = "AllowPlainHttp", .default_text = "no",
          .parse = config_parse_bool_field, .offset = ACCOUNT(allow_plain_http),
          .expected = "yes, no, true, false, 1 or 0" },
        { .section = SECTION_ACCOUNT, .name = "UserId", .default_text = "",
          .parse = config_parse_header_value, .offset = ACCOUNT(user_id),
          .expected = EXPECT_HEADER },
        { .section = SECTION_ACCOUNT, .name = "AgentName", .default_text = "",
          .parse = config_parse_header_value, .offset = ACCOUNT(agent_name),
          .expected = EXPECT_HEADER },
        { .section = SECTION_ACCOUNT, .name = "TokenFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(token_file), .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "TokenScheme", .default_text = "verbatim",
          .parse = config_parse_token_scheme, .offset = ACCOUNT(token_scheme),
          .expected = "verbatim, Bearer or AT" },
        { .section = SECTION_ACCOUNT, .name = "Auth", .default_text = "token",
          .parse = config_parse_auth, .offset = ACCOUNT(auth), .expected = "token or app" },
        { .section = SECTION_ACCOUNT, .name = "Refresh", .default_text = "none",
          .parse = config_parse_refresh, .offset = ACCOUNT(refresh),
          .expected = "none, carrier or session" },
        { .section = SECTION_ACCOUNT, .name = "RefreshTokenFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(refresh_token_file),
          .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "AppId", .default_text = "",
          .parse = config_parse_app_id, .offset = ACCOUNT(app_id),
          .expected = EXPECT_HEADER " without space, comma, semicolon or equals sign" },
        { .section = SECTION_ACCOUNT, .name = "AppSecretFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(app_secret_file),
          .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "SignedHeaders",
          .default_text = "x-date;x-user-id",
          .parse = config_parse_signed_headers, .offset = ACCOUNT(signed_headers),
          .expected = "names separated by semicolons: content-type, host, x-date, x-hw-agentname, x-traceid, x-user-id" },
        { .section = SECTION_ACCOUNT, .name = "StringToSign", .default_text = "formula",
          .parse = config_parse_string_to_sign, .offset = ACCOUNT(string_to_sign),
          .expected = "formula or with-date" },
        { .section = SECTION_ACCOUNT, .name = "RateLimit", .default_text = "10/s",
          .parse = config_parse_rate_limit, .offset = ACCOUNT(rate_limit),
          .expected = "a whole number from 1 to 10000, followed by /s, /min or /h" },
        { .section = SECTION_ACCOUNT, .name = "MaxInFlight", .default_text = "8",
          .parse = config_parse_max_in_flight, .offset = ACCOUNT(max_in_flight),
          .expected = "a whole number from 1 to 256" },
        { .section = SECTION_ACCOUNT, .name = "CAFile", .default_text = "",
          .parse = config_parse_path, .offset = ACCOUNT(ca_file), .expected = EXPECT_PATH },
        { .section = SECTION_ACCOUNT, .name = "Proxy", .default_text = "",
          .parse = config_parse_proxy, .offset = ACCOUNT(proxy),
          .expected = "a URL with http, https, socks4, socks4a, socks5 or socks5h; in user name and password write # as %23, ? as %3F, / as %2F and @ as %40" },
};
/* clang-format on */

static int check_endpoint(const struct account_config *account, struct settings_faults *faults) {
        int r = url_check(account->endpoint, account->allow_plain_http);

        if (r == -EINVAL)
                settings_fault(faults, true, account->line,
                               "Endpoint of account %s: expected https://, because the host is not "
                               "this machine; AllowPlainHttp=yes sends the token unencrypted",
                               account->name);
        return r == -ENOMEM ? r : 0;
}

/* Resets what Auth leaves unused, so that nobody comes to use it. */
static void check_auth(struct account_config *account, struct settings_faults *faults) {
        if (account->auth != AUTH_APP) {
                (void) str_replace(&account->app_id, NULL); /* none: it cannot fail */
                return;
        }

        if (!account->app_id)
                settings_fault(faults, true, account->line,
                               "AppId of account %s: required with Auth=app", account->name);
        if (!account->user_id)
                settings_fault(faults, true, account->line,
                               "UserId of account %s: required, Auth=app signs it", account->name);
        if (!account->agent_name && strstr(account->signed_headers, "x-hw-agentname"))
                settings_fault(
                        faults, true, account->line,
                        "AgentName of account %s: required, SignedHeaders contains x-hw-agentname",
                        account->name);

        if (account->refresh != REFRESH_NONE)
                settings_fault(faults, false, account->line,
                               "Refresh of account %s: ignored, Auth=app has no token to refresh",
                               account->name);
        account->refresh = REFRESH_NONE;
}

static int check(struct account_config *account, struct settings_faults *faults) {
        int r = check_endpoint(account, faults);

        check_auth(account, faults);
        return r;
}

const struct account_keys account_keys = {rows, ARRAY_LEN(rows), check};
