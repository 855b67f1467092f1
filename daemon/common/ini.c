/*
 * INI reader
 *
 * Physical lines are checked byte for byte and joined into one logical line in a
 * buffer that holds the longest there can be; only then is that taken apart in place. A
 * logical line in which anything is wrong is reported once and skipped as a
 * whole, and the keys behind a broken section line are skipped with it: they
 * would otherwise land in the section before.
 *
 * The buffer may hold a secret and is blanked at the end.
 */
#include "common/ini.h"

#include <errno.h>

#include "common/util.h"

#define BLANKS " \t"
#define COMMENTS "#;"
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

struct reader {
        const struct ini_handler *handler;
        const char *next, *end; /* borrowed: what has not been read yet */
        unsigned line;          /* the physical line read last, from 1 */

        char *joined; /* the logical line so far; size bytes and a NUL */
        size_t length, size;
        unsigned start; /* where it began */
        bool bad;       /* reported already */

        char *section;
        bool skip_section;
};

struct span {
        const char *data;
        size_t length;
};

static void reader_clear(struct reader *reader) {
        if (reader->joined)
                explicit_bzero(reader->joined, reader->size + 1);
        free(reader->joined);
        free(reader->section);
}

/* Reports the logical line, unless that has been done. */
static void complain(struct reader *reader, unsigned line, const char *text) {
        if (!reader->bad)
                reader->handler->on_error(reader->handler->userdata, line, text);
        reader->bad = true;
}

/* The next physical line without its terminator; false at the end. */
static bool next_line(struct reader *reader, struct span *ret) {
        size_t left = (size_t) (reader->end - reader->next);
        const char *newline;

        if (left == 0)
                return false;

        newline = memchr(reader->next, '\n', left);
        ret->data = reader->next;
        ret->length = newline ? (size_t) (newline - reader->next) : left;
        reader->next += ret->length + (newline ? 1 : 0);
        reader->line++;

        if (ret->length > 0 && ret->data[ret->length - 1] == '\r')
                ret->length--;

        return true;
}

static const char *what_is_wrong(const struct span *line) {
        if (line->length > INI_LINE_MAX)
                return "the line is longer than 64 KiB";
        if (memchr(line->data, '\0', line->length))
                return "the line contains a NUL byte";
        if (!utf8_is_valid(line->data, line->length))
                return "the line is not UTF-8 text";

        return NULL;
}

/* As a backslash may be escaped by another one, only an odd number of them continues the line. */
static bool ends_in_backslash(const struct span *line) {
        size_t n = 0;

        while (n < line->length && line->data[line->length - 1 - n] == '\\')
                n++;

        return n % 2 == 1;
}

static void cut_leading_blanks(struct span *line) {
        while (line->length > 0 && strchr(BLANKS, line->data[0])) {
                line->data++;
                line->length--;
        }
}

/* Adds a physical line; a backslash at its end becomes the blank before the next one. */
static void join(struct reader *reader, const struct span *line, bool continues) {
        if (reader->bad)
                return;

        if (line->length > INI_LINE_MAX - reader->length) {
                complain(reader, reader->start, "the continued line is longer than 64 KiB");
                return;
        }

        memcpy(reader->joined + reader->length, line->data, line->length);
        reader->length += line->length;
        if (continues)
                reader->joined[reader->length - 1] = ' ';
}

/*
 * Reads physical lines until a logical one is complete; false at the end. With
 * reader->bad set it is one to skip. It may be empty.
 */
static bool next_logical_line(struct reader *reader) {
        struct span line;
        bool begun = false, continues = true, comment;

        reader->length = 0;
        reader->bad = false;

        while (continues && next_line(reader, &line)) {
                const char *wrong = what_is_wrong(&line);

                if (wrong)
                        complain(reader, reader->line, wrong);

                cut_leading_blanks(&line);
                comment = line.length > 0 && strchr(COMMENTS, line.data[0]);
                if (comment && (begun || !wrong))
                        continue;

                if (!begun)
                        reader->start = reader->line;
                begun = true;
                continues = !comment && ends_in_backslash(&line);
                join(reader, &line, continues);
        }

        reader->joined[reader->length] = '\0';
        return begun;
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *s) {
        size_t n;

        s += strspn(s, BLANKS);
        n = strlen(s);
        while (n > 0 && strchr(BLANKS, s[n - 1]))
                n--;
        s[n] = '\0';

        return s;
}

static int begin_section(struct reader *reader, char *text) {
        const struct ini_handler *handler = reader->handler;
        size_t n = strlen(text);
        char *name;
        int r;

        reader->skip_section = true;
        if (text[n - 1] != ']') {
                complain(reader, reader->start, "the section line does not end in ]");
                return 0;
        }

        text[n - 1] = '\0';
        name = trim(text + 1);
        if (!*name) {
                complain(reader, reader->start, "the section has no name, expected [Name]");
                return 0;
        }

        r = str_replace(&reader->section, name);
        if (r < 0)
                return r;

        reader->skip_section = false;
        return handler->on_section ? handler->on_section(handler->userdata, reader->start, name)
                                   : 0;
}

static int take_assignment(struct reader *reader, char *text) {
        const struct ini_handler *handler = reader->handler;
        char *equals = strchr(text, '=');
        char *key, *value;

        if (!equals) {
                complain(reader, reader->start, "expected Key=Value, [Section] or a comment");
                return 0;
        }

        *equals = '\0';
        key = trim(text);
        value = trim(equals + 1);
        if (!*key) {
                complain(reader, reader->start, "a key is missing before the =");
                return 0;
        }

        if (reader->skip_section)
                return 0;

        return handler->on_key(handler->userdata, reader->start,
                               reader->section ? reader->section : "", key, value);
}

static int take_line(struct reader *reader) {
        char *text = trim(reader->joined);

        if (reader->bad || !*text)
                return 0;

        return text[0] == '[' ? begin_section(reader, text) : take_assignment(reader, text);
}

int ini_parse(const char *text, size_t length, const struct ini_handler *handler) {
        CLEANUP(reader_clear) struct reader reader = {.handler = handler};
        size_t n = strlen(BYTE_ORDER_MARK);
        int r = 0;

        reader.size = MIN(length, INI_LINE_MAX);
        reader.joined = malloc(reader.size + 1);
        if (!reader.joined)
                return -ENOMEM;

        if (length >= n && memcmp(text, BYTE_ORDER_MARK, n) == 0) {
                text += n;
                length -= n;
        }
        reader.next = text;
        reader.end = text + length;

        while (r == 0 && next_logical_line(&reader))
                r = take_line(&reader);

        return r;
}
