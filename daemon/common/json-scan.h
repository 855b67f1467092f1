#pragma once
/*
 * JSON scan: one pass over a text by our own rules, which builds nothing
 *
 * Says whether the text is JSON, writes out what is meant where it is not quite, and tells of its
 * members on the way. Pure, and nothing recurses.
 */
#include <stdbool.h>
#include <stddef.h>

#define JSON_FAULT_MAX 96

struct json_rules {
        unsigned depth;    /* of nested objects and arrays, 64 at most */
        size_t containers; /* an empty object takes two bytes of text and a kilobyte of memory */
        size_t values;
        /*
         * Read what is meant, where that is clear: UTF-16 and byte order marks; bytes that are no
         * UTF-8, which become U+FFFD; controls in strings and a backslash that escapes nothing,
         * which become characters; a word or a number that JSON has not, or a number that is out
         * of range, which become null: a value that is not known. What follows the end is left
         * out. Without it each of these is a fault, but for a number out of range.
         */
        bool repair;
};

#define JSON_GROWTH 6 /* a control becomes \u0001 */

/* A member of the outermost object (depth 1), or of an object that is a member of it (depth 2). */
struct json_member {
        unsigned depth;
        const char *name; /* as it is written, without the quotes */
        size_t name_length;
        const char *value; /* as it is written; of an object or array only what opens it */
        size_t value_length;
};

struct json_scan {
        const char *text; /* UTF-8 */
        size_t length;
        const struct json_rules *rules;
        char *out; /* NULL, or where plain JSON goes: room for JSON_GROWTH times the length */
        /* NULL, or called for each member, in the order of the text; false: look no further. */
        bool (*on_member)(void *userdata, const struct json_member *member);
        void *userdata;

        /* What comes of it. */
        size_t plain_length;    /* of the document: blanks before it included, none behind it */
        size_t out_length;      /* of what was written to out */
        bool repaired, escaped; /* something had to be; there are escapes in names or texts */
        size_t values;          /* objects and arrays included */
        size_t bytes;           /* of names and texts, where nothing is escaped or repaired */
};

/*
 * Returns 0, -EBADMSG with the fault in words, or -ECANCELED: on_member did not want to go on.
 */
int json_scan(struct json_scan *scan, char fault[JSON_FAULT_MAX]);
