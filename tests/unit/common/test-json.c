/*
 * Reading JSON: the same on every version of json-c
 *
 * Texts are handed over without a NUL behind them, so that a sanitizer sees any reading
 * over the end.
 */
#include <dlfcn.h>
#include <errno.h>

#include "common/json.h"
#include "unit/support.h"

#define FFFD "\xef\xbf\xbd"

static const struct json_rules exact = {.depth = 8, .containers = 20, .values = 60};
static const struct json_rules tolerant = {
        .depth = 8, .containers = 20, .values = 60, .repair = true};

static char fault[JSON_FAULT_MAX];

/* As the reader would write it, or NULL. */
static char *read_bytes(const struct json_rules *rules, const char *text, size_t length) {
        CLEANUP(freep) char *copy = malloc(length ? length : 1);
        json_object *root = NULL;
        char *ret;
        int r;

        assert_non_null(copy);
        memcpy(copy, text, length);
        r = json_read(copy, length, rules, NULL, &root, fault);
        if (r < 0) {
                assert_int_equal(r, -EBADMSG);
                assert_null(root);
                assert_string_not_equal(fault, "");
                return NULL;
        }
        ret = strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(root);
        return ret;
}

struct json_case {
        const char *text, *expected; /* expected NULL: a fault */
};

static void check(const struct json_rules *rules, const struct json_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                CLEANUP(freep)
                char *got = read_bytes(rules, cases[i].text, strlen(cases[i].text));

                if (!got != !cases[i].expected || (got && !streq(got, cases[i].expected)))
                        fail_msg("%s: %s, expected %s", cases[i].text, got ? got : fault,
                                 cases[i].expected ? cases[i].expected : "a fault");
        }
}

