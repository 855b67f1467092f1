#pragma once
/*
 * Seal: a text that only who has the key can read, and nobody can change unseen
 *
 * AES-256-GCM with a random nonce; its key is HKDF-SHA256 of the key that is given, which is a text
 * of at least SEAL_KEY_MIN characters by chance. A seal holds for one account of one fleet: it
 * opens no other one's. Sealed, a text is one line of ASCII: "koowatch1:", and in base64 nonce,
 * what is encrypted, and tag.
 */
#include <stddef.h>

#define SEAL_KEY_MIN 32

struct seal {
        const char *key, *fleet, *account; /* borrowed */
};

/* The caller frees *ret. Returns 0, -ENOMEM, -EFBIG for a text of more than 256 KiB, or -EIO. */
int seal_close(const struct seal *seal, const char *text, char **ret);
/*
 * The caller ends *ret by secret_free(). Returns 0, -ENOMEM, -EIO, or -EBADMSG: by another key,
 * for another account, or damaged.
 */
int seal_open(const struct seal *seal, const char *sealed, char **ret);
