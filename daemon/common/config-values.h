#pragma once
/*
 * The values of the configuration: the types that only it has, and a parser for
 * each kind of value
 *
 * Text of one value in, a checked field out. What a value may be is decided here and from its
 * text alone; its key and its default are in config-keys.c, and whether it agrees with other
 * values is checked in config-check.c.
 */
#include <stdbool.h>

#include "common/timespan.h"

enum download_url { DOWNLOAD_URL_FULL, DOWNLOAD_URL_REDACTED };
/* Where the store is. */
enum backend { BACKEND_SQLITE, BACKEND_POSTGRESQL };

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

/* What is put before a token that has no scheme word of its own. */
enum token_scheme { TOKEN_SCHEME_VERBATIM, TOKEN_SCHEME_BEARER, TOKEN_SCHEME_AT };

enum auth { AUTH_TOKEN, AUTH_APP };

/* Which endpoint makes a new token of an old one. */
enum refresh_kind { REFRESH_NONE, REFRESH_CARRIER, REFRESH_SESSION };

/* What app authentication signs: the two lines of the formula, or the date between them too. */
enum string_to_sign { STRING_TO_SIGN_FORMULA, STRING_TO_SIGN_WITH_DATE };

/* count requests in any period; count >= 1. */
struct rate_limit {
        unsigned count;
        usec_t period;
};

/*
 * Each reads text into the field, whose type is named above it, and returns 0, or
 * -EINVAL, -ERANGE or -ENOMEM with the field left alone. A string that was in the field
 * is freed when another takes its place.
 */

/* The enum of the same name. */
int config_parse_download_url(const char *text, void *field);
int config_parse_metrics_format(const char *text, void *field);
int config_parse_backend(const char *text, void *field);
int config_parse_token_scheme(const char *text, void *field);
int config_parse_auth(const char *text, void *field);
int config_parse_refresh(const char *text, void *field);
int config_parse_string_to_sign(const char *text, void *field);
int config_parse_log_target(const char *text, void *field);
int config_parse_log_level(const char *text, void *field);

/* bool */
int config_parse_bool_field(const char *text, void *field);

/* usec_t: above 0, at most USEC_INTERVAL_MAX; above 0 or infinity; any. */
int config_parse_interval(const char *text, void *field);
int config_parse_span(const char *text, void *field);
int config_parse_span_or_zero(const char *text, void *field);

/* unsigned: 1 to 64; 1 to 256; 1 to 10000. */
int config_parse_max_parallel(const char *text, void *field);
int config_parse_max_in_flight(const char *text, void *field);
int config_parse_attempts(const char *text, void *field);

/* struct rate_limit */
int config_parse_rate_limit(const char *text, void *field);

/* What config_parse_path() takes, in words. */
#define EXPECT_PATH "an absolute path without control characters"

/*
 * char *: absolute paths, lists of them separated by colons, for the runner "auto" and
 * "spawn" too. Slashes at the end are cut off.
 */
int config_parse_path(const char *text, void *field);
int config_parse_state_directory(const char *text, void *field);
int config_parse_runner(const char *text, void *field);
int config_parse_directories(const char *text, void *field);
int config_parse_task_directories(const char *text, void *field); /* STATE may begin an element */

/* char * */
int config_parse_header_value(const char *text, void *field);
int config_parse_app_id(const char *text, void *field);     /* without blank and comma */
int config_parse_connection(const char *text, void *field); /* as conninfo_is_allowed() says */
int config_parse_fleet(const char *text, void *field);
int config_parse_node(const char *text, void *field);
int config_parse_labels(const char *text, void *field);
/*
 * Names of headers that koowatchd sends, separated by semicolons: lower-cased, sorted, each once;
 * x-date and x-user-id are added where they are not named.
 */
int config_parse_signed_headers(const char *text, void *field);

/* What follows the word STATE in an element of a list, or NULL when it does not start with it. */
const char *config_after_state(const char *element);

/* Returns 0 or -EINVAL. */
int parse_bool(const char *text, bool *ret);
