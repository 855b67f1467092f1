#include "common/json-scan.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>

#include "common/util.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define DIGITS_OF_ANY 19           /* a number of fewer characters fits into 64 bits */

#define DEPTH_TOLD 2

/* One pass over the text. */
struct scan {
        const unsigned char *start, *at, *end;
        const struct json_rules *rules;
        char *out; /* where the plain text goes next, if it is wanted */
        bool repaired, escaped, stopped;
        uint64_t objects; /* a bit a level: it is an object, not an array */
        unsigned depth;
        size_t containers, values;
        size_t bytes;
        const unsigned char *name; /* of the value that comes next; NULL: it has none */
        size_t name_length;
        char *fault;
};

static bool fail(struct scan *s, const char *what) {
        if (!*s->fault)
                (void) snprintf(s->fault, JSON_FAULT_MAX, "%s at byte %zu", what,
                                (size_t) (s->at - s->start));
        return false;
}

static bool fail_early(struct scan *s) {
        (void) snprintf(s->fault, JSON_FAULT_MAX, "it ends unexpectedly after %zu bytes",
                        (size_t) (s->end - s->start));
        return false;
}

static void keep(struct scan *s, size_t n) {
        if (s->out)
                s->out = mempcpy(s->out, s->at, n);
        s->at += n;
}

/* text, which is no longer than JSON_GROWTH, in place of the next n bytes. */
static void replace(struct scan *s, size_t n, const char *text) {
        s->repaired = true;
        if (s->out)
                s->out = stpcpy(s->out, text);
        s->at += n;
}

static bool repair(struct scan *s, size_t n, const char *text, const char *what) {
        if (!s->rules->repair)
                return fail(s, what);
        replace(s, n, text);
        return true;
}

static bool hex_digits(const unsigned char *at, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isxdigit(at[i]))
                        return false;
        return true;
}

static bool scan_escape(struct scan *s, bool is_key) {
        size_t left = (size_t) (s->end - s->at);

        s->escaped = true;
        if (left < 2)
                return fail_early(s);
        if (s->at[1] == 'u' && left >= 6 && hex_digits(s->at + 2, 4)) {
                /* json-c's names are C strings: what follows a NUL would be another name's. */
                if (is_key && memcmp(s->at + 2, "0000", 4) == 0)
                        return repair(s, 6, REPLACEMENT, "a NUL in a name");
                keep(s, 6);
                return true;
        }
        if (s->at[1] != '\0' && strchr("\"\\/bfnrt", s->at[1])) {
                keep(s, 2);
                return true;
        }
        return repair(s, 1, "\\\\", "an unknown escape");
}

