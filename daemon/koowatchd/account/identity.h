#pragma once
/*
 * Identity: an account's settings and its secret, and how requests say who asks
 *
 * Pure. Owns copies of both. A token is sent with the scheme word of the settings before it,
 * unless it brings its own.
 */
#include "common/config.h"

struct koodrive_identity;

/* Zeroed: nothing is known. */
struct identity {
        struct account_config settings; /* its file is NULL */
        char *secret;                   /* the token or the AppSecret; NULL: none */
        char *authorization;            /* the token as it is sent; NULL: none, or Auth=app */
};

void identity_clear(struct identity *identity);

/* Each returns 0, or -ENOMEM with all left as it was. Both copy; secret may be NULL. */
int identity_set_settings(struct identity *identity, const struct account_config *settings);
int identity_set_secret(struct identity *identity, const char *secret);

/* Borrowed from the identity, until its next change. */
struct koodrive_identity identity_of_requests(const struct identity *identity);
