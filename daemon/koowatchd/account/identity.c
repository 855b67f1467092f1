#include "koowatchd/account/identity.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/account-config.h"
#include "common/util.h"
#include "koowatchd/koodrive/request.h"

void identity_clear(struct identity *id) {
        account_config_clear(&id->settings);
        secret_free(STEAL_PTR(id->secret));
        secret_free(STEAL_PTR(id->authorization));
}

/* "Bearer xyz", "AT+xyz" */
static bool has_scheme(const char *token) {
        return strchr(token, ' ') || strncasecmp(token, "Bearer+", 7) == 0 ||
               strncasecmp(token, "AT+", 3) == 0;
}

static int authorization_make(const struct account_config *settings, const char *secret,
                              char **ret) {
        static const char *const words[] = {
                [TOKEN_SCHEME_VERBATIM] = "",
                [TOKEN_SCHEME_BEARER] = "Bearer ",
                [TOKEN_SCHEME_AT] = "AT ",
        };

        *ret = NULL;
        if (!secret || settings->auth != AUTH_TOKEN)
                return 0;
        *ret = str_printf("%s%s", has_scheme(secret) ? "" : words[settings->token_scheme], secret);
        return *ret ? 0 : -ENOMEM;
}

int identity_set_settings(struct identity *id, const struct account_config *settings) {
        CLEANUP(secret_freep) char *authorization = NULL;
        struct account_config copy;
        int r;

        r = authorization_make(settings, id->secret, &authorization);
        if (r == 0)
                r = account_config_copy(settings, &copy);
        if (r < 0)
                return r;
        account_config_clear(&id->settings);
        id->settings = copy;
        secret_free(id->authorization);
        id->authorization = STEAL_PTR(authorization);
        return 0;
}

int identity_set_secret(struct identity *id, const char *secret) {
        CLEANUP(secret_freep) char *copy = secret ? strdup(secret) : NULL;
        CLEANUP(secret_freep) char *authorization = NULL;
        int r;

        if (secret && !copy)
                return -ENOMEM;
        r = authorization_make(&id->settings, secret, &authorization);
        if (r < 0)
                return r;
        secret_free(id->secret);
        secret_free(id->authorization);
        id->secret = STEAL_PTR(copy);
        id->authorization = STEAL_PTR(authorization);
        return 0;
}

struct koodrive_identity identity_of_requests(const struct identity *id) {
        const struct account_config *s = &id->settings;

        return (struct koodrive_identity){
                .endpoint = s->endpoint,
                .user_id = s->user_id,
                .agent_name = s->agent_name,
                .authorization = id->authorization,
                .app_id = s->app_id,
                .app_secret = id->secret,
                .signed_headers = s->signed_headers,
                .string_to_sign = s->string_to_sign,
        };
}
