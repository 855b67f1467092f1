#pragma once
/*
 * Table: cells in columns that are as wide as they need to be, and no wider than the terminal
 *
 * Where they do not fit, the columns that may shrink do, the last of them first, down to their
 * least width; what is then still too wide runs over the edge.
 */
#include "common/util.h"
#include "koowatchctl/look.h"

#define TABLE_COLUMNS_MAX 32

struct table_column {
        const char *title; /* N_(), translated when it is shown */
        bool right;
        unsigned least; /* 0: it does not shrink */
};

struct table;

/* columns is borrowed. NULL when memory is short. */
struct table *table_new(const struct table_column *columns, size_t n_columns);
struct table *table_free(struct table *table);
DEFINE_CLEANUP(struct table *, table_free)

/*
 * The next cell, row by row; text is copied, made plain. A cell that memory does not suffice for
 * makes table_print() fail.
 */
void table_add(struct table *table, const char *text, enum style style);

/*
 * Prints the rows, below a line of titles with legend, and forgets them. Widths are kept: the
 * next rows are laid out as the first. A cell that is wider moves the next ones to the right, as
 * far as these have no blanks to give, and is cut only for the terminal's sake. Returns 0 or
 * -ENOMEM.
 */
int table_print(struct table *table, FILE *out, const struct look *look, bool legend);
