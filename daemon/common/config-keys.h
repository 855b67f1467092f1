#pragma once
/*
 * Configuration keys: what they are, in one table, and where their values go
 *
 * Those of accounts are in account-keys.h.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config-values.h"
#include "common/log.h"
#include "common/settings.h"
#include "common/timespan.h"

struct account_config;

/* file, borrowed from the configuration; NULL: the key is not set. */
struct config_origin {
        const char *file;
        unsigned line;
};

/* What the keys fill. */
struct config {
        char **sources; /* every file read, NULL-terminated */
        size_t n_sources;
        struct config_origin *origins; /* where each of config_keys was set last */

        char *task_directory_list; /* as written, with STATE */
        char *task_directories;    /* colon-separated, STATE replaced; highest first */
        char *state_directory;
        enum log_level log_level;
        enum log_target log_target;
        enum download_url download_url;
        char *metrics_file; /* NULL: none */
        enum metrics_format metrics_format;
        usec_t history;

        usec_t interval_min, interval_max;
        usec_t timeout, stall_timeout;

        char *hook_directories; /* colon-separated; highest first */
        char *runner;           /* "auto", "spawn" or the absolute path of a socket */
        usec_t hook_timeout;
        unsigned max_parallel;
        unsigned attempts;
        char *labels; /* of this node, one blank between; NULL: none */

        enum backend store_backend;
        char *store_connection; /* as conninfo_is_allowed() says */
        char *store_fleet;
        char *store_node; /* where it is not set: the host name; NULL: that is not valid */

        struct account_config *accounts; /* one named "default" among them, if any is read */
        size_t n_accounts;
};

/* The fields are those of struct config. */
extern const struct setting config_keys[];
extern const size_t config_n_keys;

/* Where the key of config_keys was set. */
struct config_origin config_origin(const struct config *config, const char *section,
                                   const char *name);
