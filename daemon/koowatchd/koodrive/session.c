#include "koowatchd/koodrive/session.h"

#include "common/json.h"
#include "koowatchd/koodrive/field.h"
#include "koowatchd/koodrive/redact.h"
#include "koowatchd/loop/http-answer.h"

#define SECRET_MAX (16 * 1024)
#define LIFETIME_MAX (30L * 24 * 3600)

/* A secret that can be sent in a header, or NULL. */
static char *get_secret(json_object *object, const char *key) {
        CLEANUP(secret_freep) char *copy = NULL;
        const char *text = json_get_string(object, key);

        if (!text || strlen(text) > SECRET_MAX)
                return NULL;
        copy = strdup(text);
        return copy && secret_trim(copy, strlen(copy)) ? STEAL_PTR(copy) : NULL;
}

/*
 * The object that holds accessToken: data.sessionInfo, data, sessionInfo or the top. The
 * caller frees the token.
 */
static json_object *find_session(json_object *root, char **ret_token) {
        json_object *data = json_get_object(root, "data");
        json_object *const places[] = {
                json_get_object(data, "sessionInfo"),
                data,
                json_get_object(root, "sessionInfo"),
                root,
        };

        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                if ((*ret_token = get_secret(places[i], "accessToken")))
                        return places[i];
        return NULL;
}

void koodrive_session_read(const struct http_answer *http, const struct koodrive_identity *who,
                           const char *secret, json_tokener *tokener, usec_t now,
                           struct koodrive_session *ret) {
        const struct secrets secrets = redact_secrets(who, secret);
        json_object *root, *session;
        int64_t seconds;

        *ret = (struct koodrive_session){.lifetime = -1};
        root = koodrive_answer_begin(http, &secrets, tokener, now, &ret->answer);
        if (!http_answer_is_ok(http) || *ret->answer.code) {
                json_object_put(root);
                return;
        }

        session = root ? find_session(root, &ret->token) : NULL;
        if (session) {
                ret->answer.disposition = (struct koodrive_disposition){.class = KOODRIVE_TASK};
                ret->refresh_token = get_secret(session, "refreshToken");
                if (field_integer(session, "expiresIn", &seconds) && seconds > 0 &&
                    seconds <= LIFETIME_MAX)
                        ret->lifetime = seconds * USEC_SEC;
                ret->answer.retry_after = -1;
        } else if (root) {
                koodrive_answer_fault(&ret->answer, "an answer without a token");
        }
        json_object_put(root);
}

void koodrive_session_clear(struct koodrive_session *s) {
        secret_free(s->token);
        secret_free(s->refresh_token);
        koodrive_answer_clear(&s->answer);
        *s = (struct koodrive_session){};
}
