#pragma once
/*
 * Token refresh: when to ask for a new token, and what the answer to that means
 *
 * Pure. A token is refreshed early, that is at four fifths of its lifetime or, where that is
 * not known, after 15 minutes without an accepted request; and when it is refused. A new
 * token that is refused as well leads to no other one for some minutes, unless it was
 * accepted before: a refresh that does not help must not wear out the login.
 *
 * Secrets may be replaced while a request is in flight. Each part of the answer takes the
 * place of what it was asked for with, and of nothing newer.
 */
#include <stdbool.h>

#include "common/config-values.h"
#include "common/timespan.h"

struct koodrive_answer;

/* Zeroed: there is nothing to refresh with. */
struct token_refresh {
        char *secret;        /* refresh token or session id; NULL: none */
        bool secret_refused; /* it is of no use any more */
        bool token_refused;  /* a new token is wanted before the next poll */
        bool in_flight;      /* a request for one */

        usec_t expires_soon;   /* four fifths of the token's lifetime; 0: not known */
        usec_t not_before;     /* the pause after a failed early refresh */
        unsigned failures;     /* early refreshes, in a row */
        usec_t refusal_counts; /* a refusal of the token before that leads to no refresh */
        usec_t replaced;       /* when a refused token was last replaced; 0: never */
        usec_t gap;            /* from then until a refusal of an accepted token counts */

        /* What the request in flight was sent with. */
        char *sent_token, *sent_secret;
        enum refresh_kind sent_kind;
        bool outdated; /* a secret or the settings have changed since */
};

void token_refresh_clear(struct token_refresh *refresh);

/* Copies the secret; NULL: there is none. Returns 1, 0 when it is the same, or -ENOMEM. */
int token_refresh_set_secret(struct token_refresh *refresh, const char *secret);
/* A secret or the settings have changed: what failed before is tried again. */
void token_refresh_reset(struct token_refresh *refresh);

/* Whether there is a secret that has not been refused. */
bool token_refresh_is_possible(const struct token_refresh *refresh);
/* When to refresh a token that is good; accepted: when a request with it was, or it came. */
usec_t token_refresh_early_at(const struct token_refresh *refresh, usec_t accepted);

/* Another token is used from now on; its lifetime is not known. */
void token_refresh_token_changed(struct token_refresh *refresh);
/* The token was accepted. */
void token_refresh_token_accepted(struct token_refresh *refresh);
/* The token was refused, and a refresh is possible. Returns whether a new token is wanted. */
bool token_refresh_token_refused(struct token_refresh *refresh, usec_t now);

/* A request goes out with the secret and this token. Returns 0 or -ENOMEM. */
int token_refresh_sent(struct token_refresh *refresh, const char *token, enum refresh_kind kind);

/*
 * It has brought new secrets; kind is what the settings say now. Copies the new refresh secret
 * (NULL: the old one stays). Returns whether it is used from now on.
 */
bool token_refresh_succeeded(struct token_refresh *refresh, const char *secret,
                             enum refresh_kind kind);
/* Whether the new token is to take the place of token, which is used now (NULL: none is). */
bool token_refresh_wants_token(const struct token_refresh *refresh, const char *token,
                               enum refresh_kind kind);
/* The new token is used from now on; lifetime: from now, or -1. */
void token_refresh_token_replaced(struct token_refresh *refresh, usec_t now, usec_t lifetime);

enum token_refresh_failure {
        TOKEN_REFRESH_OUTDATED, /* of what has changed since: it means nothing */
        TOKEN_REFRESH_EARLY,  /* the token is good, and used on; secret_refused says if for good */
        TOKEN_REFRESH_FAILED, /* the token is refused, and there is no new one */
};

/* It has brought none; kind as above. */
enum token_refresh_failure token_refresh_failed(struct token_refresh *refresh, usec_t now,
                                                const struct koodrive_answer *answer,
                                                enum refresh_kind kind);
