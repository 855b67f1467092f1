/*
 * The values of the configuration
 *
 * A field is written only when nothing can fail any more, so that a refused value leaves
 * behind what was there.
 */
#include "common/config-values.h"

#include <errno.h>
#include <limits.h>
#include <strings.h>
#include <sys/un.h>

#include "common/conninfo.h"
#include "common/log.h"
#include "common/util.h"
#include "common/words.h"

#define HEADER_VALUE_MAX 256
#define APP_ID_MAX 256
#define NODE_NAME_MAX 64
#define STATE_WORD "STATE"

static int parse_choice(const char *text, const char *const *choices, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (streq(choices[i], text))
                        return (int) i;

        return -EINVAL;
}

/* A parser for an enum of words; each word stands at its enumerator. */
#define DEFINE_CHOICE_PARSER(function, type, ...)                             \
        int function(const char *text, void *field) {                         \
                static const char *const choices[] = {__VA_ARGS__};           \
                int choice = parse_choice(text, choices, ARRAY_LEN(choices)); \
                                                                              \
                if (choice >= 0)                                              \
                        *(type *) field = (type) choice;                      \
                return MIN(choice, 0);                                        \
        }

/* clang-format off */
DEFINE_CHOICE_PARSER(config_parse_download_url, enum download_url,
                     [DOWNLOAD_URL_FULL] = "full", [DOWNLOAD_URL_REDACTED] = "redacted")
DEFINE_CHOICE_PARSER(config_parse_metrics_format, enum metrics_format,
                     [METRICS_PROMETHEUS] = "prometheus", [METRICS_OPENMETRICS] = "openmetrics")
DEFINE_CHOICE_PARSER(config_parse_backend, enum backend,
                     [BACKEND_SQLITE] = "sqlite", [BACKEND_POSTGRESQL] = "postgresql")
DEFINE_CHOICE_PARSER(config_parse_token_scheme, enum token_scheme,
                     [TOKEN_SCHEME_VERBATIM] = "verbatim", [TOKEN_SCHEME_BEARER] = "Bearer",
                     [TOKEN_SCHEME_AT] = "AT")
DEFINE_CHOICE_PARSER(config_parse_auth, enum auth, [AUTH_TOKEN] = "token", [AUTH_APP] = "app")
DEFINE_CHOICE_PARSER(config_parse_refresh, enum refresh_kind,
                     [REFRESH_NONE] = "none", [REFRESH_CARRIER] = "carrier",
                     [REFRESH_SESSION] = "session")
DEFINE_CHOICE_PARSER(config_parse_string_to_sign, enum string_to_sign,
                     [STRING_TO_SIGN_FORMULA] = "formula",
                     [STRING_TO_SIGN_WITH_DATE] = "with-date")
DEFINE_CHOICE_PARSER(config_parse_log_target, enum log_target,
                     [LOG_TARGET_AUTO] = "auto", [LOG_TARGET_JOURNAL] = "journal",
                     [LOG_TARGET_CONSOLE] = "console")
/* clang-format on */

int config_parse_log_level(const char *text, void *field) {
        return log_level_parse(text, field);
}

int parse_bool(const char *text, bool *ret) {
        static const char *const choices[] = {"no", "yes", "false", "true", "0", "1"}; /* pairs */

        for (size_t i = 0; i < ARRAY_LEN(choices); i++)
                if (strcasecmp(choices[i], text) == 0) {
                        *ret = i % 2 == 1;
                        return 0;
                }

        return -EINVAL;
}

int config_parse_bool_field(const char *text, void *field) {
        return parse_bool(text, field);
}

int config_parse_interval(const char *text, void *field) {
        usec_t span;
        int r;

        r = timespan_parse(text, &span);
        if (r < 0)
                return r;
        if (span == 0 || span > USEC_INTERVAL_MAX)
                return -ERANGE;

        *(usec_t *) field = span;
        return 0;
}

int config_parse_span(const char *text, void *field) {
        usec_t span;
        int r;

        r = timespan_parse(text, &span);
        if (r < 0)
                return r;
        if (span == 0)
                return -ERANGE;

        *(usec_t *) field = span;
        return 0;
}

int config_parse_span_or_zero(const char *text, void *field) {
        return timespan_parse(text, field);
}

/* Plain decimal digits, 1 to max. */
static int parse_count(const char *text, unsigned max, unsigned *ret) {
        unsigned value = 0;

        if (!*text)
                return -EINVAL;

        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                value = value * 10 + (unsigned) (*text - '0');
                if (value > max)
                        return -ERANGE;
        }
        if (value == 0)
                return -ERANGE;

        *ret = value;
        return 0;
}

int config_parse_max_parallel(const char *text, void *field) {
        return parse_count(text, 64, field);
}

int config_parse_max_in_flight(const char *text, void *field) {
        return parse_count(text, 256, field);
}

int config_parse_attempts(const char *text, void *field) {
        return parse_count(text, 10000, field);
}

int config_parse_rate_limit(const char *text, void *field) {
        static const struct {
                const char *name;
                usec_t period;
        } units[] = {
                {"s", USEC_SEC},      {"sec", USEC_SEC},       {"second", USEC_SEC},
                {"min", USEC_MINUTE}, {"minute", USEC_MINUTE}, {"h", USEC_HOUR},
                {"hour", USEC_HOUR},
        };
        CLEANUP(freep) char *copy = strdup(text);
        char *unit = copy, *count;
        unsigned n;
        int r;

        if (!copy)
                return -ENOMEM;

        count = strsep(&unit, "/");
        r = parse_count(count, 10000, &n);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (streq(units[i].name, unit ? unit : "s")) {
                        *(struct rate_limit *) field = (struct rate_limit){n, units[i].period};
                        return 0;
                }

        return -EINVAL;
}

