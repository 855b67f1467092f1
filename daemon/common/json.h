#pragma once
/*
 * JSON: read by our own rules, whatever json-c's are
 *
 * What json-c's tokener takes differs from version to version: with JSON_TOKENER_STRICT 0.18
 * refuses every string that is not ASCII, 0.17 and later an integer that is out of range, and
 * without it all take comments, NaN and 007. So the tokener only gets text that has been
 * checked here and is plain RFC 8259 in UTF-8.
 *
 * Pure. Nothing here recurses, whatever the input.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/json-owned.h"
#include "common/json-scan.h"

/*
 * Reads an object or an array; other values are a fault. tokener has no flags set, a depth of
 * rules->depth at least, and is reused from call to call; NULL: one is made for this call. The
 * caller owns *ret. Returns 0, -ENOMEM, or -EBADMSG with the fault in words: "it ends too early".
 */
int json_read(const char *text, size_t length, const struct json_rules *rules,
              json_tokener *tokener, json_object **ret, char fault[JSON_FAULT_MAX]);

/*
 * The text, borrowed from the object until the next time; flags: json-c's JSON_C_TO_STRING_*.
 * NULL when memory is short: where it is that for a moment, json-c leaves out a part and goes on.
 */
const char *json_text(json_object *object, int flags);

/* A member by its name; object may be NULL, and of any type. */

/*
 * The string, borrowed from the object. NULL: there is none, it is not a string, or a NUL
 * byte inside would cut it.
 */
const char *json_get_string(json_object *object, const char *key);
/* The integer, cut to what an int holds; otherwise: there is none, or it is not an integer. */
int json_get_int(json_object *object, const char *key, int otherwise);
/* Whether there is one and json-c takes it for true. */
bool json_get_bool(json_object *object, const char *key);
/* The object, borrowed; NULL: there is none, or it is not an object. */
json_object *json_get_object(json_object *object, const char *key);

/* Whether a value is a string without a NUL byte inside. */
bool json_is_text(json_object *value);

/* Whether it is an array of such strings. */
bool json_is_text_array(json_object *value);

/* Whether text is among the strings of an array; NULL has none. */
bool json_array_has(json_object *array, const char *text);
