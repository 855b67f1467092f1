/* JSON into messages: what each value becomes by the signature, and by its own kind. */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>

#include "koowatchd/bus/bus-json.h"
#include "unit/bus/bus-message.h"

/* What a message holds, in one line: types before values, and a variant in angle brackets. */
static void describe(FILE *f, sd_bus_message *m) {
        const char *contents, *text;
        uint64_t number;
        double d;
        char type;

        while (sd_bus_message_peek_type(m, &type, &contents) > 0) {
                if (strchr("aev", type)) {
                        (void) fputc(type == 'v' ? '<' : type == 'e' ? '{' : '[', f);
                        if (type == 'a')
                                (void) fprintf(f, "%s:", contents);
                        assert_true(sd_bus_message_enter_container(m, type, contents) > 0);
                        describe(f, m);
                        assert_true(sd_bus_message_exit_container(m) > 0);
                        (void) fputc(type == 'v' ? '>' : type == 'e' ? '}' : ']', f);
                } else if (type == 's') {
                        assert_true(sd_bus_message_read_basic(m, type, &text) > 0);
                        (void) fprintf(f, "'%s'", text);
                } else if (type == 'd') {
                        assert_true(sd_bus_message_read_basic(m, type, &d) > 0);
                        (void) fprintf(f, "d%g", d);
                } else {
                        number = 0;
                        assert_true(sd_bus_message_read_basic(m, type, &number) > 0);
                        (void) fprintf(f, "%c%lld", type, (long long) number);
                }
        }
}

/* values: JSON. The caller frees what is in *ret. Returns what writing does. */
static int write_values(const char *signature, json_object *values, unsigned pieces, char **ret) {
        sd_bus *bus = bus_of_nobody();
        sd_bus_message *message = message_new(bus);
        struct bus_writer *writer = NULL;
        size_t length;
        int r;

        assert_int_equal(bus_writer_new(message, signature, values, &writer), 0);
        do
                r = bus_writer_run(writer, pieces);
        while (r == 0);
        bus_writer_free(writer);
        if (r > 0) {
                FILE *f = open_memstream(ret, &length);

                assert_non_null(f);
                message_seal(message);
                describe(f, message);
                assert_int_equal(fclose(f), 0);
        }
        sd_bus_message_unref(message);
        (void) sd_bus_close_unref(bus);
        return r;
}

/* Whole, and value by value. */
static void check_values(const char *signature, json_object *values, const char *expected) {
        static const unsigned pieces[] = {UINT_MAX, 1};

        for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
                CLEANUP(freep) char *text = NULL;
                json_object *copy = NULL;

                assert_true(!values || json_object_deep_copy(values, &copy, NULL) == 0);
                assert_int_equal(write_values(signature, copy, pieces[i], &text), 1);
                assert_string_equal(text, expected);
                json_object_put(copy);
        }
        json_object_put(values);
}

static void check(const char *signature, const char *json, const char *expected) {
        json_object *values = json_tokener_parse(json);

        assert_non_null(values);
        check_values(signature, values, expected);
}

static void refuse(const char *signature, const char *json) {
        json_object *values = json_tokener_parse(json);
        char *text = NULL;

        assert_int_equal(write_values(signature, values, UINT_MAX, &text), -EINVAL);
        json_object_put(values);
}

static void test_the_signature_says_the_type(void **state) {
        (void) state;
        check("s", "[\"photos\"]", "'photos'");
        check("s", "[\"\"]", "''");
        check("x", "[-5]", "x-5");
        check("t", "[5]", "t5");
        check("u", "[4294967295]", "u4294967295");
        check("u", "[4294967296]", "u4294967295");
        check("b", "[true]", "b1");
        check("d", "[1.5]", "d1.5");
        check("d", "[2]", "d2");
        check("as", "[[\"a\",\"\"]]", "[s:'a''']");
        check("as", "[[]]", "[s:]");
        check("a{ss}", "[{\"a\":\"b\"}]", "[{ss}:{'a''b'}]");
        check("a{sv}", "[{}]", "[{sv}:]");
        check("aa{sv}s", "[[{\"a\":1},{}],\"next\"]", "[a{sv}:[{sv}:{'a'<x1>}][{sv}:]]'next'");
        check("aa{sv}s", "[[],\"\"]", "[a{sv}:]''");
        check_values("", NULL, "");
        check("", "[]", "");
}