/* What RFC 8259 allows is read by both rules, and comes out as it went in. */
static void test_plain(void **state) {
        static const struct json_case cases[] = {
                {"{}", "{}"},
                {"[]", "[]"},
                {" \t\r\n{ \"a\" : [ 1 , { } , [ ] ] } \n", "{\"a\":[1,{},[]]}"},
                {"{\"msg\":\"成功\",\"é\":\"\U0001F600\"}",
                 "{\"msg\":\"成功\",\"é\":\"\U0001F600\"}"},
                {"{\"a\":\"\\u6210\\ud83d\\ude00\"}", "{\"a\":\"成\U0001F600\"}"},
                {"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}"},
                {"{\"a\":\"\\u0000\"}", "{\"a\":\"\\u0000\"}"},
                {"[true,false,null]", "[true,false,null]"},
                {"[0,-1,9223372036854775807,-9223372036854775808]",
                 "[0,-1,9223372036854775807,-9223372036854775808]"},
                {"[18446744073709551615]", "[18446744073709551615]"},
                {"[0.5,-1.25e2,1E+3,1e-400]", "[0.5,-1.25e2,1E+3,1e-400]"},
                {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        };

        (void) state;
        check(&exact, cases, ARRAY_LEN(cases));
        check(&tolerant, cases, ARRAY_LEN(cases));
}

/* A value that is not known is no reason to read nothing. */
static void test_numbers_out_of_range(void **state) {
        static const struct json_case cases[] = {
                {"[99999999999999999999999]", "[null]"},
                {"[18446744073709551616]", "[null]"},
                {"[-9223372036854775809]", "[null]"},
                {"[1e999,-1e999]", "[null,null]"},
                {"{\"expiresIn\":99999999999999999999999,\"a\":1}", "{\"expiresIn\":null,\"a\":1}"},
        };

        (void) state;
        check(&exact, cases, ARRAY_LEN(cases));
        check(&tolerant, cases, ARRAY_LEN(cases));
}

static void test_numbers_of_any_length(void **state) {
        CLEANUP(freep) char *text = str_printf("[0.%0600d,%0600d,1%0399d]", 1, 1, 0);
        CLEANUP(freep) char *got = read_bytes(&tolerant, text, strlen(text));

        (void) state;
        assert_string_equal(got, "[null,null,null]");
}

static void test_repaired(void **state) {
        static const struct json_case cases[] = {
                {"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"},
                {"{\"a\":\"Foto\xe4lbum\"}", "{\"a\":\"Foto" FFFD "lbum\"}"},
                {"{\"a\":\"\xc3\"}", "{\"a\":\"" FFFD "\"}"},
                {"{\"a\":\"\xed\xa0\x80\xc0\xaf\"}", "{\"a\":\"" FFFD FFFD FFFD FFFD FFFD "\"}"},
                {"{\"\xff\":1}", "{\"" FFFD "\":1}"},
                {"{\"taskStatus\\u0000x\":2}", "{\"taskStatus" FFFD "x\":2}"},
                {"{\"a\":\"1\t2\n3\x01\"}", "{\"a\":\"1\\t2\\n3\\u0001\"}"},
                {"{\"a\":\"C:\\path\\u12\"}", "{\"a\":\"C:\\\\path\\\\u12\"}"},
                {"{\"a\":NaN,\"b\":-Infinity,\"c\":Infinity}",
                 "{\"a\":null,\"b\":null,\"c\":null}"},
                {"[-0123,00,1.,.5,+1,0x10,1e,--1,-]",
                 "[null,null,null,null,null,null,null,null,null]"},
                {"[None,True,nan,undefined]", "[null,null,null,null]"},
                {"{\"a\":1}xx", "{\"a\":1}"},
                {"{\"a\":1}{\"a\":2}", "{\"a\":1}"},
                {"{\"a\":1} // done", "{\"a\":1}"},
                {"{\"a\":1} /* done", "{\"a\":1}"},
                {"{\"a\":\"\xff\"}xx", "{\"a\":\"" FFFD "\"}"},
        };

        (void) state;
        check(&tolerant, cases, ARRAY_LEN(cases));
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (read_bytes(&exact, cases[i].text, strlen(cases[i].text)))
                        fail_msg("%s is read exactly", cases[i].text);
}

static void test_lone_surrogates(void **state) {
        static const struct json_case cases[] = {
                {"[\"\\ud83d\"]", "[\"" FFFD "\"]"},
                {"[\"\\ude00x\"]", "[\"" FFFD "x\"]"},
                {"[\"\\ud83d\\u0041\"]", "[\"" FFFD "A\"]"},
        };

        (void) state;
        check(&tolerant, cases, ARRAY_LEN(cases));
}

static void check_bytes(const char *text, size_t length, const char *expected) {
        CLEANUP(freep) char *got = read_bytes(&tolerant, text, length);

        if (!got)
                fail_msg("%s", fault);
        assert_string_equal(got, expected);
        assert_null(read_bytes(&exact, text, length));
}

#define BYTES(text) (text), sizeof(text) - 1

static void test_nul_bytes(void **state) {
        (void) state;
        check_bytes(BYTES("{\"a\":\"b\0c\"}"), "{\"a\":\"b" FFFD "c\"}");
        check_bytes(BYTES("{\"a\":1}\0"), "{\"a\":1}");
        assert_null(read_bytes(&tolerant, BYTES("{\"a\":\0001}")));
}

static void test_utf16(void **state) {
        (void) state;
        check_bytes(BYTES("\xff\xfe{\0\"\0a\0\"\0:\0\"\0\x10\x62\x3d\xd8\x00\xde\"\0}\0"),
                    "{\"a\":\"成\U0001F600\"}");
        check_bytes(BYTES("\xfe\xff\0{\0\"\0a\0\"\0:\0\"\xd8\x3d\0\"\0}"), "{\"a\":\"" FFFD "\"}");
        check_bytes(BYTES("{\0\"\0a\0\"\0:\0"
                          "1\0}\0"),
                    "{\"a\":1}");
        check_bytes(BYTES("\0{\0}"), "{}");
}

static void check_fault(const char *text, const char *expected) {
        assert_null(read_bytes(&tolerant, text, strlen(text)));
        assert_string_equal(fault, expected);
        assert_null(read_bytes(&exact, text, strlen(text)));
}

static void test_faults(void **state) {
        (void) state;
        check_fault("", "it is empty");
        check_fault("  ", "it ends unexpectedly after 2 bytes");
        check_fault("{\"a\":1", "it ends unexpectedly after 6 bytes");
        check_fault("{\"a\":\"\\", "it ends unexpectedly after 7 bytes");
        check_fault("{\"a\":12", "it ends unexpectedly after 7 bytes");
        check_fault("OK", "not an object at byte 0");
        check_fault("\"text\"", "not an object at byte 0");
        check_fault("<html>", "not an object at byte 0");
        check_fault("{a:1}", "a name is missing at byte 1");
        check_fault("{\"a\":1,}", "a name is missing at byte 7");
        check_fault("{\"a\" 1}", "a colon is missing at byte 5");
        check_fault("{\"a\":}", "a value is missing at byte 5");
        check_fault("[1,]", "a value is missing at byte 3");
        check_fault("[1 2]", "a comma or closing bracket is missing at byte 3");
        check_fault("{\"a\":1]", "a comma or closing brace is missing at byte 6");
        check_fault("{\"a\":'b'}", "a value is missing at byte 5");
        check_fault("/* */{}", "not an object at byte 0");
        check_fault("[[[[[[[[[]]]]]]]]]", "nested too deeply at byte 8");
}

static void test_limits(void **state) {
        (void) state;
        free(read_bytes(&exact, BYTES("[[[[[[[[]]]]]]]]")));
        check_fault("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]",
                    "too many objects and arrays at byte 58");
        check_fault("[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,"
                    "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]",
                    "too many values at byte 119");
}

/* Whatever is cut or changed: a value or a fault, and never both. */
static void test_any_bytes(void **state) {
        static const char text[] = "{\"a\":[1,-2.5e3,\"\\u6210\\n成\",{\"b\":null}],\"c\":true}";
        uint64_t seed = 20250520;

        (void) state;
        for (size_t n = 0; n < sizeof(text) - 1; n++)
                assert_null(read_bytes(&tolerant, text, n));
        for (int i = 0; i < 20000; i++) {
                char changed[sizeof(text)];

                memcpy(changed, text, sizeof(text));
                for (uint64_t k = random_next(&seed) % 4; k > 0; k--)
                        changed[random_next(&seed) % (sizeof(text) - 1)] =
                                (char) random_next(&seed);
                free(read_bytes(&tolerant, changed, sizeof(text) - 1));
                free(read_bytes(&exact, changed, sizeof(text) - 1));
        }
}

/* What was repaired is exact. */
static void test_repaired_is_exact(void **state) {
        static const char text[] = "{\"a\":[NaN,\"\xff\\q\x02\",{\"\\u0000\":00}]}xx";
        CLEANUP(freep) char *once = read_bytes(&tolerant, BYTES(text));
        CLEANUP(freep) char *twice = read_bytes(&exact, once, strlen(once));

        (void) state;
        assert_string_equal(once, twice);
}

static void test_members_by_their_name(void **state) {
        json_object *object = json_tokener_parse(
                "{\"text\":\"a\",\"nul\":\"a\\u0000b\",\"empty\":\"\",\"two\":2,\"half\":0.5,"
                "\"large\":4294967296,\"yes\":true,\"no\":false,\"null\":null,"
                "\"object\":{\"text\":\"b\"},\"array\":[\"c\"]}");

        (void) state;
        assert_non_null(object);
        assert_string_equal(json_get_string(object, "text"), "a");
        assert_string_equal(json_get_string(object, "empty"), "");
        assert_null(json_get_string(object, "nul"));
        assert_null(json_get_string(object, "two"));
        assert_null(json_get_string(object, "null"));
        assert_null(json_get_string(object, "absent"));

        assert_int_equal(json_get_int(object, "two", -1), 2);
        assert_int_equal(json_get_int(object, "large", -1), INT32_MAX);
        assert_int_equal(json_get_int(object, "half", -1), -1);
        assert_int_equal(json_get_int(object, "text", 7), 7);
        assert_int_equal(json_get_int(object, "absent", -1), -1);

        assert_true(json_get_bool(object, "yes"));
        assert_false(json_get_bool(object, "no"));
        assert_false(json_get_bool(object, "null"));
        assert_false(json_get_bool(object, "absent"));

        assert_string_equal(json_get_string(json_get_object(object, "object"), "text"), "b");
        assert_null(json_get_object(object, "array"));
        assert_null(json_get_object(object, "absent"));
        json_object_put(object);
}

static void test_members_of_what_is_no_object(void **state) {
        json_object *const values[] = {NULL, json_object_new_string("a"), json_object_new_array()};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                assert_null(json_get_string(values[i], "a"));
                assert_int_equal(json_get_int(values[i], "a", -1), -1);
                assert_false(json_get_bool(values[i], "a"));
                assert_null(json_get_object(values[i], "a"));
                json_object_put(values[i]);
        }
}

