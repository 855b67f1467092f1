#pragma once
/*
 * Nearest name: what somebody may have meant. Pure
 */
#include <json-c/json.h>

/* How many letters are to be put in, taken out, changed or swapped with their neighbour. */
unsigned nearest_distance(const char *a, const char *b);

/*
 * The "name" among entries (an array of objects) that comes nearest to name, if it is near
 * enough; borrowed. NULL: none is.
 */
const char *nearest_name(const char *name, json_object *entries);