static void test_a_value_says_its_own_type(void **state) {
        (void) state;
        check("a{sv}", "[{\"s\":\"a\",\"x\":7,\"b\":false,\"d\":0.5,\"as\":[\"a\",\"b\"]}]",
              "[{sv}:{'s'<'a'>}{'x'<x7>}{'b'<b0>}{'d'<d0.5>}{'as'<[s:'a''b']>}]");
        check("a{sv}", "[{\"inner\":{\"a\":1},\"runs\":[{\"hook\":\"h\"},{}],\"after\":2}]",
              "[{sv}:{'inner'<[{sv}:{'a'<x1>}]>}"
              "{'runs'<[a{sv}:[{sv}:{'hook'<'h'>}][{sv}:]]>}{'after'<x2>}]");
        check("a{sv}", "[{\"id\":9223372036854775807}]", "[{sv}:{'id'<x9223372036854775807>}]");
}

static void test_variables_and_the_answer_are_special(void **state) {
        (void) state;
        check("a{sv}",
              "[{\"variables\":{\"A\":\"1\",\"B\":\"\"},\"more\":{\"variables\":{\"C\":\"2\"}}}]",
              "[{sv}:{'variables'<[{ss}:{'A''1'}{'B'''}]>}"
              "{'more'<[{sv}:{'variables'<[{ss}:{'C''2'}]>}]>}]");
        check("a{sv}", "[{\"answer\":{\"msg\":\"成功\",\"url\":\"a/b\",\"list\":[1,null]}}]",
              "[{sv}:{'answer'<'{\"msg\":\"成功\",\"url\":\"a/b\",\"list\":[1,null]}'>}]");
        check("a{sv}", "[{\"answer\":[1]}]", "[{sv}:{'answer'<'[1]'>}]");
        check("a{sv}", "[{\"answer\":\"{}\"}]", "[{sv}:{'answer'<'{}'>}]");
        check("a{sv}", "[{\"variables\":{\"A\":1}}]", "[{sv}:]");
}

static void test_what_is_empty_or_has_no_type_is_left_out(void **state) {
        json_object *values = json_tokener_parse("[{\"a\":1}]");
        json_object *object = json_object_array_get_idx(values, 0);

        (void) state;
        check("a{sv}",
              "[{\"null\":null,\"text\":\"\",\"array\":[],\"object\":{},\"answer\":{},"
              "\"variables\":{},\"numbers\":[1,2],\"mixed\":[\"a\",{}],\"nested\":[[\"a\"]],\"z\":1}]",
              "[{sv}:{'z'<x1>}]");
        json_object_object_add(object, "nan", json_object_new_double(0. / 0.));
        json_object_object_add(object, "infinite", json_object_new_double(1. / 0.));
        check_values("a{sv}", values, "[{sv}:{'a'<x1>}]");
}

static void test_strings_are_mended(void **state) {
        json_object *values = json_object_new_array(), *object = json_object_new_object();

        (void) state;
        json_object_object_add(object, "title", json_object_new_string("a\xef\xbf\xbf"));
        json_object_object_add(object, "\xff", json_object_new_string_len("a\0b", 3));
        json_object_array_add(values, object);
        check_values("a{sv}", values, "[{sv}:{'title'<'a\xef\xbf\xbd'>}{'?'<'a?b'>}]");
        check("a{sv}",
              "[{\"answer\":{\"msg\":\"\\uffff\"},\"variables\":{\"\\ufffe\":\"\\ufdd0\"}}]",
              "[{sv}:{'answer'<'{\"msg\":\"\xef\xbf\xbd\"}'>}"
              "{'variables'<[{ss}:{'\xef\xbf\xbd''\xef\xbf\xbd'}]>}]");
        check("as", "[[\"\\uffff\"]]", "[s:'\xef\xbf\xbd']");
}