/* json-c's own, which runs short of memory in the middle and goes on. */
static bool runs_short;

const char *json_object_to_json_string_ext(json_object *object, int flags) {
        static const char *(*original)(json_object * object, int flags);

        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "json_object_to_json_string_ext");
        if (!runs_short)
                return original(object, flags);
        errno = ENOMEM;
        return "{\"a\":}";
}

static void test_text(void **state) {
        json_object *object = json_tokener_parse("{\"a\":[1,\"b/c\"]}");
        const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

        (void) state;
        errno = ENOMEM; /* of something before */
        assert_string_equal(json_text(object, flags), "{\"a\":[1,\"b/c\"]}");
        runs_short = true;
        assert_null(json_text(object, flags));
        runs_short = false;
        assert_string_equal(json_text(object, flags), "{\"a\":[1,\"b/c\"]}");
        json_object_put(object);
}

#define UTF16(text) "\xfe\xff\0{\0\"\0a\0\"\0:\0\"" text "\0\"\0}"

/* Each length of UTF-8, by its first and its last character. */
static void test_utf16_in_every_length(void **state) {
        (void) state;
        check_bytes(BYTES(UTF16("\0\x7f\0\x80\x07\xff\x08\0\xff\xfd")),
                    "{\"a\":\"\x7f\xc2\x80\u07ff\u0800" FFFD "\"}");
        check_bytes(BYTES(UTF16("\xd8\0\xdc\0\xdb\xff\xdf\xff\xd9\x15\xdd\x67")),
                    "{\"a\":\"\U00010000\U0010ffff\U00055567\"}");
}

