#pragma once
/*
 * Token store: refreshed tokens, in files of the state directory
 *
 * One JSON file an account, readable by its owner alone, replaced as a whole and on
 * disk before it is: a refresh may have ended the life of what was before. Beside each
 * secret is the fingerprint of the one that the administrator had given when it was
 * obtained: another one there means that the administrator's is newer.
 */
#include "koowatchd/koodrive/signature.h"

struct stored_secret {
        char *text;                        /* NULL: none */
        char source[SIGNATURE_LENGTH + 1]; /* SHA-256 of what the admin had given; "": nothing */
};

struct stored_tokens {
        struct stored_secret token, refresh;
        unsigned serial; /* larger with each refresh, on whichever node: tells the newer ones */
};

void stored_tokens_clear(struct stored_tokens *tokens);

/* As JSON text. The caller ends *ret by secret_free(). Returns 0 or -ENOMEM. */
int stored_tokens_write(const struct stored_tokens *tokens, char **ret);
/* Returns 0, -ENOMEM or -EBADMSG; *ret is then empty. */
int stored_tokens_read(const char *text, size_t length, struct stored_tokens *ret);

/*
 * Reads DIRECTORY/ACCOUNT.json. Returns 0, -ENOENT, -EBADMSG when it is damaged, or another
 * negative errno; *ret is then empty.
 */
int token_store_load(const char *directory, const char *account, struct stored_tokens *ret);

/* Makes the directory where it is missing. Returns 0 or a negative errno. */
int token_store_save(const char *directory, const char *account,
                     const struct stored_tokens *tokens);
