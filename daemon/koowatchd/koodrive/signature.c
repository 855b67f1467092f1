#include "koowatchd/koodrive/signature.h"

#include <errno.h>
#include <openssl/evp.h>
#include <strings.h>

#include "common/util.h"

#define ALGORITHM "HMAC-SHA256"
#define BLANKS " \t"
#define HASH_SIZE (SIGNATURE_LENGTH / 2)

/*
 * Text that grows. Not open_memstream(): when memory is short for a moment, that one leaves
 * something out and says nothing, and the rest would be signed.
 */
struct text {
        char *data; /* with a NUL behind it */
        size_t length, capacity;
        bool failed; /* something is missing */
};

static void text_clear(struct text *t) {
        free(t->data);
}

static void append_bytes(struct text *t, const char *bytes, size_t length) {
        if (t->capacity - t->length <= length) {
                size_t capacity = 2 * (t->capacity + length) + 256;
                char *data = realloc(t->data, capacity);

                if (!data) {
                        t->failed = true;
                        return;
                }
                t->data = data;
                t->capacity = capacity;
        }
        memcpy(t->data + t->length, bytes, length);
        t->length += length;
        t->data[t->length] = '\0';
}

static void append(struct text *t, const char *s) {
        append_bytes(t, s, strlen(s));
}

/* Not isalnum(): that one follows the locale. */
static bool is_unreserved(unsigned char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_' || c == '~';
}

/* The digit's value, or -1. */
static int hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* An escape counts as the byte it stands for, so that text is not encoded twice. */
static void append_encoded(struct text *t, const char *s, size_t length, bool keep_slash) {
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char) s[i];
                bool keep = is_unreserved(c) || (c == '/' && keep_slash);
                char encoded[sizeof("%XY")];

                if (c == '%' && length - i > 2 && hex_value(s[i + 1]) >= 0 &&
                    hex_value(s[i + 2]) >= 0) {
                        c = (unsigned char) (hex_value(s[i + 1]) * 16 + hex_value(s[i + 2]));
                        keep = is_unreserved(c);
                        i += 2;
                }
                (void) snprintf(encoded, sizeof(encoded), keep ? "%c" : "%%%02X", c);
                append(t, encoded);
        }
}

/* Each parameter as NAME=VALUE with a NUL behind it; between two ampersands may be none. */
static size_t append_parameters(struct text *t, const char *query) {
        size_t count = 0;

        for (const char *s = query; *s; s += *s == '&') {
                size_t name = strcspn(s, "=&"), length = strcspn(s, "&");

                if (length > 0) {
                        append_encoded(t, s, name, false);
                        append(t, "=");
                        if (name < length)
                                append_encoded(t, s + name + 1, length - name - 1, false);
                        append_bytes(t, "", 1);
                        count++;
                }
                s += length;
        }
        return count;
}

/* By name, then by value. The only '=' ends the name, and what ends first comes first. */
static int compare_parameters(const void *a, const void *b) {
        const char *x = *(const char *const *) a, *y = *(const char *const *) b;

        while (*x && *x == *y) {
                x++;
                y++;
        }
        return (*x == '=' ? 0 : *x) - (*y == '=' ? 0 : *y);
}

static void append_query(struct text *t, const char *query) {
        CLEANUP(text_clear) struct text parameters = {};
        CLEANUP(freep) const char **sorted = NULL;
        size_t count = append_parameters(&parameters, query);
        const char *next = parameters.data;

        if (count == 0)
                return;
        sorted = calloc(count, sizeof(*sorted));
        if (!sorted || parameters.failed) {
                t->failed = true;
                return;
        }
        for (size_t i = 0; i < count; i++) {
                sorted[i] = next;
                next += strlen(next) + 1;
        }
        qsort(sorted, count, sizeof(*sorted), compare_parameters);
        for (size_t i = 0; i < count; i++) {
                append(t, i > 0 ? "&" : "");
                append(t, sorted[i]);
        }
}

struct headers {
        const struct signature_header *sorted[SIGNATURE_HEADERS_MAX];
        size_t n;
};

/* strcasecmp() compares as if in lower case, which is the order that is asked for. */
static int compare_headers(const void *a, const void *b) {
        const struct signature_header *const *x = a, *const *y = b;

        return strcasecmp((*x)->name, (*y)->name);
}