/* Two halves that do not belong together, and an odd byte. */
static void test_utf16_that_is_broken(void **state) {
        (void) state;
        check_bytes(BYTES(UTF16("\xdc\0\0a")), "{\"a\":\"" FFFD "a\"}");
        check_bytes(BYTES(UTF16("\xd8\0\xd8\0\xdc\0")), "{\"a\":\"" FFFD "\U00010000\"}");
        check_bytes(BYTES(UTF16("\xd8\0\0a") "\0"), "{\"a\":\"" FFFD "a\"}");
}

/* By the mark, or by where the NUL is. */
static void test_what_is_taken_for_utf16(void **state) {
        static const char *const others[] = {"\0\0", "\xff\xff\0{\0}", "\xfe\xfe\0{\0}",
                                             "\xff\xfd{\0}\0", "\xfd\xff\0{\0}"};
        static const size_t lengths[] = {2, 6, 6, 6, 6};

        (void) state;
        check_bytes(BYTES("\xff\xfe{\0}\0"), "{}");
        check_bytes(BYTES("\xfe\xff\0{\0}"), "{}");
        check_bytes(BYTES("{\0}\0"), "{}");
        check_bytes(BYTES("\0{\0}"), "{}");
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                assert_null(read_bytes(&tolerant, others[i], lengths[i]));
        assert_null(read_bytes(&tolerant, BYTES("\xff")));
        assert_null(read_bytes(&tolerant, BYTES("\xef\xbb\xbf")));
        assert_string_equal(fault, "it is empty");
        check_bytes(BYTES("\xef\xbb\xbf{}"), "{}");
}

static void test_what_an_array_has(void **state) {
        json_object *array = json_tokener_parse("[\"a\",1,null,\"b\"]");

        (void) state;
        assert_true(json_array_has(array, "a"));
        assert_true(json_array_has(array, "b"));
        assert_false(json_array_has(array, "c"));
        assert_false(json_array_has(NULL, "a"));
        json_object_put(array);
}

static void test_arrays_of_texts(void **state) {
        static const struct {
                const char *text;
                bool expected;
        } cases[] = {
                {"[]", true},    {"[\"a\",\"\"]", true},       {"{}", false},
                {"[1]", false},  {"[\"a\\u0000\"]", false},    {"[\"a\",null]", false},
                {"[[]]", false}, {"[\"a\",{\"b\":1}]", false},
        };

        (void) state;
        assert_false(json_is_text_array(NULL));
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_object *value = json_tokener_parse(cases[i].text);

                assert_non_null(value);
                assert_int_equal(json_is_text_array(value), cases[i].expected);
                json_object_put(value);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_numbers_out_of_range),
                cmocka_unit_test(test_numbers_of_any_length),
                cmocka_unit_test(test_repaired),
                cmocka_unit_test(test_lone_surrogates),
                cmocka_unit_test(test_nul_bytes),
                cmocka_unit_test(test_utf16),
                cmocka_unit_test(test_faults),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_any_bytes),
                cmocka_unit_test(test_repaired_is_exact),
                cmocka_unit_test(test_members_by_their_name),
                cmocka_unit_test(test_members_of_what_is_no_object),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_utf16_in_every_length),
                cmocka_unit_test(test_utf16_that_is_broken),
                cmocka_unit_test(test_what_is_taken_for_utf16),
                cmocka_unit_test(test_what_an_array_has),
                cmocka_unit_test(test_arrays_of_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
