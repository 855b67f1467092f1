/* What a body is without its compression, whatever the header says of it. */
#include <errno.h>
#include <zlib.h>

#include "koowatchd/loop/content-coding.h"
#include "unit/support.h"

#define TEXT "{\"code\":0,\"jobInfo\":{\"taskStatus\":1,\"progress\":45}}"
#define MAX_DECODED 100000

enum { RAW = -MAX_WBITS, ZLIB = MAX_WBITS, GZIP = 16 + MAX_WBITS };

struct bytes {
        char data[4096];
        size_t length;
};

static struct bytes pack(int window, const void *data, size_t length) {
        struct bytes ret = {.length = 0};
        z_stream z = {
                .next_in = data,
                .avail_in = (unsigned) length,
                .next_out = (unsigned char *) ret.data,
                .avail_out = sizeof(ret.data),
        };

        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        ret.length = z.total_out;
        assert_int_equal(deflateEnd(&z), Z_OK);
        return ret;
}

static int decode(const char *codings, const struct bytes *body, char **ret, const char **ret_why) {
        /* Without anything behind it, so that a sanitizer sees any reading over the end. */
        CLEANUP(freep) char *exact = malloc(body->length ? body->length : 1);
        size_t length = 0;
        int r;

        assert_non_null(exact);
        memcpy(exact, body->data, body->length);
        *ret = NULL;
        r = content_decode(codings, exact, body->length, MAX_DECODED, ret, &length, ret_why);
        if (r > 0)
                assert_int_equal(strlen(*ret), length);
        else
                assert_null(*ret);
        assert_true(!*ret_why == (r >= 0));
        return r;
}

static void assert_decoded(const char *codings, const struct bytes *body, const char *expected) {
        CLEANUP(freep) char *text = NULL;
        const char *why;

        assert_int_equal(decode(codings, body, &text, &why), 1);
        assert_string_equal(text, expected);
}

static void assert_fault(const char *codings, const struct bytes *body, int error,
                         const char *words) {
        CLEANUP(freep) char *text = NULL;
        const char *why;

        assert_int_equal(decode(codings, body, &text, &why), error);
        if (words)
                assert_non_null(strstr(why, words));
}

static void test_gzip_under_any_name(void **state) {
        static const char *const names[] = {"gzip", "x-gzip", "GZip", "identity, gzip", "UTF-8",
                                            "br",   "",       NULL,   "deflate"};
        struct bytes body = pack(GZIP, TEXT, strlen(TEXT));

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_decoded(names[i], &body, TEXT);
}

static void test_deflate_with_and_without_zlibs_header(void **state) {
        struct bytes raw = pack(RAW, TEXT, strlen(TEXT)), zlib = pack(ZLIB, TEXT, strlen(TEXT));

        (void) state;
        assert_decoded("deflate", &raw, TEXT);
        assert_decoded("Deflate", &zlib, TEXT);
        assert_fault(NULL, &zlib, 0, NULL); /* its first bytes are no proof */
}

static void test_one_after_the_other(void **state) {
        struct bytes once = pack(GZIP, TEXT, strlen(TEXT)), zlib = pack(ZLIB, TEXT, strlen(TEXT));
        struct bytes twice = pack(GZIP, once.data, once.length);
        struct bytes both = pack(GZIP, zlib.data, zlib.length);

        (void) state;
        assert_decoded("gzip, gzip", &twice, TEXT);
        assert_decoded("deflate, gzip", &both, TEXT);
        for (int i = 0; i < 6; i++)
                once = pack(GZIP, once.data, once.length);
        assert_fault("gzip", &once, -EBADMSG, "compressed");
}

static void test_members_are_joined(void **state) {
        struct bytes a = pack(GZIP, TEXT, 10), b = pack(GZIP, &TEXT[10], strlen(TEXT) - 10);

        (void) state;
        memcpy(a.data + a.length, b.data, b.length);
        a.length += b.length;
        assert_decoded("gzip", &a, TEXT);
        a.data[a.length++] = '\n';
        assert_decoded("gzip", &a, TEXT);
}

