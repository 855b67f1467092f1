#include "koowatchctl/table.h"

#include <errno.h>

#include "koowatchctl/language.h"
#include "koowatchctl/text.h"

#define GAP 2

struct cell {
        char *text;
        enum style style;
};

struct table {
        const struct table_column *columns;
        size_t n_columns;
        unsigned widths[TABLE_COLUMNS_MAX];
        bool is_cut[TABLE_COLUMNS_MAX]; /* by shrink() */
        bool laid_out;
        struct cell *cells;
        size_t n_cells, room;
        bool failed;
};

struct table *table_new(const struct table_column *columns, size_t n_columns) {
        struct table *table = calloc(1, sizeof(*table));

        if (!table)
                return NULL;
        table->columns = columns;
        table->n_columns = MIN(n_columns, (size_t) TABLE_COLUMNS_MAX);
        return table;
}

static void forget_cells(struct table *table) {
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i].text);
        table->n_cells = 0;
}

struct table *table_free(struct table *table) {
        if (table) {
                forget_cells(table);
                free(table->cells);
        }
        free(table);
        return NULL;
}

void table_add(struct table *table, const char *text, enum style style) {
        if (table->n_cells == table->room) {
                size_t room = table->room ? 2 * table->room : 64;
                struct cell *cells = reallocarray(table->cells, room, sizeof(*cells));

                if (!cells) {
                        table->failed = true;
                        return;
                }
                table->cells = cells;
                table->room = room;
        }
        table->cells[table->n_cells] = (struct cell){text_plain(text), style};
        table->failed |= !table->cells[table->n_cells].text;
        table->n_cells++;
}

static unsigned total_width(const struct table *table) {
        unsigned total = 0;

        for (size_t i = 0; i < table->n_columns; i++)
                total += table->widths[i] + (i > 0 ? GAP : 0);
        return total;
}

static size_t next_column(const struct table *table, size_t column) {
        return column + 1 < table->n_columns ? column + 1 : 0;
}

static void shrink(struct table *table, unsigned width) {
        for (size_t i = table->n_columns; i-- > 0;) {
                unsigned total = total_width(table), least = table->columns[i].least;

                if (total <= width)
                        return;
                if (least == 0 || table->widths[i] <= least)
                        continue;
                table->widths[i] =
                        MAX(least, table->widths[i] - MIN(total - width, table->widths[i]));
                table->is_cut[i] = true;
        }
}

static void lay_out(struct table *table, const struct look *look, bool legend) {
        for (size_t i = 0; i < table->n_columns; i++)
                table->widths[i] = legend ? text_width(_(table->columns[i].title)) : 0;
        for (size_t i = 0, column = 0; i < table->n_cells; i++) {
                unsigned *width = table->widths + column;

                *width = MAX(*width, text_width(table->cells[i].text));
                column = next_column(table, column);
        }
        if (look->width > 0)
                shrink(table, look->width);
        table->laid_out = true;
}

/*
 * The widths of a row's cells, of which own[] is what they need. A cell that is wider than its
 * column takes from the next ones what they do not need. Returns the width of the row.
 */
static unsigned place(const struct table *table, const unsigned *own, unsigned *ret) {
        unsigned beyond = 0, total = 0;

        for (size_t i = 0; i < table->n_columns; i++) {
                unsigned width = table->widths[i];

                ret[i] = MAX(own[i], width - MIN(beyond, width));
                beyond += ret[i];
                beyond -= MIN(width, beyond);
                total += ret[i] + (i > 0 ? GAP : 0);
        }
        return total;
}

/* The same in so many columns of a terminal, where cells that are too wide may be cut. */
static void fit(const struct table *table, unsigned columns, unsigned *own, unsigned *ret) {
        unsigned total = place(table, own, ret);

        for (size_t i = table->n_columns; columns > 0 && total > columns && i-- > 0;) {
                unsigned least = MAX(table->columns[i].least, table->widths[i]);

                if (table->columns[i].least == 0 || own[i] <= least)
                        continue;
                own[i] -= MIN(own[i] - least, total - columns);
                total = place(table, own, ret);
        }
}

/* row NULL: the titles. */
static const char *text_of(const struct table *table, const struct cell *row, size_t column) {
        return row ? row[column].text : _(table->columns[column].title);
}

static void print_row(const struct table *table, FILE *out, const struct look *look,
                      const struct cell *row) {
        unsigned own[TABLE_COLUMNS_MAX] = {}, widths[TABLE_COLUMNS_MAX];

        for (size_t i = 0; i < table->n_columns; i++) {
                own[i] = text_width(text_of(table, row, i));
                if (table->is_cut[i])
                        own[i] = MIN(own[i], table->widths[i]);
        }
        fit(table, look->width, own, widths);
        for (size_t i = 0; i < table->n_columns; i++) {
                bool last = i + 1 == table->n_columns, right = table->columns[i].right;
                enum style style = row ? row[i].style : STYLE_HEAD;

                if (i > 0 && (!last || own[i] > 0))
                        (void) fprintf(out, "%*s", GAP, "");
                (void) fputs(look_on(look, style), out);
                /* No blanks at the end of a line. */
                text_put(out, text_of(table, row, i), last && !right ? own[i] : widths[i], right);
                (void) fputs(look_off(look, style), out);
        }
        (void) fputc('\n', out);
}

int table_print(struct table *table, FILE *out, const struct look *look, bool legend) {
        if (table->failed)
                return -ENOMEM;
        if (!table->laid_out)
                lay_out(table, look, legend);
        if (legend)
                print_row(table, out, look, NULL);
        for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
                print_row(table, out, look, table->cells + i);
        forget_cells(table);
        return 0;
}
