#pragma once
/*
 * Fields of an answer: read by what they say, not by the type that is documented
 *
 * Pure. KooDrive's pages contradict each other and the service about which fields are numbers
 * and which are strings.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * An integer, however it is written: 2, "2", 2.0. Returns false where there is none, or one
 * beyond what a long holds.
 */
bool field_integer(json_object *object, const char *key, int64_t *ret);

/* 45, 45.5, "45", "45 %", "45,5": whole percents, never more than are done. False: none. */
bool field_percent(json_object *object, const char *key, int64_t *ret);

/*
 * Whether there is an id, and it is not the expected one. It may be a string or a number, and
 * is compared as text, never as a double.
 */
bool field_is_other_id(json_object *object, const char *key, const char *expected);
