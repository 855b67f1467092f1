#pragma once
/*
 * Signature: KooDrive's app authentication, HMAC-SHA256 over a canonical request
 *
 * Pure. The rules are those of the KooDrive API reference, "App authentication":
 * a canonical request, of which the SHA-256 is signed with the AppSecret's own
 * characters as the key. Its formula for the string to sign has two lines; the
 * prose beside it, and the gateway that the rule comes from, have the date as a
 * line between them, which is to be had by naming a date.
 */
#include <stdbool.h>
#include <stddef.h>

#define SIGNATURE_LENGTH 64 /* hexadecimal digits of a SHA-256 */
#define SIGNATURE_HEADERS_MAX 16

/* The value as it is sent; blanks around it are not signed. The name in any case. */
struct signature_header {
        const char *name, *value;
};

/* All borrowed for the call. */
struct signature_request {
        const char *method; /* upper case */
        const char *path;   /* as sent, from its first slash; the slash that is signed behind it is
                               added */
        const char *query;  /* as sent, without the question mark; NULL: none */
        const struct signature_header *headers; /* those to be signed, in any order */
        size_t n_headers;                       /* at most SIGNATURE_HEADERS_MAX */
        const void *body;
        size_t body_length;
        const char *date; /* the line between, e.g. X-Date's value; NULL: two lines */
};

/* SHA-256 of the canonical request, in lower-case hexadecimal. Returns 0, -EINVAL or -ENOMEM. */
int signature_hash_request(const struct signature_request *request, char ret[SIGNATURE_LENGTH + 1]);

/* The signature itself. Returns 0, -EINVAL (more headers than there may be) or -ENOMEM. */
int signature_make(const struct signature_request *request, const char *secret,
                   char ret[SIGNATURE_LENGTH + 1]);

/*
 * The value of the Authorization header: "HMAC-SHA256 AppId=...,SignedHeaders=...,Signature=...".
 * Returns 0, -EINVAL or -ENOMEM; the caller owns the text.
 */
int signature_authorize(const struct signature_request *request, const char *app_id,
                        const char *secret, char **ret);

/* SHA-256 of some bytes, in lower-case hexadecimal. Returns 0 or -ENOMEM. */
int sha256_hex(const void *data, size_t length, char ret[SIGNATURE_LENGTH + 1]);
