#pragma once
/*
 * The screens of `nodes` and `store status`. Pure
 */
#include <json-c/json.h>

#include "koowatchctl/look.h"

/* The answer of Nodes, as a table. */
void nodes_screen_print(FILE *out, const struct look *look, json_object *nodes);

/* The property Store; NULL: there is none. */
void store_screen_print(FILE *out, const struct look *look, json_object *store);
