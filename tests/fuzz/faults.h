#pragma once
/*
 * The faults of a text in INI's form: each names a line that there is, in words, and no value
 */
#include <strings.h>

#include "fuzz/fuzz.h"

struct faults {
        const uint8_t *data; /* the text; NULL: it is not looked at */
        size_t size;
        unsigned count, errors;
};

/* What might be a secret: nothing else that is long has such characters. */
static inline bool faults_is_secret(const char *value, size_t length) {
        return length >= 16 && memchr(value, '$', length) && memchr(value, '%', length);
}

static inline void faults_check_value(const char *line, size_t length, const char *text) {
        const char *equals = memchr(line, '=', length);
        size_t n = equals ? length - (size_t) (equals + 1 - line) : 0;

        if (equals && faults_is_secret(equals + 1, n))
                REQUIRE(!memmem(text, strlen(text), equals + 1, n));
}

/* For a handler of faults. */
static inline void faults_take(struct faults *f, bool is_error, unsigned line, const char *text) {
        struct bytes b = {f->data, f->data ? f->size : 0};
        unsigned lines = 0;

        f->count++;
        f->errors += is_error;
        REQUIRE(text && *text && utf8_is_valid(text, strlen(text)) && !strchr(text, '\n'));
        while (b.left > 0) {
                size_t length;
                CLEANUP(freep) char *at = take_until(&b, '\n', &length);

                faults_check_value(at, length, text);
                lines++;
        }
        REQUIRE(!f->data || line <= lines);
}
