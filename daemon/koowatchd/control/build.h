#pragma once
/*
 * Build: JSON for an answer, a value at a time
 *
 * Each returns false when memory is short; what it was given is taken over in any case. What is
 * NULL, empty or not known is left out, and true is returned.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/json.h"
#include "common/timespan.h"
#include "common/util.h"

/* value NULL: memory was short when it was made. */
bool build_append(json_object *array, json_object *value);
bool build_add(json_object *object, const char *key, json_object *value);

bool build_add_string(json_object *object, const char *key, const char *value);
bool build_add_integer(json_object *object, const char *key, int64_t value);
/* -1: not known. */
bool build_add_known(json_object *object, const char *key, int value);
/* wall: wall clock; not known from USEC_INFINITY on, and up to 0. */
bool build_add_time(json_object *object, const char *key, usec_t wall);
/* Of a time on clock_boot(). */
bool build_add_boot_time(json_object *object, const char *key, usec_t boot);
/* Array of the words of a text with one blank between. */
bool build_add_words(json_object *object, const char *key, const char *words);

/* The members of from that have one of the names, NULL-terminated, are shared. */
bool build_share(json_object *object, json_object *from, const char *const *names);

/* The array of out arguments of a method with one or two; NULL when memory is short, or was. */
json_object *build_reply(json_object *first, json_object *second);
json_object *build_reply_of(json_object *only);
