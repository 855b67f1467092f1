#include "koowatchd/loop/content-coding.h"

#include <errno.h>
#include <stdbool.h>
#include <strings.h>
#include <zlib.h>

#include "common/util.h"

#define LAYERS_MAX 4 /* proxies that each compress what another has compressed */
#define WINDOW_GZIP (16 + MAX_WBITS)
#define WINDOW_ZLIB MAX_WBITS
#define WINDOW_RAW (-MAX_WBITS)

static bool is_gzip(const unsigned char *s, size_t length) {
        return s && length >= 3 && s[0] == 0x1f && s[1] == 0x8b && s[2] == Z_DEFLATED;
}

static bool is_zlib(const unsigned char *s, size_t length) {
        return s && length >= 2 && (s[0] & 0x0f) == Z_DEFLATED && (s[0] << 8 | s[1]) % 31 == 0;
}

/* Text in any encoding that a document of JSON, HTML or XML begins with; nothing counts too. */
static bool is_plain(const unsigned char *s, size_t length) {
        size_t bom = length >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0                ? 3
                     : length >= 2 && (s[0] == 0xff || s[0] == 0xfe) && s[0] != s[1] ? 2
                                                                                     : 0;

        while (bom < length && strchr("\t\n\r ", s[bom])) /* a NUL of UTF-16 included */
                bom++;
        return bom >= length || strchr("{[<\"", s[bom]);
}

/* Whether a comma-separated list has the name, in any case. */
static bool has_name(const char *list, const char *name) {
        size_t length = strlen(name);

        for (const char *at = list ? list : ""; *at; at += strcspn(at, ", \t")) {
                at += strspn(at, ", \t");
                if (strncasecmp(at, name, length) == 0 && strcspn(at, ", \t;") == length)
                        return true;
        }
        return false;
}

struct output {
        char *data;
        size_t size, max;
};

static int output_grow(struct output *o, z_stream *z) {
        size_t used = z->total_out, size = MIN(MAX(2 * o->size, (size_t) 4096), o->max + 1);
        char *data;

        if (used > o->max)
                return -EFBIG;
        data = realloc(o->data, size + 1);
        if (!data)
                return -ENOMEM;
        o->data = data;
        o->size = size;
        z->next_out = (unsigned char *) data + used;
        z->avail_out = (unsigned) (size - used);
        return 0;
}

/* One stream, and the members that follow it where it is gzip; what else follows is no content. */
static int run(z_stream *z, struct output *o) {
        int r;

        for (;;) {
                if (z->avail_out == 0 && (r = output_grow(o, z)) < 0)
                        return r;
                r = inflate(z, Z_NO_FLUSH);
                if (r == Z_STREAM_END) {
                        uLong total = z->total_out;

                        if (!is_gzip(z->next_in, z->avail_in))
                                return total > o->max ? -EFBIG : 0;
                        (void) inflateReset(z);
                        z->total_out = total;
                } else if (r == Z_MEM_ERROR) {
                        return -ENOMEM;
                } else if (r != Z_OK || (z->avail_in == 0 && z->avail_out > 0)) {
                        return -EBADMSG;
                }
        }
}

static int unpack(int window, const unsigned char *body, size_t length, struct output *o) {
        z_stream z = {.next_in = body, .avail_in = (unsigned) length};
        int r;

        if (inflateInit2(&z, window) != Z_OK)
                return -ENOMEM;
        r = run(&z, o);
        if (r == 0 && window == WINDOW_RAW && z.avail_in > 0)
                r = -EBADMSG; /* without a checksum, only its end shows that it was one */
        if (r == 0 && o->data)
                o->data[o->size = z.total_out] = '\0';
        (void) inflateEnd(&z);
        return r;
}

/* Takes one layer off. Returns 1, 0 when there is none, or what content_decode() does. */
static int unpack_layer(const char *codings, const unsigned char *body, size_t length,
                        struct output *o) {
        int r;

        if (is_gzip(body, length)) {
                r = unpack(WINDOW_GZIP, body, length, o);
        } else if (has_name(codings, "deflate") && length > 0) {
                /* What the name stands for was misread by many: with zlib's header, or without. */
                r = unpack(is_zlib(body, length) ? WINDOW_ZLIB : WINDOW_RAW, body, length, o);
                if (r == -EBADMSG && is_plain(body, length))
                        return 0;
        } else {
                return 0;
        }
        return r < 0 ? r : 1;
}

static const char *unknown_coding(const char *codings) {
        static const struct {
                const char *name, *why;
        } known[] = {
                {"br", "the answer is encoded with br, which was not requested"},
                {"zstd", "the answer is encoded with zstd, which was not requested"},
                {"compress", "the answer is encoded with compress, which was not requested"},
                {"x-compress", "the answer is encoded with compress, which was not requested"},
        };

        for (size_t i = 0; i < ARRAY_LEN(known); i++)
                if (has_name(codings, known[i].name))
                        return known[i].why;
        return NULL;
}

int content_decode(const char *codings, const char *body, size_t length, size_t max, char **ret,
                   size_t *ret_length, const char **ret_why) {
        CLEANUP(freep) char *layer = NULL;
        const char *unknown = codings ? unknown_coding(codings) : NULL;
        int r = 0;

        *ret_why = NULL;
        for (unsigned layers = 0; layers <= LAYERS_MAX; layers++) {
                struct output o = {.max = max};

                r = unpack_layer(codings, (const unsigned char *) body, length, &o);
                if (r <= 0) {
                        free(o.data);
                        break;
                }
                free(layer);
                body = layer = o.data;
                length = o.size;
        }
        if (r == 0 && unknown && !is_plain((const unsigned char *) body, length)) {
                *ret_why = unknown;
                return -ENOTSUP;
        }
        if (r > 0)
                r = -EBADMSG; /* packed again and again */
        if (r < 0) {
                *ret_why = r == -EFBIG ? "the answer is too long after decompression"
                                       : "the compressed answer is corrupt";
                return r;
        }
        *ret_length = length;
        *ret = STEAL_PTR(layer);
        return *ret ? 1 : 0;
}
