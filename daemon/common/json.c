#include "common/json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>

#include "common/json-parse.h"
#include "common/utf16.h"
#include "common/util.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define GROWTH 6                   /* a control becomes \u0001 */
#define DIGITS_OF_ANY 19           /* a number of fewer characters fits into 64 bits */

/* One pass over the text. Without out it only tells whether there is anything to repair. */
struct scan {
        const unsigned char *start, *at, *end;
        const struct json_rules *rules;
        char *out; /* where the plain text goes, if it is wanted */
        bool repaired, escaped;
        uint64_t objects; /* a bit a level: it is an object, not an array */
        unsigned depth;
        size_t containers, values;
        size_t bytes; /* of names and texts, where nothing is escaped */
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

/* text, which is no longer than GROWTH, in place of the next n bytes. */
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
        const unsigned char *at = s->at;

        while (at < s->end && *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
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
        return s->at < s->end || fail_early(s);
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
        if (!scan_string(s, true) || !skip_blanks(s))
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

static bool scan_values(struct scan *s) {
        for (;;) {
                bool opened = is_opening(s);

                if (!scan_value(s))
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

static bool scan_document(struct scan *s) {
        const unsigned char *end;

        if (s->at == s->end) {
                (void) snprintf(s->fault, JSON_FAULT_MAX, "it is empty");
                return false;
        }
        if (!skip_blanks(s))
                return false;
        if (!is_opening(s))
                return fail(s, "not an object");
        if (!scan_values(s))
                return false;
        end = s->at;
        while (s->at < s->end && is_blank(*s->at))
                s->at++;
        if (s->at < s->end && !s->rules->repair)
                return fail(s, "text after the end");
        s->end = end; /* json-c would look at what follows, and wait for the end of a comment */
        return true;
}

static int scan_all(struct scan *s, char *out) {
        *s = (struct scan){
                .start = s->start,
                .at = s->start,
                .end = s->end,
                .rules = s->rules,
                .fault = s->fault,
                .out = out,
        };
        *s->fault = '\0';
        return scan_document(s) ? 0 : -EBADMSG;
}

static int parse(const struct scan *s, const char *text, size_t length, json_tokener *tokener,
                 json_object **ret) {
        const struct json_counts counts = {
                .values = s->values,
                .bytes = s->bytes,
                .is_exact = !s->escaped && !s->repaired,
        };

        const char *fault;
        int r = json_parse(text, length, &counts, tokener, ret, &fault);

        if (r == -EBADMSG)
                (void) snprintf(s->fault, JSON_FAULT_MAX, "%s", fault);
        return r;
}

static int read_repaired(struct scan *s, json_tokener *tokener, json_object **ret) {
        size_t size = GROWTH * (size_t) (s->end - s->start) + 1;
        CLEANUP(freep) char *text = malloc(size);

        if (!text)
                return -ENOMEM;
        (void) scan_all(s, text);
        return parse(s, text, (size_t) (s->out - text), tokener, ret);
}

/* Takes marks of the encoding off; *ret_owned is what the text was recoded to, if it was. */
static int decode(struct scan *s, char **ret_owned) {
        size_t length = (size_t) (s->end - s->start);
        const unsigned char *t = s->start;
        bool big, little;

        if (!s->rules->repair || length < 2)
                return 0;
        if (length >= 3 && memcmp(t, "\xef\xbb\xbf", 3) == 0) {
                s->start += 3;
                return 0;
        }
        big = (t[0] == 0xfe && t[1] == 0xff) || (t[0] == 0 && t[1] != 0);
        little = (t[0] == 0xff && t[1] == 0xfe) || (t[0] != 0 && t[1] == 0);
        if (!big && !little)
                return 0;
        if (t[0] >= 0xfe) {
                t += 2;
                length -= 2;
        }
        *ret_owned = utf16_to_utf8(t, length, big, &length);
        if (!*ret_owned)
                return -ENOMEM;
        s->start = (const unsigned char *) *ret_owned;
        s->end = s->start + length;
        return 0;
}

static void tokener_freep(json_tokener **tokener) {
        if (*tokener)
                json_tokener_free(*tokener);
}

int json_read(const char *text, size_t length, const struct json_rules *rules,
              json_tokener *tokener, json_object **ret, char fault[JSON_FAULT_MAX]) {
        CLEANUP(tokener_freep) json_tokener *own = NULL;
        CLEANUP(freep) char *recoded = NULL;
        struct scan s = {
                .start = (const unsigned char *) text,
                .end = (const unsigned char *) text + length,
                .rules = rules,
                .fault = fault,
        };
        int r;

        if (!tokener) {
                own = json_tokener_new_ex((int) rules->depth + 1);
                if (!own)
                        return -ENOMEM;
                tokener = own;
        }
        r = decode(&s, &recoded);
        if (r < 0)
                return r;
        r = scan_all(&s, NULL);
        if (r < 0)
                return r;
        if (s.repaired)
                return read_repaired(&s, tokener, ret);
        return parse(&s, (const char *) s.start, (size_t) (s.end - s.start), tokener, ret);
}

const char *json_text(json_object *object, int flags) {
        const char *text;

        errno = 0;
        text = json_object_to_json_string_ext(object, flags);
        return errno == ENOMEM ? NULL : text;
}

bool json_is_text(json_object *value) {
        return json_object_is_type(value, json_type_string) &&
               strlen(json_object_get_string(value)) == (size_t) json_object_get_string_len(value);
}

bool json_is_text_array(json_object *value) {
        if (!json_object_is_type(value, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(value); i++)
                if (!json_is_text(json_object_array_get_idx(value, i)))
                        return false;
        return true;
}

const char *json_get_string(json_object *object, const char *key) {
        json_object *value = json_object_object_get(object, key);

        return json_is_text(value) ? json_object_get_string(value) : NULL;
}

int json_get_int(json_object *object, const char *key, int otherwise) {
        json_object *value = json_object_object_get(object, key);

        return json_object_is_type(value, json_type_int) ? json_object_get_int(value) : otherwise;
}

bool json_get_bool(json_object *object, const char *key) {
        return json_object_get_boolean(json_object_object_get(object, key));
}

json_object *json_get_object(json_object *object, const char *key) {
        json_object *value = json_object_object_get(object, key);

        return json_object_is_type(value, json_type_object) ? value : NULL;
}

bool json_array_has(json_object *array, const char *text) {
        for (size_t i = 0; array && i < json_object_array_length(array); i++) {
                const char *entry = json_object_get_string(json_object_array_get_idx(array, i));

                if (entry && streq(entry, text))
                        return true;
        }
        return false;
}
