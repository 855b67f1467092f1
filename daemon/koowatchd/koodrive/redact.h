#pragma once
/*
 * Redaction: what was sent with a request must not come back in a log or reach a hook
 *
 * Pure. An answer, or what libcurl says of a failure, may repeat a token.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "koowatchd/koodrive/request.h"

/* Borrowed from the request; NULL entries are left out. */
struct secrets {
        const char *list[3];
};

/* The token, as a whole and without its scheme, and own: another secret, or NULL. */
struct secrets redact_secrets(const struct koodrive_identity *who, const char *own);

/*
 * Copies text for people: without secrets, controls and what does not fit. What is no UTF-8
 * becomes '?', and a character is never cut.
 */
void redact_copy(char *ret, size_t size, const char *text, const struct secrets *secrets);

/* Whether a secret is anywhere in the text. */
bool redact_finds(const char *text, const struct secrets *secrets);

/* Likewise in a URL, also percent-encoded. Returns 1, 0 or -ENOMEM. */
int redact_finds_in_url(const char *url, const struct secrets *secrets);

/*
 * Whether a secret is anywhere in the object that was read from text, names included. Secrets
 * are printable ASCII: in a text without escapes they would stand as they are.
 */
bool redact_is_needed(json_object *root, const char *text, size_t length,
                      const struct secrets *secrets);