/* Most of a text: what stays as it is, a byte a character. */
static void skip_plain(struct scan *s) {
        static const bool is_plain[256] = {
                [' '] = true, ['!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true};
        const unsigned char *at = s->at;

        while (at < s->end && is_plain[*at])
                at++;
        keep(s, (size_t) (at - s->at));
}

static bool scan_string(struct scan *s, bool is_key) {
        const unsigned char *start = s->at + 1;

        keep(s, 1);
        for (skip_plain(s); s->at < s->end && *s->at != '"'; skip_plain(s)) {
                unsigned char c = *s->at;
                size_t n = utf8_sequence(s->at, (size_t) (s->end - s->at));
                char escaped[8];
                bool good = true;

                if (c == '\\') {
                        good = scan_escape(s, is_key);
                } else if (n == 0) {
                        good = repair(s, 1, REPLACEMENT, "a byte that is not UTF-8");
                } else if (c < ' ') {
                        (void) snprintf(escaped, sizeof(escaped), "\\u%04x", c);
                        good = repair(s, 1, escaped, "a control character in a string");
                } else {
                        keep(s, n);
                }
                if (!good)
                        return false;
        }
        if (s->at == s->end)
                return fail_early(s);
        s->bytes += (size_t) (s->at - start);
        keep(s, 1);
        return true;
}

static size_t digits(const char *text) {
        return strspn(text, "0123456789");
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(const char *text, bool *ret_integer) {
        size_t n;

        text += *text == '-';
        n = digits(text);
        if (n == 0 || (*text == '0' && n > 1))
                return false;
        text += n;
        *ret_integer = !*text;
        if (*text == '.') {
                n = digits(++text);
                if (n == 0)
                        return false;
                text += n;
        }
        if (*text == 'e' || *text == 'E') {
                text++;
                text += *text == '+' || *text == '-';
                n = digits(text);
                text += n;
                return n > 0 && !*text;
        }
        return !*text;
}

static bool is_in_range(const char *number, bool integer) {
        if (integer && strlen(number) < DIGITS_OF_ANY)
                return true;
        errno = 0;
        if (!integer)
                return isfinite(strtod(number, NULL));
        if (*number == '-')
                (void) strtoll(number, NULL, 10);
        else
                (void) strtoull(number, NULL, 10);
        return errno == 0;
}

static bool is_of_word(unsigned char c) {
        return isalnum(c) || c == '+' || c == '-' || c == '.' || c == '_';
}

/* true, false, null, a number, or whatever else consists of such characters. */
static bool scan_word(struct scan *s) {
        size_t n = 0, left = (size_t) (s->end - s->at);
        char word[400]; /* the longest finite number of any sense has 309 digits */
        bool integer;

        while (n < left && is_of_word(s->at[n]))
                n++;
        if (n == 0)
                return fail(s, "a value is missing");
        if (n == left)
                return fail_early(s);
        *(char *) mempcpy(word, s->at, MIN(n, sizeof(word) - 1)) = '\0';
        if (streq(word, "true") || streq(word, "false") || streq(word, "null")) {
                keep(s, n);
                return true;
        }
        if (!is_number(word, &integer))
                return repair(s, n, "null", "a value is missing");
        if (n < sizeof(word) && is_in_range(word, integer)) {
                keep(s, n);
                return true;
        }
        replace(s, n, "null");
        return true;
}

static bool is_blank(unsigned char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool skip_blanks(struct scan *s) {
        size_t n = 0, left = (size_t) (s->end - s->at);

        while (n < left && is_blank(s->at[n]))
                n++;
        if (n > 0)
                keep(s, n);
        return n < left || fail_early(s);
}

static bool open_container(struct scan *s) {
        if (s->depth == s->rules->depth)
                return fail(s, "nested too deeply");
        if (++s->containers > s->rules->containers)
                return fail(s, "too many objects and arrays");
        s->objects = s->objects << 1 | (*s->at == '{');
        s->depth++;
        keep(s, 1);
        return true;
}

static bool in_object(const struct scan *s) {
        return s->objects & 1;
}

static bool scan_name(struct scan *s) {
        if (*s->at != '"')
                return fail(s, "a name is missing");
        s->name = s->at + 1;
        if (!scan_string(s, true))
                return false;
        s->name_length = (size_t) (s->at - s->name) - 1;
        if (!skip_blanks(s))
                return false;
        if (*s->at != ':')
                return fail(s, "a colon is missing");
        keep(s, 1);
        return skip_blanks(s);
}

/* Closes what ends here. Returns whether another value follows in what is still open. */
static bool close_containers(struct scan *s) {
        while (s->depth > 0) {
                if (!skip_blanks(s))
                        return false;
                if (*s->at == ',') {
                        keep(s, 1);
                        return skip_blanks(s);
                }
                if (*s->at != (in_object(s) ? '}' : ']'))
                        return fail(s, in_object(s) ? "a comma or closing brace is missing"
                                                    : "a comma or closing bracket is missing");
                keep(s, 1);
                s->depth--;
                s->objects >>= 1;
        }
        return false;
}

static bool is_opening(const struct scan *s) {
        return *s->at == '{' || *s->at == '[';
}

/* A value, or the opening of one that has further ones in it. */
static bool scan_value(struct scan *s) {
        if (++s->values > s->rules->values)
                return fail(s, "too many values");
        if (is_opening(s))
                return open_container(s);
        return *s->at == '"' ? scan_string(s, false) : scan_word(s);
}

/* Returns whether to go on. The value has been read, or opened. */
static bool tell_member(struct scan *s, const struct json_scan *scan, const unsigned char *value) {
        const bool is_open = *value == '{' || *value == '[';
        const struct json_member member = {
                .depth = is_open ? s->depth - 1 : s->depth,
                .name = (const char *) s->name,
                .name_length = s->name_length,
                .value = (const char *) value,
                .value_length = (size_t) (s->at - value),
        };

        s->name = NULL; /* an array's values have none */
        s->stopped = member.name && member.depth <= DEPTH_TOLD && scan->on_member &&
                     !scan->on_member(scan->userdata, &member);
        return !s->stopped;
}

static bool scan_values(struct scan *s, const struct json_scan *scan) {
        for (;;) {
                const unsigned char *value = s->at;
                bool opened = is_opening(s);

                if (!scan_value(s) || !tell_member(s, scan, value))
                        return false;
                if (opened) {
                        if (!skip_blanks(s))
                                return false;
                        if (*s->at != (in_object(s) ? '}' : ']')) {
                                if (in_object(s) && !scan_name(s))
                                        return false;
                                continue;
                        }
                }
                if (!close_containers(s))
                        return !*s->fault;
                if (in_object(s) && !scan_name(s))
                        return false;
        }
}

static bool scan_document(struct scan *s, const struct json_scan *scan) {
        const unsigned char *end;

        if (s->at == s->end) {
                (void) snprintf(s->fault, JSON_FAULT_MAX, "it is empty");
                return false;
        }
        if (!skip_blanks(s))
                return false;
        if (!is_opening(s))
                return fail(s, "not an object");
        if (!scan_values(s, scan))
                return false;
        end = s->at;
        while (s->at < s->end && is_blank(*s->at))
                s->at++;
        if (s->at < s->end && !s->rules->repair)
                return fail(s, "text after the end");
        s->end = end; /* json-c would look at what follows, and wait for the end of a comment */
        return true;
}

int json_scan(struct json_scan *scan, char fault[JSON_FAULT_MAX]) {
        const unsigned char *start = (const unsigned char *) scan->text;
        struct scan s = {
                .start = start,
                .at = start,
                .end = start + scan->length,
                .rules = scan->rules,
                .out = scan->out,
                .fault = fault,
        };

        *fault = '\0';
        if (!scan_document(&s, scan))
                return s.stopped ? -ECANCELED : -EBADMSG;

        scan->plain_length = (size_t) (s.end - start);
        scan->out_length = scan->out ? (size_t) (s.out - scan->out) : 0;
        scan->repaired = s.repaired;
        scan->escaped = s.escaped;
        scan->values = s.values;
        scan->bytes = s.bytes;
        return 0;
}
