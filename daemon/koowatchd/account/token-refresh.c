#include "koowatchd/account/token-refresh.h"

#include <errno.h>
#include <string.h>

#include "common/backoff.h"
#include "common/util.h"
#include "koowatchd/account/account-pause.h"
#include "koowatchd/koodrive/answer.h"

#define IDLE_MAX (15 * USEC_MINUTE) /* KooDrive ends a session after 20 */
#define LIFETIME_MIN USEC_SEC
#define GAP_FIRST (3 * USEC_SEC)     /* doubling, while refreshes do not help for long */
#define GAP_RESET (10 * USEC_MINUTE) /* without one, and the gap begins again */
#define RETRY_FIRST (30 * USEC_SEC)
#define RETRY_MAX (5 * USEC_MINUTE)

void token_refresh_clear(struct token_refresh *t) {
        secret_free(t->secret);
        secret_free(t->sent_token);
        secret_free(t->sent_secret);
        *t = (struct token_refresh){};
}

/* The old text is blanked. Returns 0, or -ENOMEM with *secret NULL. */
static int secret_replace(char **secret, const char *text) {
        char *copy = text ? strdup(text) : NULL;

        secret_free(*secret);
        *secret = copy;
        return text && !copy ? -ENOMEM : 0;
}

static bool is_same_secret(const char *a, const char *b) {
        return a && b && streq(a, b);
}

int token_refresh_set_secret(struct token_refresh *t, const char *secret) {
        char *copy = NULL;

        if (secret ? is_same_secret(secret, t->secret) : !t->secret)
                return 0;
        if (secret) {
                copy = strdup(secret);
                if (!copy)
                        return -ENOMEM;
        }
        secret_free(t->secret);
        t->secret = copy;
        t->token_refused = false;
        return 1;
}

void token_refresh_reset(struct token_refresh *t) {
        t->token_refused = t->secret_refused = false;
        t->not_before = t->refusal_counts = 0;
        t->failures = 0;
        t->outdated = true;
}

bool token_refresh_is_possible(const struct token_refresh *t) {
        return t->secret && !t->secret_refused;
}

usec_t token_refresh_early_at(const struct token_refresh *t, usec_t accepted) {
        return MAX(t->expires_soon > 0 ? t->expires_soon : accepted + IDLE_MAX, t->not_before);
}

void token_refresh_token_changed(struct token_refresh *t) {
        t->expires_soon = 0;
}

void token_refresh_token_accepted(struct token_refresh *t) {
        t->refusal_counts = MIN(t->refusal_counts, t->replaced + t->gap);
}

bool token_refresh_token_refused(struct token_refresh *t, usec_t now) {
        if (now < t->refusal_counts)
                return false;
        t->token_refused = true;
        return true;
}

int token_refresh_sent(struct token_refresh *t, const char *token, enum refresh_kind kind) {
        t->in_flight = true;
        t->outdated = false;
        t->sent_kind = kind;
        if (secret_replace(&t->sent_token, token) < 0 ||
            secret_replace(&t->sent_secret, t->secret) < 0)
                return -ENOMEM;
        return 0;
}

bool token_refresh_succeeded(struct token_refresh *t, const char *secret, enum refresh_kind kind) {
        char *copy;

        t->in_flight = false;
        if (!secret || kind != t->sent_kind || !is_same_secret(t->secret, t->sent_secret))
                return false;
        copy = strdup(secret);
        if (!copy)
                return false;
        secret_free(t->secret);
        t->secret = copy;
        return true;
}

/* Where the token's file has gone meanwhile, the new one is as good as what was there. */
bool token_refresh_wants_token(const struct token_refresh *t, const char *token,
                               enum refresh_kind kind) {
        return kind != REFRESH_NONE && (!token || is_same_secret(token, t->sent_token));
}

void token_refresh_token_replaced(struct token_refresh *t, usec_t now, usec_t lifetime) {
        if (t->token_refused) {
                bool first = t->replaced == 0 || now - t->replaced > GAP_RESET;

                t->gap = first ? 0 : MIN(MAX(2 * t->gap, GAP_FIRST), ACCOUNT_PAUSE_REFUSED);
                t->replaced = now;
        }
        t->token_refused = false;
        t->failures = 0;
        t->refusal_counts = now + ACCOUNT_PAUSE_REFUSED;
        if (lifetime > 0)
                t->expires_soon = now + MAX(lifetime / 5 * 4, LIFETIME_MIN);
}

/* Not that it could not be asked for, or got no answer. */
static bool is_refusal(enum koodrive_class class) {
        return class != KOODRIVE_TRANSIENT && class != KOODRIVE_UNREACHABLE &&
               class != KOODRIVE_MISCONFIGURED && class != KOODRIVE_THROTTLED &&
               class != KOODRIVE_TASK;
}

enum token_refresh_failure token_refresh_failed(struct token_refresh *t, usec_t now,
                                                const struct koodrive_answer *answer,
                                                enum refresh_kind kind) {
        bool refusal = is_refusal(answer->disposition.class);
        usec_t pause;

        t->in_flight = false;
        if (kind == REFRESH_NONE || (refusal && t->outdated))
                return TOKEN_REFRESH_OUTDATED;
        t->secret_refused = refusal;
        if (t->token_refused) {
                t->token_refused = !refusal; /* then it is tried again when polls would be */
                return TOKEN_REFRESH_FAILED;
        }
        t->failures++;
        pause = backoff_pause(t->failures, RETRY_FIRST, RETRY_MAX);
        pause = MAX(pause, answer->disposition.pause);
        t->not_before = now + MAX(pause, answer->retry_after);
        return TOKEN_REFRESH_EARLY;
}
