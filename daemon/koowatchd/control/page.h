#pragma once
/*
 * Page: the arguments filter, cursor and limit of List and History
 */
#include <json-c/json_types.h>
#include <stddef.h>

/* Borrowed; "" for the first page, also where it is no string of ours. */
const char *page_cursor(json_object *arguments);
/* How many it is to have at most. */
size_t page_limit(json_object *arguments);
