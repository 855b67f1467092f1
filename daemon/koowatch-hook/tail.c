#include "koowatch-hook/tail.h"

#include "common/util.h"

void tail_add(struct tail *t, const char *data, size_t length) {
        size_t n = MIN(length, TAIL_MAX), kept = t->length;

        if (t->length + n > sizeof(t->text)) {
                kept = TAIL_MAX;
                memmove(t->text, t->text + t->length - kept, kept);
                t->is_cut = true;
        }
        if (n < length) {
                kept = 0;
                t->is_cut = true;
        }
        memcpy(t->text + kept, data + length - n, n);
        t->length = kept + n;
}

/* Where a line begins, at start or behind it; start where that is in the last one. */
static size_t line_start(const struct tail *t, size_t start, size_t end) {
        const char *newline;

        if (start > 0 && t->text[start - 1] == '\n')
                return start;
        newline = memchr(t->text + start, '\n', end - start);
        if (newline)
                return (size_t) (newline + 1 - t->text);
        while (start < end && ((unsigned char) t->text[start] & 0xc0) == 0x80)
                start++;
        return start;
}

void tail_write(const struct tail *t, char ret[TAIL_MAX + 1]) {
        size_t end = t->length, start, n = 0;

        while (end > 0 && t->text[end - 1] == '\n')
                end--;
        start = end > TAIL_MAX ? end - TAIL_MAX : 0;
        if (start > 0 || t->is_cut)
                start = line_start(t, start, end);
        while (start < end) {
                size_t size = utf8_sequence((const unsigned char *) t->text + start, end - start);

                if (size == 0)
                        ret[n++] = '?';
                for (size_t i = 0; i < size; i++)
                        ret[n++] = t->text[start + i];
                start += MAX(size, (size_t) 1);
        }
        ret[n] = '\0';
}