static void test_what_does_not_match_is_refused(void **state) {
        (void) state;
        refuse("s", "[1]");
        refuse("s", "[null]");
        refuse("x", "[\"1\"]");
        refuse("x", "[1.5]");
        refuse("u", "[\"1\"]");
        refuse("b", "[1]");
        refuse("d", "[\"1\"]");
        refuse("as", "[\"a\"]");
        refuse("as", "[[1]]");
        refuse("a{ss}", "[{\"a\":1}]");
        refuse("a{sv}", "[[]]");
        refuse("aa{sv}", "[[1]]");
        refuse("aa{sv}", "[{}]");
        refuse("ss", "[\"a\"]");
        refuse("s", "[\"a\",\"b\"]");
        refuse("", "[1]");
        refuse("s", "[]");
        refuse("ay", "[\"a\"]");
        assert_int_equal(write_values("s", NULL, UINT_MAX, NULL), -EINVAL);
}

/* levels: how many objects lie in each other, beyond the outermost. */
static json_object *make_deep(unsigned levels) {
        json_object *values = json_object_new_array(), *inner = json_object_new_object();

        json_object_object_add(inner, "end", json_object_new_int(1));
        for (unsigned i = 0; i < levels; i++) {
                json_object *outer = json_object_new_object();

                json_object_object_add(outer, "in", inner);
                inner = outer;
        }
        json_object_array_add(values, inner);
        return values;
}

static void test_what_lies_too_deep_is_left_out(void **state) {
        static const struct {
                unsigned levels;
                int r;
                bool has_end;
        } rows[] = {{BUS_JSON_DEPTH - 1, 1, true}, {BUS_JSON_DEPTH, 1, false}, {200, 1, false}};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *text = NULL;
                json_object *values = make_deep(rows[i].levels);

                assert_int_equal(write_values("a{sv}", values, UINT_MAX, &text), rows[i].r);
                assert_int_equal(strstr(text, "'end'<x1>") != NULL, rows[i].has_end);
                json_object_put(values);
        }
}

static json_object *make_large(unsigned n, unsigned length) {
        json_object *values = json_object_new_array(), *list = json_object_new_array();
        CLEANUP(freep) char *text = malloc(length + 1);

        assert_non_null(text);
        memset(text, 'a', length);
        text[length] = '\0';
        for (unsigned i = 0; i < n; i++) {
                json_object *object = json_object_new_object();

                json_object_object_add(object, "text", json_object_new_string(text));
                json_object_array_add(list, object);
        }
        json_object_array_add(values, list);
        return values;
}

static void test_what_no_bus_would_take_is_refused(void **state) {
        json_object *small = make_large(1000, 1000), *large = make_large(1000, 20000);
        CLEANUP(freep) char *text = NULL;

        (void) state;
        assert_int_equal(write_values("aa{sv}", small, UINT_MAX, &text), 1);
        assert_int_equal(write_values("aa{sv}", large, UINT_MAX, NULL), -EMSGSIZE);
        json_object_put(small);
        json_object_put(large);
}

static void test_a_piece_is_no_larger_than_asked_for(void **state) {
        sd_bus *bus = bus_of_nobody();
        sd_bus_message *message = message_new(bus);
        json_object *values = make_large(1000, 1);
        struct bus_writer *writer = NULL;
        unsigned pieces = 1;

        (void) state;
        assert_int_equal(bus_writer_new(message, "aa{sv}", values, &writer), 0);
        json_object_put(values);
        while (bus_writer_run(writer, 100) == 0)
                pieces++;
        assert_in_range(pieces, 20, 40); /* begin, value and end of each of them */
        bus_writer_free(writer);
        sd_bus_message_unref(message);
        (void) sd_bus_close_unref(bus);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_signature_says_the_type),
                cmocka_unit_test(test_a_value_says_its_own_type),
                cmocka_unit_test(test_variables_and_the_answer_are_special),
                cmocka_unit_test(test_what_is_empty_or_has_no_type_is_left_out),
                cmocka_unit_test(test_strings_are_mended),
                cmocka_unit_test(test_what_does_not_match_is_refused),
                cmocka_unit_test(test_what_lies_too_deep_is_left_out),
                cmocka_unit_test(test_what_no_bus_would_take_is_refused),
                cmocka_unit_test(test_a_piece_is_no_larger_than_asked_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
