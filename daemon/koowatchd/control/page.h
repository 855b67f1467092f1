#pragma once
/*
 * Page: the arguments filter, cursor and limit of List and History
 */
#include <json-c/json_types.h>
#include <stddef.h>

/* Borrowed; "" for the first page, also where it is no string of ours. */
const char *page_cursor(json_object *arguments);
/*
 * List's cursor: the name of the last task of a page, in hexadecimal, as a file's name need not be
 * UTF-8. page_name() reads it, "" for the first page: returns 0, -EINVAL when it is none, or
 * -ENOMEM. page_cursor_of() makes it; NULL when memory is short. The caller frees both.
 */
int page_name(json_object *arguments, char **ret);
char *page_cursor_of(const char *name);
/* How many it is to have at most. */
size_t page_limit(json_object *arguments);
