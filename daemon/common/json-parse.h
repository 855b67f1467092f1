#pragma once
/*
 * JSON parse: json-c's parser, with nothing missing when memory is short
 *
 * For json.c, where the text has been scanned before.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* What the text has. */
struct json_counts {
        size_t values; /* objects and arrays included */
        size_t bytes;  /* of all names and texts */
        bool is_exact; /* bytes is: nothing is escaped in them */
};

/*
 * tokener is reset and used. Returns 0, -EBADMSG with what is wrong in *ret_fault (static),
 * or -ENOMEM.
 */
int json_parse(const char *text, size_t length, const struct json_counts *counts,
               json_tokener *tokener, json_object **ret, const char **ret_fault);
