/* Cells in columns. */
#include <locale.h>

#include "common/util.h"
#include "koowatchctl/table.h"
#include "unit/support.h"

static const struct table_column columns[] = {
        {"NAME", false, 6},
        {"N", true, 0},
        {"NOTE", false, 5},
};

struct sheet {
        struct table *table;
        FILE *out;
        char *text;
        size_t length;
};

static void sheet_open(struct sheet *sheet) {
        sheet->table = table_new(columns, ARRAY_LEN(columns));
        sheet->out = open_memstream(&sheet->text, &sheet->length);
        assert_non_null(sheet->table);
        assert_non_null(sheet->out);
}

static void add(struct sheet *sheet, const char *a, const char *b, const char *c) {
        table_add(sheet->table, a, STYLE_GOOD);
        table_add(sheet->table, b, STYLE_NONE);
        table_add(sheet->table, c, STYLE_NONE);
}

static void print(struct sheet *sheet, unsigned width, bool colour, bool legend) {
        const struct look look = {.width = width, .colour = colour};

        assert_int_equal(table_print(sheet->table, sheet->out, &look, legend), 0);
}

static void assert_sheet(struct sheet *sheet, const char *expected) {
        (void) fclose(sheet->out);
        assert_string_equal(sheet->text, expected);
        free(sheet->text);
        (void) table_free(sheet->table);
}

static void test_columns_are_as_wide_as_their_cells(void **state) {
        struct sheet sheet;

        (void) state;
        sheet_open(&sheet);
        add(&sheet, "照片", "1", "a note");
        add(&sheet, "b", "12", "");
        print(&sheet, 0, false, true);
        assert_sheet(&sheet, "NAME   N  NOTE\n"
                             "照片   1  a note\n"
                             "b     12\n");
}

static void test_the_last_column_that_may_shrinks_first(void **state) {
        struct sheet sheet;

        (void) state;
        sheet_open(&sheet);
        add(&sheet, "a-long-name", "12", "a long note");
        print(&sheet, 22, false, false);
        assert_sheet(&sheet, "a-long-name  12  a lo…\n");

        sheet_open(&sheet);
        add(&sheet, "a-long-name", "12", "a long note");
        print(&sheet, 19, false, false);
        assert_sheet(&sheet, "a-long-…  12  a lo…\n");

        sheet_open(&sheet);
        add(&sheet, "a-long-name", "12", "a long note");
        print(&sheet, 3, false, false); /* not below the least */
        assert_sheet(&sheet, "a-lon…  12  a lo…\n");
}

static void print_page(struct sheet *sheet, unsigned width, const char *a, const char *b,
                       const char *c) {
        add(sheet, a, b, c);
        print(sheet, width, false, false);
}

static void test_later_pages_are_laid_out_as_the_first(void **state) {
        struct sheet sheet;

        (void) state;
        for (unsigned width = 0; width <= 40; width += 20) {
                sheet_open(&sheet);
                print_page(&sheet, width, "abcd", "100", "xyz");
                print_page(&sheet, width, "a", "1", "");
                print_page(&sheet, width, "abcdef", "1", "y");  /* takes what N leaves */
                print_page(&sheet, width, "abcde", "100", "z"); /* which leaves nothing here */
                print_page(&sheet, width, "b", "1000", "x y z");
                assert_sheet(&sheet, "abcd  100  xyz\n"
                                     "a       1\n"
                                     "abcdef  1  y\n"
                                     "abcde  100  z\n"
                                     "b     1000  x y z\n");
        }
}

static void test_later_pages_are_cut_where_the_terminal_ends(void **state) {
        struct sheet sheet;

        (void) state;
        sheet_open(&sheet);
        print_page(&sheet, 20, "abcd", "100", "xyz");
        print_page(&sheet, 20, "abcdef", "1", "a long note");
        print_page(&sheet, 20, "a-long-name", "1", "a long note");
        print_page(&sheet, 20, "a-longer-name", "100000", "a long note"); /* not below the least */
        assert_sheet(&sheet, "abcd  100  xyz\n"
                             "abcdef  1  a long n…\n"
                             "a-long-na…  1  a lo…\n"
                             "a-lon…  100000  a lo…\n");

        sheet_open(&sheet);
        print_page(&sheet, 19, "a-long-name", "12", "a long note");
        print_page(&sheet, 19, "another-name", "1", "x"); /* a column that was cut remains so */
        assert_sheet(&sheet, "a-long-…  12  a lo…\n"
                             "another…   1  x\n");
}

static void test_colours_take_no_room(void **state) {
        struct sheet sheet;

        (void) state;
        sheet_open(&sheet);
        add(&sheet, "a", "1", "x");
        print(&sheet, 40, true, false);
        assert_sheet(&sheet, "\033[32ma\033[0m  1  x\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_columns_are_as_wide_as_their_cells),
                cmocka_unit_test(test_the_last_column_that_may_shrinks_first),
                cmocka_unit_test(test_later_pages_are_laid_out_as_the_first),
                cmocka_unit_test(test_later_pages_are_cut_where_the_terminal_ends),
                cmocka_unit_test(test_colours_take_no_room),
        };

        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
