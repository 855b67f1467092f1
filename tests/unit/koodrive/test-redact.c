/*
 * What the server says: into the log, the status line and a terminal, without what was sent
 */
#include <dlfcn.h>

#include "koowatchd/koodrive/redact.h"
#include "unit/koodrive/answers.h"

static void test_controls_are_replaced(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"\\u0001\\b\\t\\n\\f\\r\\u001b[31m\\u001f ", "???????[31m? "},
                {"~\\u007f", "~?"},
                {"\\u0080\\u009b31m\\u009f\\u00a0\\u00e9", "??31m?\u00a0é"},
                {"\xc2\x85\xc2\x90", "??"},
                {"成功", "成功"},
                {"\\u6210\\u529f", "成功"},
                {"\\ud83d\\ude00", "\U0001f600"},
                {"\\\"\\\\\\/", "\"\\/"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_message(*state, cases[i].text);
                CLEANUP(freep) char *end = str_printf(": %s)", cases[i].expected);

                assert_string_equal(a.message, cases[i].expected);
                assert_true(str_ends_with(a.why, end));
        }
        check_fault(*state, &(struct fault_case){400, "{\"error_code\":\"K\\n\\u009b\\u6210\"}",
                                                 KOODRIVE_UNREACHABLE, "code K??成", "K??成"});
}

/* What is no character: half of a pair, and bytes of what libcurl says. */
static void test_what_is_no_utf8(void **state) {
        static const struct {
                const char *error, *why;
        } cases[] = {
                {"caf\xe9", "caf?"}, {"caf\x80", "caf?"}, {"\xc2\x9b\xff", "???"},
                {"成\xff", "????"},  {"成\x7f", "成?"},
        };
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer half = read_message(*state, "a\\ud83db");

        assert_true(utf8_is_valid(half.message, strlen(half.message)));
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_http(*state, &(struct http_answer){.outcome = HTTP_UNREACHABLE,
                                                                .error = cases[i].error});

                assert_string_equal(a.why, cases[i].why);
        }
}

static void test_cut_between_characters(void **state) {
        static const char *const characters[] = {"m", "é", "成", "\U0001f600"};

        for (size_t i = 0; i < ARRAY_LEN(characters); i++)
                for (size_t head = 0; head < 4; head++) {
                        size_t size = strlen(characters[i]);
                        size_t room = sizeof((struct koodrive_answer){}.message) - 1;
                        CLEANUP(freep) char *text = text_of(head, characters[i], 1000);
                        CLEANUP(koodrive_answer_clear)
                        struct koodrive_answer a = read_message(*state, text);

                        assert_int_equal(strlen(a.message), room - (room - head) % size);
                        assert_memory_equal(a.message, text, strlen(a.message));
                        assert_true(utf8_is_valid(a.message, strlen(a.message)));
                        assert_non_null(strstr(a.why, a.message));
                }
}

static void test_code_is_cut_between_characters(void **state) {
        for (size_t head = 0; head < 3; head++) {
                size_t room = sizeof((struct koodrive_answer){}.code) - 1;
                CLEANUP(freep) char *text = text_of(head, "成", 1000);
                CLEANUP(freep) char *body = str_printf("{\"error_code\":\"%s\"}", text);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, 400, body);

                assert_int_equal(strlen(a.code), room - (room - head) % 3);
                assert_memory_equal(a.code, text, strlen(a.code));
        }
}

/* It fits to the byte, and what fits is not cut. */
static void test_longest_message(void **state) {
        CLEANUP(freep) char *fits = text_of(0, "成", 255);
        CLEANUP(koodrive_answer_clear) struct koodrive_answer a = read_message(*state, fits);

        assert_int_equal(strlen(fits), sizeof(a.message) - 1);
        assert_string_equal(a.message, fits);
        assert_true(str_ends_with(a.why, ")"));
}

static void test_very_long_message(void **state) {
        CLEANUP(freep) char *text = text_of(0, "m", 100000);
        CLEANUP(freep)
        char *body = str_printf("{\"code\":1,\"msg\":\"%s\",\"error_code\":\"%s\"}", text, text);
        CLEANUP(koodrive_answer_clear) struct koodrive_answer a = read_text(*state, 500, body);

        assert_int_equal(a.disposition.class, KOODRIVE_UNREACHABLE);
        assert_non_null(strstr(a.why, "HTTP 500, code 1: mmmm"));
        assert_true(str_ends_with(a.why, "m)"));
}