static int sort_headers(const struct signature_request *request, struct headers *ret) {
        if (request->n_headers > SIGNATURE_HEADERS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < request->n_headers; i++)
                ret->sorted[i] = &request->headers[i];
        ret->n = request->n_headers;
        qsort(ret->sorted, ret->n, sizeof(*ret->sorted), compare_headers);
        return 0;
}

static void append_name(struct text *t, const char *name) {
        for (const char *s = name; *s; s++) {
                char c = *s >= 'A' && *s <= 'Z' ? (char) (*s - 'A' + 'a') : *s;

                append_bytes(t, &c, 1);
        }
}

static void append_names(struct text *t, const struct headers *headers) {
        for (size_t i = 0; i < headers->n; i++) {
                append(t, i > 0 ? ";" : "");
                append_name(t, headers->sorted[i]->name);
        }
}

static void append_headers(struct text *t, const struct headers *headers) {
        for (size_t i = 0; i < headers->n; i++) {
                const char *value = headers->sorted[i]->value;
                size_t length;

                value += strspn(value, BLANKS);
                length = strlen(value);
                while (length > 0 && strchr(BLANKS, value[length - 1]))
                        length--;
                append_name(t, headers->sorted[i]->name);
                append(t, ":");
                append_bytes(t, value, length);
                append(t, "\n");
        }
}

int sha256_hex(const void *data, size_t length, char ret[SIGNATURE_LENGTH + 1]) {
        unsigned char hash[HASH_SIZE];

        if (EVP_Digest(data, length, hash, NULL, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        hex_encode(hash, sizeof(hash), ret);
        return 0;
}

int signature_hash_request(const struct signature_request *request,
                           char ret[SIGNATURE_LENGTH + 1]) {
        CLEANUP(text_clear) struct text t = {};
        char body_hash[SIGNATURE_LENGTH + 1];
        struct headers headers;
        int r;

        r = sort_headers(request, &headers);
        if (r < 0)
                return r;
        r = sha256_hex(request->body, request->body_length, body_hash);
        if (r < 0)
                return r;

        append(&t, request->method);
        append(&t, "\n");
        append_encoded(&t, request->path, strlen(request->path), true);
        append(&t, str_ends_with(request->path, "/") ? "\n" : "/\n");
        append_query(&t, request->query ? request->query : "");
        append(&t, "\n");
        append_headers(&t, &headers);
        append(&t, "\n"); /* an empty line, since each header has ended its own */
        append_names(&t, &headers);
        append(&t, "\n");
        append(&t, body_hash);
        return t.failed ? -ENOMEM : sha256_hex(t.data, t.length, ret);
}

int signature_make(const struct signature_request *request, const char *secret,
                   char ret[SIGNATURE_LENGTH + 1]) {
        CLEANUP(freep) char *text = NULL;
        unsigned char signature[HASH_SIZE];
        char hash[SIGNATURE_LENGTH + 1];
        int r;

        r = signature_hash_request(request, hash);
        if (r < 0)
                return r;
        text = str_printf(ALGORITHM "\n%s%s%s", request->date ? request->date : "",
                          request->date ? "\n" : "", hash);
        if (!text || !EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, strlen(secret),
                                (const unsigned char *) text, strlen(text), signature,
                                sizeof(signature), NULL))
                return -ENOMEM;
        hex_encode(signature, sizeof(signature), ret);
        return 0;
}

int signature_authorize(const struct signature_request *request, const char *app_id,
                        const char *secret, char **ret) {
        CLEANUP(text_clear) struct text t = {};
        char signature[SIGNATURE_LENGTH + 1];
        struct headers headers;
        int r;

        r = sort_headers(request, &headers);
        if (r < 0)
                return r;
        r = signature_make(request, secret, signature);
        if (r < 0)
                return r;
        append(&t, ALGORITHM " AppId=");
        append(&t, app_id);
        append(&t, ",SignedHeaders=");
        append_names(&t, &headers);
        append(&t, ",Signature=");
        append(&t, signature);
        if (t.failed)
                return -ENOMEM;
        *ret = STEAL_PTR(t.data);
        return 0;
}