int config_parse_header_value(const char *text, void *field) {
        if (strlen(text) > HEADER_VALUE_MAX)
                return -ERANGE;
        if (!str_is_printable(text))
                return -EINVAL;

        return str_replace(field, text);
}

/* It becomes an item of a header that blanks, commas, semicolons and equals signs divide. */
int config_parse_app_id(const char *text, void *field) {
        size_t n = strlen(text);

        if (n == 0 || n > APP_ID_MAX)
                return -ERANGE;
        if (!str_is_printable(text) || strpbrk(text, " ,;="))
                return -EINVAL;

        return str_replace(field, text);
}

/* Those of a request that can be signed, in the order in which they are. */
static const struct {
        const char *name;
        bool always;
} signable_headers[] = {
        {"content-type", false},   {"host", false},      {"x-date", true},
        {"x-hw-agentname", false}, {"x-traceid", false}, {"x-user-id", true},
};

static bool mark_header(const char *name, bool *chosen) {
        for (size_t i = 0; i < ARRAY_LEN(signable_headers); i++)
                if (strcasecmp(signable_headers[i].name, name) == 0) {
                        chosen[i] = true;
                        return true;
                }

        return false;
}

int config_parse_signed_headers(const char *text, void *field) {
        bool chosen[ARRAY_LEN(signable_headers)] = {0};
        CLEANUP(freep) char *copy = strdup(text);
        CLEANUP(freep) char *list = NULL;
        char *rest = copy, *name;

        if (!copy)
                return -ENOMEM;

        while ((name = strsep(&rest, ";")))
                if (!mark_header(name, chosen))
                        return -EINVAL;

        for (size_t i = 0; i < ARRAY_LEN(signable_headers); i++) {
                CLEANUP(freep) char *before = NULL;

                if (!chosen[i] && !signable_headers[i].always)
                        continue;

                before = STEAL_PTR(list);
                list = str_printf("%s%s%s", before ? before : "", before ? ";" : "",
                                  signable_headers[i].name);
                if (!list)
                        return -ENOMEM;
        }

        free(*(char **) field);
        *(char **) field = STEAL_PTR(list);
        return 0;
}

static bool path_is_valid(const char *path) {
        if (path[0] != '/' || strlen(path) >= PATH_MAX)
                return false;

        for (const char *p = path; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7F)
                        return false;

        return true;
}

int config_parse_path(const char *text, void *field) {
        int r;

        if (!path_is_valid(text))
                return -EINVAL;

        r = str_replace(field, text);
        if (r < 0)
                return r;

        str_cut_slashes(*(char **) field);
        return 0;
}

/* It becomes part of a list that colons separate. */
int config_parse_state_directory(const char *text, void *field) {
        return strchr(text, ':') ? -EINVAL : config_parse_path(text, field);
}

int config_parse_runner(const char *text, void *field) {
        if (streq(text, "auto") || streq(text, "spawn"))
                return str_replace(field, text);

        if (strlen(text) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ERANGE;

        return config_parse_path(text, field);
}

int config_parse_connection(const char *text, void *field) {
        return conninfo_is_allowed(text) ? str_replace(field, text) : -EINVAL;
}

/* It becomes the name of a schema; those with pg_ are PostgreSQL's own. */
int config_parse_fleet(const char *text, void *field) {
        const size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

        if (text[length] || length > 63 || *text < 'a' || *text > 'z' || str_after(text, "pg_"))
                return -EINVAL;
        return str_replace(field, text);
}

int config_parse_node(const char *text, void *field) {
        return name_is_valid(text, 1, NODE_NAME_MAX, "._-", true) ? str_replace(field, text)
                                                                  : -EINVAL;
}

int config_parse_labels(const char *text, void *field) {
        return words_parse(text, label_is_valid, field);
}

const char *config_after_state(const char *element) {
        const char *rest = str_after(element, STATE_WORD);

        return rest && (*rest == '\0' || *rest == '/') ? rest : NULL;
}

static bool element_is_valid(const char *element, bool allow_state) {
        const char *rest = allow_state ? config_after_state(element) : NULL;

        return path_is_valid(element) || (rest && (!*rest || path_is_valid(rest)));
}

static int parse_list(const char *text, bool allow_state, char **field) {
        CLEANUP(freep) char *copy = strdup(text);
        CLEANUP(freep) char *list = calloc(1, strlen(text) + 1); /* it only ever gets shorter */
        char *rest = copy, *element, *end = list;

        if (!copy || !list)
                return -ENOMEM;

        while ((element = strsep(&rest, ":"))) {
                if (!element_is_valid(element, allow_state))
                        return -EINVAL;

                str_cut_slashes(element);
                if (end != list)
                        *end++ = ':';
                end = stpcpy(end, element);
        }

        free(*field);
        *field = STEAL_PTR(list);
        return 0;
}

int config_parse_directories(const char *text, void *field) {
        return parse_list(text, false, field);
}

int config_parse_task_directories(const char *text, void *field) {
        return parse_list(text, true, field);
}
