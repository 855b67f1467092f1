#include "common/config-keys.h"

#define EXPECT_SPAN "a time span above 0 such as 90, 1500ms, 2min 30s or infinity"
#define EXPECT_INTERVAL "a time span above 0 and at most 1d such as 90, 1500ms or 2min 30s"

#define GLOBAL(field) offsetof(struct config, field)

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
        { .section = "Daemon", .name = "MetricsFormat", .default_text = "prometheus",
          .parse = config_parse_metrics_format, .offset = GLOBAL(metrics_format),
          .expected = "prometheus or openmetrics" },
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
        { .section = "Hooks", .name = "Labels", .default_text = "",
          .parse = config_parse_labels, .offset = GLOBAL(labels),
          .expected = "names with blanks between, each 1 to 64 of A-Z a-z 0-9 - _ ." },

        { .section = "Store", .name = "Backend", .default_text = "sqlite",
          .parse = config_parse_backend, .offset = GLOBAL(store_backend),
          .expected = "sqlite or postgresql" },
        { .section = "Store", .name = "Connection", .default_text = "dbname=koowatch",
          .parse = config_parse_connection, .offset = GLOBAL(store_connection),
          .expected = "KEYWORD=VALUE pairs of libpq, without password, passfile or service: the password is the credential store.password" },
        { .section = "Store", .name = "Fleet", .default_text = "koowatch",
          .parse = config_parse_fleet, .offset = GLOBAL(store_fleet),
          .expected = "1 to 63 of a-z, 0-9 and underscore that begin with a letter, but not with pg_" },
        { .section = "Store", .name = "Node", .default_text = "",
          .parse = config_parse_node, .offset = GLOBAL(store_node),
          .expected = "1 to 64 of A-Z a-z 0-9 . _ - without a leading dot" },
};
/* clang-format on */

const size_t config_n_keys = ARRAY_LEN(config_keys);

struct config_origin config_origin(const struct config *config, const char *section,
                                   const char *name) {
        for (size_t i = 0; i < config_n_keys; i++)
                if (streq(config_keys[i].section, section) && streq(config_keys[i].name, name))
                        return config->origins[i];
        return (struct config_origin){};
}
