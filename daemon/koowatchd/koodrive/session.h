#pragma once
/*
 * Sessions: the answer to a request for a new token
 *
 * Pure. From either endpoint, and in either form that KooDrive documents: "Refreshing a token"
 * (RefreshToken) and "Refreshing a session" (refreshSession).
 */
#include "koowatchd/koodrive/answer.h"

struct koodrive_session {
        struct koodrive_answer answer; /* see answer.h; its meaning counts where token is NULL */
        char *token;                   /* to be sent as it is */
        char *refresh_token;           /* NULL: the old one stays */
        usec_t lifetime;               /* of the token from now on, or -1 */
};

/* secret is what was sent. The same contract as koodrive_answer_read(). */
void koodrive_session_read(const struct http_answer *http, const struct koodrive_identity *who,
                           const char *secret, json_tokener *tokener, usec_t now,
                           struct koodrive_session *ret);
void koodrive_session_clear(struct koodrive_session *session);
