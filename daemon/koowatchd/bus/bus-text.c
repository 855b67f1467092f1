#include "koowatchd/bus/bus-text.h"

#include <stdbool.h>

#include "common/util.h"

static bool is_noncharacter(const unsigned char *s, size_t length) {
        if (length == 3 && s[0] == 0xef)
                return (s[1] == 0xb7 && s[2] >= 0x90 && s[2] <= 0xaf) ||
                       (s[1] == 0xbf && s[2] >= 0xbe);
        return length == 4 && (s[1] & 0x0f) == 0x0f && s[2] == 0xbf && s[3] >= 0xbe;
}

/* The length of the character at s; 0: D-Bus takes none that begins so. */
static size_t character(const unsigned char *s, size_t left) {
        size_t n = *s > 0 && *s < 0x80 ? 1 : utf8_sequence(s, left);

        return n > 0 && !is_noncharacter(s, n) ? n : 0;
}

static size_t valid_prefix(const unsigned char *s, size_t length) {
        size_t i = 0;

        while (i < length) {
                size_t n = character(s + i, length - i);

                if (n == 0)
                        break;
                i += n;
        }
        return i;
}

const char *bus_text(const char *text, size_t length, char **ret_copy) {
        static const char replacement[] = "\xef\xbf\xbd"; /* never longer than what it replaces */
        const unsigned char *s = (const unsigned char *) text;
        size_t from = valid_prefix(s, length), to = from;
        char *copy;

        if (from == length)
                return text;
        copy = malloc(length + 1);
        if (!copy)
                return NULL;
        memcpy(copy, text, from);
        while (from < length) {
                size_t valid = valid_prefix(s + from, length - from), n;

                memcpy(copy + to, s + from, valid);
                from += valid;
                to += valid;
                if (from == length)
                        break;
                n = utf8_sequence(s + from, length - from);
                if (n > 1) {
                        memcpy(copy + to, replacement, sizeof(replacement) - 1);
                        to += sizeof(replacement) - 1;
                        from += n;
                } else {
                        copy[to++] = '?';
                        from++;
                }
        }
        copy[to] = '\0';
        *ret_copy = copy;
        return copy;
}
