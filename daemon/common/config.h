#pragma once
/*
 * The configuration: koowatch.conf and the drop-ins beside it, as a struct
 *
 * One table in config-keys.c names every key with its section, parser, place and
 * default; the manual page and conf/koowatch.conf are checked against it. Both
 * programs read the same files: koowatchd all of it, koowatch-hook [Daemon]
 * LogLevel and LogTarget, and [Hooks].
 *
 * Reading makes a fresh object. A bad value is an error, and the whole result is
 * then refused: the caller keeps what it had. An unknown section or key is a
 * warning.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config-values.h"
#include "common/log.h"
#include "common/settings.h"
#include "common/timespan.h"
#include "common/util.h"

#define CONFIG_PATH_DEFAULT "/etc/koowatch/koowatch.conf"
#define ACCOUNT_DEFAULT "default"

struct account_config {
        char *name;
        char *endpoint;           /* scheme, host, port, path prefix; no slash at the end */
        char *user_id;            /* NULL: not sent */
        char *agent_name;         /* NULL: not sent */
        char *token_file;         /* NULL: the credential NAME.token */
        char *refresh_token_file; /* NULL: the credential NAME.refresh-token */
        char *app_id;             /* NULL unless auth is AUTH_APP */
        char *app_secret_file;    /* NULL: the credential NAME.app-secret */
        char *signed_headers;     /* lower case, sorted, a semicolon between */
        char *ca_file;            /* NULL: the system's */
        char *proxy;              /* NULL: the system's (environment) */
        enum auth auth;
        enum token_scheme token_scheme;
        enum refresh_kind refresh;
        enum string_to_sign string_to_sign;
        struct rate_limit rate_limit;
        unsigned max_in_flight;
        bool allow_plain_http;
        const char *file; /* where the section was first seen, for messages; borrowed from config */
        unsigned line;    /* 0: nowhere, it is the default account without a section */
};

struct config {
        char **sources; /* every file read, NULL-terminated */
        size_t n_sources;

        char *task_directory_list; /* as written, with STATE */
        char *task_directories;    /* colon-separated, STATE replaced; highest first */
        char *state_directory;
        enum log_level log_level;
        enum log_target log_target;
        enum download_url download_url;
        char *metrics_file; /* NULL: none */
        usec_t history;

        usec_t interval_min, interval_max;
        usec_t timeout, stall_timeout;

        char *hook_directories; /* colon-separated; highest first */
        char *runner;           /* "auto", "spawn" or the absolute path of a socket */
        usec_t hook_timeout;
        unsigned max_parallel;
        unsigned attempts;

        struct account_config *accounts; /* always one named "default" among them */
        size_t n_accounts;
};

/*
 * Reads path, then path's directory's koowatch.conf.d (named after the file: X.conf
 * has X.conf.d)/ *.conf in byte order. A missing main file is no fault unless
 * required; then all is default. Returns 0, -EBADMSG when there was an error among
 * the faults, or a negative errno (-ENOMEM) that no fault tells of.
 */
int config_read(const char *path, bool required, settings_fault_fn on_fault, void *userdata,
                struct config **ret);

struct config *config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/*
 * Takes another state directory than the one that was read, for a reload that must not
 * change it. Returns 0 or -ENOMEM.
 */
int config_set_state_directory(struct config *config, const char *path);

/* The account's settings, or NULL. */
const struct account_config *config_account(const struct config *config, const char *name);

/* A fault handler that logs "FILE:LINE: text" as error or warning; userdata is not used. */
void config_log_fault(void *userdata, bool is_error, const char *file, unsigned line,
                      const char *text);

/*
 * Describes every key for --dump-keys style checks: calls fn(section, key,
 * default text) once a row, in the order of the table.
 */
void config_each_key(void (*fn)(void *userdata, const char *section, const char *key,
                                const char *default_text),
                     void *userdata);
