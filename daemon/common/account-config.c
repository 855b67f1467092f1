#include "common/account-config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/util.h"

/* The owned strings. */
static const size_t strings[] = {
        offsetof(struct account_config, name),
        offsetof(struct account_config, endpoint),
        offsetof(struct account_config, user_id),
        offsetof(struct account_config, agent_name),
        offsetof(struct account_config, token_file),
        offsetof(struct account_config, refresh_token_file),
        offsetof(struct account_config, app_id),
        offsetof(struct account_config, app_secret_file),
        offsetof(struct account_config, signed_headers),
        offsetof(struct account_config, ca_file),
        offsetof(struct account_config, proxy),
};

static char **string_at(struct account_config *settings, size_t offset) {
        return (void *) ((char *) settings + offset);
}

static const char *string_of(const struct account_config *settings, size_t offset) {
        return *(const char *const *) (const void *) ((const char *) settings + offset);
}

void account_config_clear(struct account_config *settings) {
        secret_free(STEAL_PTR(settings->proxy));
        for (size_t i = 0; i < ARRAY_LEN(strings); i++)
                free(*string_at(settings, strings[i]));
        *settings = (struct account_config){};
}

int account_config_copy(const struct account_config *from, struct account_config *ret) {
        struct account_config copy = *from;
        int r = 0;

        copy.file = NULL;
        for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
                const char *text = string_of(from, strings[i]);
                char *own = text ? strdup(text) : NULL;

                if (text && !own)
                        r = -ENOMEM;
                *string_at(&copy, strings[i]) = own;
        }
        if (r < 0) {
                account_config_clear(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

static bool is_same_string(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

bool account_config_is_same(const struct account_config *a, const struct account_config *b) {
        for (size_t i = 0; i < ARRAY_LEN(strings); i++)
                if (!is_same_string(string_of(a, strings[i]), string_of(b, strings[i])))
                        return false;
        return a->auth == b->auth && a->token_scheme == b->token_scheme &&
               a->refresh == b->refresh && a->string_to_sign == b->string_to_sign &&
               a->rate_limit.count == b->rate_limit.count &&
               a->rate_limit.period == b->rate_limit.period &&
               a->max_in_flight == b->max_in_flight && a->allow_plain_http == b->allow_plain_http;
}
