#pragma once
/*
 * What the fuzz targets share: an input is turned into choices and texts, and what must hold
 * is required
 */
#include <stdint.h>

#include "common/util.h"

/* What libFuzzer calls, once an input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Once before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Ends the program, which libFuzzer takes for a finding. */
#define REQUIRE(condition)                                                                       \
        do {                                                                                     \
                if (!(condition)) {                                                              \
                        (void) fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
                                       #condition);                                              \
                        abort();                                                                 \
                }                                                                                \
        } while (0)

/* What is left of an input. */
struct bytes {
        const uint8_t *at;
        size_t left;
};

/* 0 where nothing is left. */
static inline uint8_t take_byte(struct bytes *b) {
        if (b->left == 0)
                return 0;
        b->left--;
        return *b->at++;
}

/* A number below n, which is at most 256. */
static inline unsigned take(struct bytes *b, unsigned n) {
        return take_byte(b) % n;
}

static inline int64_t take_int64(struct bytes *b) {
        uint64_t n = 0;

        for (int i = 0; i < 8; i++)
                n = n << 8 | take_byte(b);
        return (int64_t) n;
}

/* Up to the next separator, which is left out, or the end; the caller owns it. May hold NULs. */
static inline char *take_until(struct bytes *b, char separator, size_t *ret_length) {
        const uint8_t *end = b->left > 0 ? memchr(b->at, separator, b->left) : NULL;
        size_t n = end ? (size_t) (end - b->at) : b->left;
        char *text = calloc(1, n + 1);

        REQUIRE(text);
        if (n > 0)
                memcpy(text, b->at, n);
        b->at += n;
        b->left -= n;
        if (end)
                (void) take_byte(b);
        *ret_length = n;
        return text;
}

/* All that is left, as take_until(). */
static inline char *take_rest(struct bytes *b, size_t *ret_length) {
        char *text = calloc(1, b->left + 1);

        REQUIRE(text);
        if (b->left > 0)
                memcpy(text, b->at, b->left);
        *ret_length = b->left;
        b->left = 0;
        return text;
}
