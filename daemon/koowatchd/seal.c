#include "koowatchd/seal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "common/util.h"

#define PREFIX "koowatch1:"
#define INFO "koowatch refreshed tokens"
#define KEY_SIZE 32
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define TEXT_MAX ((size_t) 256 * 1024)
#define BYTES_MAX (NONCE_SIZE + TEXT_MAX + TAG_SIZE)
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

DEFINE_CLEANUP(EVP_KDF *, EVP_KDF_free)
DEFINE_CLEANUP(EVP_KDF_CTX *, EVP_KDF_CTX_free)
DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)

static int derive(const char *text, unsigned char ret[KEY_SIZE]) {
        CLEANUP(EVP_KDF_freep) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
        CLEANUP(EVP_KDF_CTX_freep) EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
        char hash[] = "SHA256", info[] = INFO;
        const OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *) text, strlen(text)),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
                OSSL_PARAM_construct_end(),
        };

        return context && EVP_KDF_derive(context, ret, KEY_SIZE, parameters) > 0 ? 0 : -EIO;
}

/* Neither name has a NUL, which parts them. */
static bool add_names(EVP_CIPHER_CTX *context, const struct seal *seal) {
        const char *const names[] = {seal->fleet, seal->account};
        int n;

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (EVP_CipherUpdate(context, NULL, &n, (const unsigned char *) names[i],
                                     (int) strlen(names[i]) + 1) <= 0)
                        return false;
        return true;
}

/* The caller frees it; NULL: it could not be made. */
static EVP_CIPHER_CTX *begin(const struct seal *seal, const unsigned char nonce[NONCE_SIZE],
                             bool closes) {
        CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        unsigned char key[KEY_SIZE];
        bool is_good =
                context && derive(seal->key, key) == 0 &&
                EVP_CipherInit_ex2(context, EVP_aes_256_gcm(), key, nonce, closes, NULL) > 0 &&
                add_names(context, seal);

        explicit_bzero(key, sizeof(key));
        return is_good ? STEAL_PTR(context) : NULL;
}

/* To bytes: nonce, what is encrypted, tag. */
static int encrypt(const struct seal *seal, const char *text, size_t length, unsigned char *bytes) {
        CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = NULL;
        unsigned char *body = bytes + NONCE_SIZE;
        int n, rest;

        if (RAND_bytes(bytes, NONCE_SIZE) <= 0)
                return -EIO;
        context = begin(seal, bytes, true);
        if (!context ||
            EVP_EncryptUpdate(context, body, &n, (const unsigned char *) text, (int) length) <= 0 ||
            EVP_EncryptFinal_ex(context, body + n, &rest) <= 0 ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, body + length) <= 0)
                return -EIO;
        return 0;
}

int seal_close(const struct seal *seal, const char *text, char **ret) {
        const size_t length = strlen(text), n = NONCE_SIZE + length + TAG_SIZE;
        CLEANUP(freep) unsigned char *bytes = NULL;
        CLEANUP(freep) char *sealed = NULL;
        int r;

        if (length > TEXT_MAX)
                return -EFBIG;
        bytes = malloc(n);
        sealed = malloc(strlen(PREFIX) + BASE64_SIZE(n) + 1);
        if (!bytes || !sealed)
                return -ENOMEM;
        r = encrypt(seal, text, length, bytes);
        if (r < 0)
                return r;
        memcpy(sealed, PREFIX, strlen(PREFIX));
        (void) EVP_EncodeBlock((unsigned char *) sealed + strlen(PREFIX), bytes, (int) n);
        *ret = STEAL_PTR(sealed);
        return 0;
}

/* Returns how many bytes it was, -ENOMEM or -EBADMSG. */
static ssize_t decode(const char *text, unsigned char **ret) {
        const size_t length = strlen(text);
        CLEANUP(freep) unsigned char *bytes = NULL;
        int n;

        if (length < BASE64_SIZE(NONCE_SIZE + TAG_SIZE) || length > BASE64_SIZE(BYTES_MAX) ||
            length % 4 != 0)
                return -EBADMSG;
        bytes = malloc(length / 4 * 3);
        if (!bytes)
                return -ENOMEM;
        n = EVP_DecodeBlock(bytes, (const unsigned char *) text, (int) length);
        if (n < 0)
                return -EBADMSG;
        n -= (text[length - 1] == '=') + (text[length - 2] == '=');
        if (n < NONCE_SIZE + TAG_SIZE)
                return -EBADMSG;
        *ret = STEAL_PTR(bytes);
        return n;
}

/* Returns 0, -EIO or -EBADMSG; what is in text is to be looked at only after 0. */
static int decrypt(const struct seal *seal, unsigned char *bytes, int length, char *text) {
        CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = begin(seal, bytes, false);
        unsigned char *body = bytes + NONCE_SIZE, *out = (unsigned char *) text;
        int n, rest;

        if (!context)
                return -EIO;
        if (EVP_DecryptUpdate(context, out, &n, body, length) <= 0 ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, body + length) <= 0 ||
            EVP_DecryptFinal_ex(context, out + n, &rest) <= 0 || strlen(text) != (size_t) length)
                return -EBADMSG;
        return 0;
}

int seal_open(const struct seal *seal, const char *sealed, char **ret) {
        const char *base64 = str_after(sealed, PREFIX);
        CLEANUP(freep) unsigned char *bytes = NULL;
        int length, r;
        char *text;
        ssize_t n;

        if (!base64)
                return -EBADMSG;
        n = decode(base64, &bytes);
        if (n < 0)
                return (int) n;
        length = (int) n - NONCE_SIZE - TAG_SIZE;
        text = calloc(1, (size_t) length + 1);
        if (!text)
                return -ENOMEM;
        r = decrypt(seal, bytes, length, text);
        if (r < 0) {
                explicit_bzero(text, (size_t) length);
                free(text);
                return r;
        }
        *ret = text;
        return 0;
}
