#include <errno.h>

#include "common/settings.h"
#include "unit/support.h"

struct object {
        char *text;
        char *own;
        int number;
};

static int parse_text(const char *text, void *field) {
        return streq(text, "bad") ? -EINVAL : str_replace(field, text);
}

/* Takes the empty value as well. */
static int parse_number(const char *text, void *field) {
        if (strspn(text, "0123456789") != strlen(text))
                return -ERANGE;
        *(int *) field = *text ? atoi(text) : -1;
        return 0;
}

static int parse_nothing(const char *text, void *field) {
        (void) text;
        (void) field;
        return -ENOMEM;
}

enum { TEXT, OWN, NUMBER, NOTHING, HOME };

static const struct setting table[] = {
        [TEXT] = {"One", "Text", "default", NULL, parse_text, offsetof(struct object, text),
                  "text"},
        [OWN] = {"One", "Own", "", NULL, parse_text, offsetof(struct object, own), "text"},
        [NUMBER] = {"Two", "Number", NULL, NULL, parse_number, offsetof(struct object, number),
                    "a number"},
        [NOTHING] = {"Two", "Nothing", NULL, NULL, parse_nothing, 0, "nothing"},
        [HOME] = {"Two", "Home", "default", "KOOWATCH_TEST_PLACE", parse_text,
                  offsetof(struct object, text), "text"},
};

struct fixture {
        struct object object;
        struct settings_faults faults;
        char *text; /* of the last fault */
};

static void on_fault(void *userdata, bool is_error, const char *file, unsigned line,
                     const char *text) {
        struct fixture *f = userdata;

        free(f->text);
        f->text = str_printf("%s %s:%u: %s", is_error ? "error" : "warning", file, line, text);
        assert_non_null(f->text);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->faults = (struct settings_faults){.on_fault = on_fault, .userdata = f, .file = "a.conf"};
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        free(f->object.text);
        free(f->object.own);
        free(f->text);
        free(f);
        return 0;
}

static int assign(struct fixture *f, size_t row, const char *value) {
        const struct settings_line line = {7, "One NAME", table[row].name, value};

        return settings_assign(&table[row], &f->object, &line, &f->faults);
}

static void test_value_and_default(void **state) {
        struct fixture *f = *state;

        assert_int_equal(assign(f, TEXT, "a"), 0);
        assert_string_equal(f->object.text, "a");
        assert_int_equal(assign(f, TEXT, ""), 0);
        assert_string_equal(f->object.text, "default");

        assert_int_equal(assign(f, OWN, "a"), 0);
        assert_string_equal(f->object.own, "a");
        assert_int_equal(assign(f, OWN, ""), 0);
        assert_null(f->object.own);
        assert_null(f->text);
}

static void test_parser_without_default_gets_empty_values(void **state) {
        struct fixture *f = *state;

        assert_int_equal(assign(f, NUMBER, "5"), 0);
        assert_int_equal(f->object.number, 5);
        assert_int_equal(assign(f, NUMBER, ""), 0);
        assert_int_equal(f->object.number, -1);
        assert_null(f->text);
}

static void test_refused_value_is_an_error(void **state) {
        struct fixture *f = *state;

        assert_int_equal(assign(f, TEXT, "a"), 0);
        assert_int_equal(assign(f, TEXT, "bad"), 0);
        assert_string_equal(f->object.text, "a");
        assert_string_equal(f->text,
                            "error a.conf:7: bad value of Text in [One NAME]: expected text");
        assert_true(f->faults.failed);
}

static void test_short_memory_is_no_fault(void **state) {
        struct fixture *f = *state;

        assert_int_equal(assign(f, NOTHING, "a"), -ENOMEM);
        assert_null(f->text);
        assert_false(f->faults.failed);
}

static void test_environment_replaces_the_default(void **state) {
        struct fixture *f = *state;

        assert_int_equal(setenv("KOOWATCH_TEST_PLACE", "first:second", 1), 0);
        assert_int_equal(settings_reset(&table[HOME], &f->object), 0);
        assert_string_equal(f->object.text, "first");
        assert_int_equal(setenv("KOOWATCH_TEST_PLACE", "bad", 1), 0);
        assert_int_equal(settings_reset(&table[HOME], &f->object), -EINVAL);
        assert_int_equal(setenv("KOOWATCH_TEST_PLACE", "", 1), 0);
        assert_int_equal(settings_reset(&table[HOME], &f->object), 0);
        assert_string_equal(f->object.text, "default");
        assert_int_equal(unsetenv("KOOWATCH_TEST_PLACE"), 0);
}

static const struct setting *find(struct fixture *f, const char *section, const char *name) {
        return settings_find(table, ARRAY_LEN(table), section,
                             &(struct settings_line){3, "Two NAME", name, "secret"}, &f->faults);
}

static void test_row_of_section_and_key(void **state) {
        struct fixture *f = *state;

        assert_ptr_equal(find(f, "Two", "Number"), &table[NUMBER]);
        assert_null(f->text);

        assert_null(find(f, "One", "Number"));
        assert_string_equal(f->text, "warning a.conf:3: unknown key Number in [Two NAME], ignored");
        assert_null(find(f, "Two", "number"));
        assert_null(find(f, "Two", "se=cret"));
        assert_string_equal(f->text,
                            "warning a.conf:3: unknown key (not a name) in [Two NAME], ignored");
        assert_false(f->faults.failed);
}

static void test_sections(void **state) {
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                assert_ptr_equal(settings_section(&table[i], 1, table[i].section),
                                 table[i].section);
                assert_ptr_equal(find(f, table[i].section, table[i].name), &table[i]);
        }
        assert_ptr_equal(settings_section(table, ARRAY_LEN(table), "Two"), table[NUMBER].section);
        assert_null(settings_section(table, ARRAY_LEN(table), "two"));
        settings_unknown_section(&f->faults, 9, "Three");
        assert_string_equal(
                f->text, "warning a.conf:9: unknown section [Three], ignored with all of its keys");
        assert_false(f->faults.failed);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_value_and_default, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_parser_without_default_gets_empty_values,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refused_value_is_an_error, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_short_memory_is_no_fault, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_environment_replaces_the_default, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_row_of_section_and_key, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sections, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