static const char *const echoes[] = {
        TOKEN,
        TOKEN_HEX,
        KDSTOKEN,
        TOKEN TOKEN,
        TOKEN_HEX KDSTOKEN TOKEN_HEX,
        "Bearer+" TOKEN_HEX,
        "Authorization: " TOKEN " is bad",
        "x" KDSTOKEN "x" KDSTOKEN "x" TOKEN,
        "成" KDSTOKEN "功",
        "\\u001b" TOKEN "\\n" KDSTOKEN,
};

static void test_secrets_wherever_they_are(void **state) {
        static const char *const places[] = {
                "{\"code\":13000410,\"msg\":\"%s\"}",
                "{\"code\":0,\"msg\":\"%s\"}",
                "{\"error_code\":\"APIG.0301\",\"error_msg\":\"%s\"}",
                "{\"error_code\":\"%s\"}",
                "{\"error_code\":\"APIG.%s\",\"error_msg\":\"x\"}",
                "{\"code\":\"APIG.%s\"}",
                "{\"code\":\"%s\"}",
        };
        static const long statuses[] = {200, 302, 400, 401, 429, 500};

        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                for (size_t k = 0; k < ARRAY_LEN(echoes); k++)
                        for (size_t n = 0; n < ARRAY_LEN(statuses); n++) {
                                CLEANUP(freep) char *body = NULL;
                                CLEANUP(koodrive_answer_clear) struct koodrive_answer a = {};
                                const char *at = strstr(places[i], "%s");

                                body = str_printf("%.*s%s%s", (int) (at - places[i]), places[i],
                                                  echoes[k], at + 2);
                                a = read_text(*state, statuses[n], body);
                                assert_tells_nothing(&a);
                        }
}

static void test_secrets_at_the_cut(void **state) {
        static const char *const secrets[] = {TOKEN, TOKEN_HEX, KDSTOKEN};

        for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
                for (size_t head = 0; head < 260; head++) {
                        CLEANUP(freep) char *text = text_of(head, "", 0);
                        CLEANUP(freep)
                        char *body =
                                str_printf("{\"error_code\":\"%s%s%s\",\"msg\":\"%s%s%s\"}", text,
                                           secrets[i], secrets[i], text, secrets[i], secrets[i]);
                        CLEANUP(koodrive_answer_clear)
                        struct koodrive_answer a = read_text(*state, 400, body);

                        assert_tells_nothing(&a);
                }
}

static void test_secrets_in_an_error(void **state) {
        static const enum http_outcome outcomes[] = {HTTP_UNREACHABLE, HTTP_UNTRUSTED,
                                                     HTTP_MALFORMED};

        for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_http(*state, &(struct http_answer){.outcome = outcomes[i],
                                                                .error = "bad header: " TOKEN
                                                                         ", " KDSTOKEN "?"});

                assert_tells_nothing(&a);
                assert_string_equal(a.why, "bad header: *, *?");
        }
}

static void test_what_a_secret_becomes(void **state) {
        static const struct {
                const char *authorization, *kdstoken, *text, *expected;
        } cases[] = {
                {TOKEN, KDSTOKEN, "token " TOKEN " expired", "token * expired"},
                {TOKEN, KDSTOKEN, "token " TOKEN_HEX " expired", "token * expired"},
                {TOKEN, NULL, "Bearer and " KDSTOKEN, "Bearer and " KDSTOKEN},
                {"Bearer+abc", NULL, "Bearer+abc, Bearer abc, abc", "*, Bearer *, *"},
                {"6ebb", NULL, "6ebb6ebb 6eb", "** 6eb"},
                {NULL, "6ebb", "6ebb", "*"},
                {NULL, NULL, "6ebb", "6ebb"},
                {"", "", "6ebb", "6ebb"},
                {"Bearer ", NULL, "Bearer 6ebb", "*6ebb"},
                /* One begins with the other. */
                {"6ebb77", "6ebb", "6ebb77 6ebb 6ebb7", "* * *7"},
                {"6ebb", "6ebb77", "6ebb77 6ebb 6ebb7", "* * *7"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"code\":1,\"msg\":\"%s\"}", cases[i].text);
                CLEANUP(koodrive_answer_clear) struct koodrive_answer a = {};
                struct koodrive_query q = query;

                q.who.authorization = cases[i].authorization;
                q.kdstoken = cases[i].kdstoken;
                koodrive_answer_read(&(struct http_answer){.status = 400,
                                                           .body = body,
                                                           .body_length = strlen(body)},
                                     &q, *state, NOW, &a);
                assert_string_equal(a.message, cases[i].expected);
        }
}

