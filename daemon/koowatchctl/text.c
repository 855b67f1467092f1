#include "koowatchctl/text.h"

#include <wchar.h>

#include "common/util.h"

#define ELLIPSIS "…"

/* Moves *s behind a character and returns it; a byte that is none stands for itself. */
static wchar_t next_character(const char **s) {
        const unsigned char *u = (const unsigned char *) *s;
        size_t n = utf8_sequence(u, strnlen(*s, 4));
        wchar_t c;

        *s += MAX(n, (size_t) 1);
        if (n <= 1)
                return *u;
        c = *u & (0xff >> (n + 1));
        for (size_t i = 1; i < n; i++)
                c = (c << 6) | (u[i] & 0x3f);
        return c;
}

/* Line and paragraph separator, marks, embeddings, overrides and isolates of direction. */
static bool is_unsafe(wchar_t c) {
        return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069);
}

char *text_plain(const char *s) {
        char *copy = strdup(s ? s : ""), *to;

        if (!copy)
                return NULL;
        str_make_plain(copy);
        to = copy;
        for (const char *from = copy; *from;) {
                const char *start = from;

                if (is_unsafe(next_character(&from))) {
                        *to++ = '?';
                } else {
                        (void) memmove(to, start, (size_t) (from - start));
                        to += from - start;
                }
        }
        *to = '\0';
        return copy;
}

static unsigned width_of(wchar_t c) {
        int width = wcwidth(c);

        return width < 0 ? 1 : (unsigned) width;
}

unsigned text_width(const char *s) {
        unsigned width = 0;

        while (*s)
                width += width_of(next_character(&s));
        return width;
}

static void pad(FILE *out, unsigned n) {
        for (; n > 0; n--)
                (void) fputc(' ', out);
}

static void put_cut(FILE *out, const char *s, unsigned width) {
        const char *end = s;
        unsigned used = 0;

        if (width == 0)
                return;
        while (*end) {
                const char *next = end;
                unsigned w = width_of(next_character(&next));

                if (used + w > width - 1)
                        break;
                used += w;
                end = next;
        }
        (void) fwrite(s, 1, (size_t) (end - s), out);
        (void) fputs(ELLIPSIS, out);
        pad(out, width - 1 - used);
}

void text_put(FILE *out, const char *s, unsigned width, bool right) {
        unsigned own = text_width(s);

        if (own > width) {
                put_cut(out, s, width);
                return;
        }
        if (right)
                pad(out, width - own);
        (void) fputs(s, out);
        if (!right)
                pad(out, width - own);
}

void text_put_json(FILE *out, const char *json) {
        const char *harmless = json; /* from here on, not yet written */

        for (const char *s = json; *s;) {
                const char *start = s;
                wchar_t c = next_character(&s);

                if ((c < 0x7f || c >= 0xa0) && !is_unsafe(c))
                        continue;
                (void) fwrite(harmless, 1, (size_t) (start - harmless), out);
                (void) fprintf(out, "\\u%04x", (unsigned) c);
                harmless = s;
        }
        (void) fputs(harmless, out);
}

void text_put_line(FILE *out, const char *s, size_t length, unsigned width) {
        const char *end = s + length;
        unsigned used = 0;

        while (s < end) {
                const char *start = s;

                if (*s == '\033') {
                        s += strcspn(s, "m\n");
                        s += *s == 'm';
                } else {
                        used += width_of(next_character(&s));
                        if (used > width) /* nothing narrower behind it either */
                                continue;
                }
                (void) fwrite(start, 1, (size_t) (MIN(s, end) - start), out);
        }
        (void) fputc('\n', out);
}

void text_put_plain(FILE *out, const char *s) {
        CLEANUP(freep) char *plain = text_plain(s);

        (void) fputs(plain ? plain : "?", out);
}
