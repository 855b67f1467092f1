#include "common/config-keys.h"

#include "common/account-config.h"

#define EXPECT_SPAN "a time span above 0 such as 90, 1500ms, 2min 30s or infinity"
#define EXPECT_INTERVAL "a time span above 0 and at most 1d such as 90, 1500ms or 2min 30s"
#define EXPECT_PATH "an absolute path without control characters"
#define EXPECT_HEADER "1 to 256 printable ASCII characters"

#define GLOBAL(field) offsetof(struct config, field)
#define ACCOUNT(field) offsetof(struct account_config, field)

/* clang-format off */
const struct setting config_keys[] = {
        { .section = "Daemon", .name = "TaskDirectories",
          .default_text = "/etc/koowatch/tasks.d:/run/koowatch/tasks.d:STATE/tasks.d",
          .parse = config_parse_task_directories, .offset = GLOBAL(task_directory_list),
          .expected = "absolute paths or STATE/..., separated by colons" },
        { .section = "Daemon", .name = "StateDirectory",
          .default_text = "/var/lib/koowatch", .environment = "STATE_DIRECTORY",
          .parse = config_parse_state_directory, .offset = GLOBAL(state_directory),
          .expected = "an absolute path without colons or control characters" },
        { .section = "Daemon", .name = "LogLevel", .default_text = "info",
          .parse = config_parse_log_level, .offset = GLOBAL(log_level),
          .expected = "debug, info, notice, warning or error" },
        { .section = "Daemon", .name = "LogTarget", .default_text = "auto",
          .parse = config_parse_log_target, .offset = GLOBAL(log_target),
          .expected = "auto, journal or console" },
        { .section = "Daemon", .name = "DownloadUrl", .default_text = "full",
          .parse = config_parse_download_url, .offset = GLOBAL(download_url),
          .expected = "full or redacted" },
        { .section = "Daemon", .name = "MetricsFile", .default_text = "",
          .parse = config_parse_path, .offset = GLOBAL(metrics_file), .expected = EXPECT_PATH },
        { .section = "Daemon", .name = "History", .default_text = "90d",
          .parse = config_parse_span_or_zero, .offset = GLOBAL(history),
          .expected = "a time span such as 0, 36h, 90d or infinity" },

        { .section = "Poll", .name = "IntervalMin", .default_text = "2s",
          .parse = config_parse_interval, .offset = GLOBAL(interval_min),
          .expected = EXPECT_INTERVAL },
        { .section = "Poll", .name = "IntervalMax", .default_text = "2min",
          .parse = config_parse_interval, .offset = GLOBAL(interval_max),
          .expected = EXPECT_INTERVAL },
        { .section = "Poll", .name = "Timeout", .default_text = "7d",
          .parse = config_parse_span, .offset = GLOBAL(timeout), .expected = EXPECT_SPAN },
        { .section = "Poll", .name = "StallTimeout", .default_text = "30min",
          .parse = config_parse_span, .offset = GLOBAL(stall_timeout), .expected = EXPECT_SPAN },

        { .section = "Hooks", .name = "Directories",
          .default_text = "/etc/koowatch/hooks:/run/koowatch/hooks:/usr/lib/koowatch/hooks",
          .parse = config_parse_directories, .offset = GLOBAL(hook_directories),
          .expected = "absolute paths, separated by colons" },
        { .section = "Hooks", .name = "Runner", .default_text = "auto",
          .parse = config_parse_runner, .offset = GLOBAL(runner),
          .expected = "auto, spawn or the absolute path of a socket, at most 107 bytes" },
        { .section = "Hooks", .name = "Timeout", .default_text = "10min",
          .parse = config_parse_span, .offset = GLOBAL(hook_timeout), .expected = EXPECT_SPAN },
        { .section = "Hooks", .name = "MaxParallel", .default_text = "4",
          .parse = config_parse_max_parallel, .offset = GLOBAL(max_parallel),
          .expected = "a whole number from 1 to 64" },
        { .section = "Hooks", .name = "Attempts", .default_text = "40",
          .parse = config_parse_attempts, .offset = GLOBAL(attempts),
          .expected = "a whole number from 1 to 10000" },

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

const size_t config_n_keys = ARRAY_LEN(config_keys);

void config_each_key(void (*fn)(void *userdata, const char *section, const char *key,
                                const char *default_text),
                     void *userdata) {
        for (size_t i = 0; i < ARRAY_LEN(config_keys); i++)
                fn(userdata, config_keys[i].section, config_keys[i].name,
                   config_keys[i].default_text);
}