static void test_what_is_plain_stays(void **state) {
        static const char *const names[] = {"gzip",  "deflate",  "br",   "zstd",
                                            "UTF-8", "identity", "none", NULL};
        static const struct bytes texts[] = {
                {TEXT, sizeof(TEXT) - 1},
                {"", 0},
                {"\n [1]", 5},
                {"<html>", 6},
                {"\xef\xbb\xbf{}", 5},
                {"\xef\xbb\xbf", 3},
                {"\xff\xfe{\0}", 6}, /* UTF-16 */
                {"\xfe\xff\0{\0}", 6},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                for (size_t k = 0; k < ARRAY_LEN(texts); k++)
                        assert_fault(names[i], &texts[k], 0, NULL);
}

static void test_what_was_not_asked_for_is_named(void **state) {
        static const struct bytes body = {"\x0b\x02\x80{}\x03", 6};

        (void) state;
        assert_fault("br", &body, -ENOTSUP, "br, which was not requested");
        assert_fault("gzip, BR", &body, -ENOTSUP, "br, which");
        assert_fault("zstd", &body, -ENOTSUP, "zstd");
        assert_fault("x-compress", &body, -ENOTSUP, "compress");
        assert_fault("brother", &body, 0, NULL);
}

static void test_what_is_broken(void **state) {
        struct bytes whole = pack(GZIP, TEXT, strlen(TEXT)), changed = whole;

        (void) state;
        for (size_t length = 3; length < whole.length; length++) {
                struct bytes cut = whole;

                cut.length = length;
                assert_fault("gzip", &cut, -EBADMSG, "corrupt");
        }
        changed.data[changed.length - 6] ^= 1; /* of the checksum */
        assert_fault("gzip", &changed, -EBADMSG, "corrupt");
        assert_fault("deflate", &(struct bytes){"\x78\x9c\xff", 3}, -EBADMSG, "corrupt");
        assert_fault("deflate", &(struct bytes){"\xff\xff\xff", 3}, -EBADMSG, "corrupt");
}

static void test_the_limit_is_one_of_what_comes_out(void **state) {
        static char zeros[MAX_DECODED + 1];
        struct bytes fits, over;
        CLEANUP(freep) char *text = NULL;
        const char *why;
        size_t length;

        (void) state;
        fits = pack(GZIP, zeros, MAX_DECODED);
        over = pack(GZIP, zeros, MAX_DECODED + 1);
        assert_int_equal(
                content_decode("gzip", fits.data, fits.length, MAX_DECODED, &text, &length, &why),
                1);
        assert_int_equal(length, MAX_DECODED);
        assert_fault("gzip", &over, -EFBIG, "too long");
}

/* Wherever the limit lies to what is allocated at a time. */
static void test_every_limit(void **state) {
        static char zeros[2 * 8192];

        (void) state;
        for (size_t max = 1; max < 2 * 8192; max += max < 4090 || max > 4100 ? 1021 : 1)
                for (size_t more = 0; more < 2; more++) {
                        struct bytes body = pack(GZIP, zeros, max + more);
                        CLEANUP(freep) char *text = NULL;
                        const char *why;
                        size_t length = 0;

                        assert_int_equal(content_decode("gzip", body.data, body.length, max, &text,
                                                        &length, &why),
                                         more > 0 ? -EFBIG : 1);
                        assert_int_equal(length, more > 0 ? 0 : max);
                }
        for (size_t max = 8190; max < 8194; max++) {
                struct bytes body = pack(GZIP, zeros, max);
                CLEANUP(freep) char *text = NULL;
                const char *why;
                size_t length = 0;

                assert_int_equal(
                        content_decode("gzip", body.data, body.length, max, &text, &length, &why),
                        1);
                assert_int_equal(length, max);
        }
}

/* Without a checksum only the end shows that it was one: nothing may follow it. */
static void test_deflate_with_something_behind(void **state) {
        struct bytes raw = pack(RAW, TEXT, strlen(TEXT)), zlib = pack(ZLIB, TEXT, strlen(TEXT));

        (void) state;
        raw.data[raw.length++] = '\x01';
        assert_fault("deflate", &raw, -EBADMSG, "corrupt");
        zlib.data[zlib.length++] = '\x01';
        assert_decoded("deflate", &zlib, TEXT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_gzip_under_any_name),
                cmocka_unit_test(test_deflate_with_and_without_zlibs_header),
                cmocka_unit_test(test_one_after_the_other),
                cmocka_unit_test(test_members_are_joined),
                cmocka_unit_test(test_what_is_plain_stays),
                cmocka_unit_test(test_what_was_not_asked_for_is_named),
                cmocka_unit_test(test_what_is_broken),
                cmocka_unit_test(test_the_limit_is_one_of_what_comes_out),
                cmocka_unit_test(test_every_limit),
                cmocka_unit_test(test_deflate_with_something_behind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
