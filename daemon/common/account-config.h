#pragma once
/*
 * Account configuration: the settings of one account, copied, compared and cleared
 *
 * A copy outlives the configuration that the settings were read with.
 */
#include <stdbool.h>

#include "common/config-values.h"
#include "common/timespan.h"

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

/*
 * Writes a copy that owns its strings to *ret, whose former content is not freed; it has no
 * file, which is the configuration's. Returns 0 or -ENOMEM with *ret left alone.
 */
int account_config_copy(const struct account_config *from, struct account_config *ret);

/* Frees the strings, the proxy blanked as it may hold a password, and zeroes the settings. */
void account_config_clear(struct account_config *settings);

/* Whether nothing differs but the file and line of the section. */
bool account_config_is_same(const struct account_config *a, const struct account_config *b);
