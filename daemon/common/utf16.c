#include "common/utf16.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static char *put_utf8(uint32_t c, char *out) {
        if (c < 0x80) {
                *out++ = (char) c;
                return out;
        }
        if (c < 0x800) {
                *out++ = (char) (0xc0 | c >> 6);
        } else {
                if (c < 0x10000) {
                        *out++ = (char) (0xe0 | c >> 12);
                } else {
                        *out++ = (char) (0xf0 | c >> 18);
                        *out++ = (char) (0x80 | (c >> 12 & 0x3f));
                }
                *out++ = (char) (0x80 | (c >> 6 & 0x3f));
        }
        *out++ = (char) (0x80 | (c & 0x3f));
        return out;
}

static bool is_surrogate(uint32_t unit, uint32_t first) {
        return (unit & 0xfc00) == first;
}

char *utf16_to_utf8(const unsigned char *at, size_t length, bool big, size_t *ret_length) {
        char *text = malloc(length / 2 * 3 + 1), *out = text;
        uint32_t high = 0;

        if (!text)
                return NULL;
        for (size_t i = 0; i + 1 < length; i += 2) {
                uint32_t unit = (uint32_t) at[i + !big] << 8 | at[i + big];

                if (high && is_surrogate(unit, 0xdc00)) {
                        out = put_utf8(0x10000 + ((high & 0x3ff) << 10 | (unit & 0x3ff)), out);
                        high = 0;
                        continue;
                }
                if (high)
                        out = stpcpy(out, REPLACEMENT);
                high = is_surrogate(unit, 0xd800) ? unit : 0;
                if (is_surrogate(unit, 0xdc00))
                        out = stpcpy(out, REPLACEMENT);
                else if (!high)
                        out = put_utf8(unit, out);
        }
        *ret_length = (size_t) (out - text);
        return text;
}