/* Hooks get the answer as it came, unless it has one of them in it. */
static void test_repeated_secrets(void **state) {
        static const struct {
                long status;
                const char *body;
                bool given;
        } cases[] = {
                {200, PACKED, true},
                {400, "{\"code\":13000311,\"msg\":\"no\",\"share\":\"" SHARE "\"}", true},
                {400, "{\"msg\":\"Bearer\"}", true},
                {400, "{\"msg\":\"" TOKEN "\"}", false},
                {400, "{\"msg\":\"token " TOKEN_HEX " expired\"}", false},
                {400, "{\"msg\":\"Bearer+" TOKEN_HEX "\"}", false},
                {400, "{\"" KDSTOKEN "\":0}", false},
                /* In another writing. */
                {400, "{\"msg\":\"\\u0042earer " TOKEN_HEX "\"}", false},
                {400, "{\"msg\":\"\\u0061ea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c\"}",
                 false},
                {400, "{\"\\u0061ea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c\":0}", false},
                {400, "{\"msg\":\"\\u0001\"}", true},
                {200, JOB("\"taskStatus\":2,\"x\":[0,null,{\"y\":[\"" KDSTOKEN "\"]}]"), false},
                {200, JOB("\"taskStatus\":2,\"downloadUrl\":\"https://a/?t=" KDSTOKEN "&u=1\""),
                 false},
                {400, "[\"" TOKEN "\"]", false}, /* no object: nothing that hooks could get */
                {400, TOKEN, false},
                {400, "", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, cases[i].status, cases[i].body);

                if (!!a.json != cases[i].given)
                        fail_msg("%s", cases[i].body);
        }
}

/* A password of digits, however a number is written that repeats it. */
static void test_secrets_in_numbers(void **state) {
        static const char *const texts[] = {
                "{\"a\": 471100}",   "{\"a\": [-471100]}", "{\"a\": 471100.5}",
                "{\"a\": 1.471100}", "{\"a\": 471100e2}",  "{\"a\": {\"471100\": 0.5}}",
        };
        const struct secrets secrets = {{"471100"}};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                json_object *root = json_tokener_parse(texts[i]);

                assert_non_null(root);
                if (!redact_is_needed(root, texts[i], strlen(texts[i]), &secrets))
                        fail_msg("%s", texts[i]);
                json_object_put(root);
        }
}

static void test_repeated_secret_in_utf16(void **state) {
        static const char text[] = "{\"msg\":\"" KDSTOKEN "\"}";
        char body[2 * sizeof(text)] = {};
        CLEANUP(koodrive_answer_clear) struct koodrive_answer a = {};

        for (size_t i = 0; i < sizeof(text); i++)
                body[2 * i] = text[i];
        koodrive_answer_read(
                &(struct http_answer){.status = 400, .body = body, .body_length = 2 * strlen(text)},
                &query, *state, NOW, &a);
        assert_string_equal(a.message, "*"); /* it was read */
        assert_null(a.json);
}

/* json-c's own, which has no memory for a number's text. */
static bool has_no_text;

const char *json_object_get_string(json_object *value) {
        static const char *(*original)(json_object * value);

        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "json_object_get_string");
        return has_no_text && json_object_is_type(value, json_type_int) ? NULL : original(value);
}

static void test_no_memory_to_look(void **state) {
        const struct secrets secrets = {{"1234"}};
        const char *text = "{\"a\": 5, \"b\": \"\\n\"}"; /* with an escape, which is looked into */
        json_object *root = json_tokener_parse(text);

        (void) state;
        assert_false(redact_is_needed(root, text, strlen(text), &secrets));
        has_no_text = true;
        assert_true(redact_is_needed(root, text, strlen(text), &secrets)); /* it may be one */
        has_no_text = false;
        json_object_put(root);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_controls_are_replaced),
                cmocka_unit_test(test_what_is_no_utf8),
                cmocka_unit_test(test_cut_between_characters),
                cmocka_unit_test(test_code_is_cut_between_characters),
                cmocka_unit_test(test_longest_message),
                cmocka_unit_test(test_very_long_message),
                cmocka_unit_test(test_secrets_wherever_they_are),
                cmocka_unit_test(test_secrets_at_the_cut),
                cmocka_unit_test(test_secrets_in_an_error),
                cmocka_unit_test(test_what_a_secret_becomes),
                cmocka_unit_test(test_repeated_secrets),
                cmocka_unit_test(test_secrets_in_numbers),
                cmocka_unit_test(test_repeated_secret_in_utf16),
                cmocka_unit_test(test_no_memory_to_look),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
