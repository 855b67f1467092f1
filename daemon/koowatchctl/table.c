#include "koowatchctl/table.h"

#include <errno.h>

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
                if (least > 0 && table->widths[i] > least)
                        table->widths[i] =
                                MAX(least, table->widths[i] - MIN(total - width, table->widths[i]));
        }
}

static void lay_out(struct table *table, const struct look *look, bool legend) {
        for (size_t i = 0; i < table->n_columns; i++)
                table->widths[i] = legend ? text_width(table->columns[i].title) : 0;
        for (size_t i = 0, column = 0; i < table->n_cells; i++) {
                unsigned *width = table->widths + column;

                *width = MAX(*width, text_width(table->cells[i].text));
                column = next_column(table, column);
        }
        if (look->width > 0)
                shrink(table, look->width);
        table->laid_out = true;
}

static void print_cell(const struct table *table, FILE *out, const struct look *look, size_t column,
                       const char *text, enum style style) {
        bool last = column + 1 == table->n_columns;
        unsigned width = table->widths[column], own = text_width(text);

        /* No blanks at the end of a line. Without a terminal, later rows may be wider. */
        if ((last && own < width && !table->columns[column].right) ||
            (look->width == 0 && own > width))
                width = own;
        if (column > 0 && (!last || own > 0))
                (void) fprintf(out, "%*s", GAP, "");
        (void) fputs(look_on(look, style), out);
        text_put(out, text, width, table->columns[column].right);
        (void) fputs(look_off(look, style), out);
        if (last)
                (void) fputc('\n', out);
}

int table_print(struct table *table, FILE *out, const struct look *look, bool legend) {
        if (table->failed)
                return -ENOMEM;
        if (!table->laid_out)
                lay_out(table, look, legend);
        if (legend)
                for (size_t i = 0; i < table->n_columns; i++)
                        print_cell(table, out, look, i, table->columns[i].title, STYLE_HEAD);
        for (size_t i = 0, column = 0; i < table->n_cells; i++) {
                print_cell(table, out, look, column, table->cells[i].text, table->cells[i].style);
                column = next_column(table, column);
        }
        forget_cells(table);
        return 0;
}
