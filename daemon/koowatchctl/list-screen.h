#pragma once
/*
 * The screen of `list`: entries as a table of chosen columns. Pure
 */
#include <json-c/json.h>

#include "koowatchctl/failure.h"
#include "koowatchctl/look.h"

#define LIST_COLUMNS "name,state,progress,age,next,note"

struct list_screen;

/* columns: names with commas between. Returns 0, or -1 for a name that is none and for too many. */
int list_screen_new(const char *columns, struct list_screen **ret, struct failure *failure);
struct list_screen *list_screen_free(struct list_screen *screen);
DEFINE_CLEANUP(struct list_screen *, list_screen_free)

/*
 * Prints a page of entries; all pages are laid out as the first one is. Returns 0 or -ENOMEM.
 */
int list_screen_print(struct list_screen *screen, FILE *out, const struct look *look, bool legend,
                      json_object *entries);

/* The columns that there are, a line each. */
void list_screen_print_columns(FILE *out);

/* The names of all columns; NULL behind the last. Static. */
const char *list_screen_column(size_t i);

/* Sorts entries by a column, in place. Returns 0, or -1 for a name that is none. */
int list_screen_sort(json_object *entries, const char *column, struct failure *failure);
