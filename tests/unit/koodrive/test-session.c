/*
 * Answers about a new token
 */
#include "koowatchd/koodrive/session.h"
#include "unit/koodrive/answers.h"

static struct koodrive_session read_session_http(json_tokener *tokener,
                                                 const struct http_answer *http) {
        struct koodrive_session s;

        koodrive_session_read(http, &query.who, REFRESH_SECRET, tokener, NOW, &s);
        assert_null(s.answer.json);
        return s;
}

static struct koodrive_session read_session(json_tokener *tokener, long status, const char *body) {
        return read_session_http(
                tokener,
                &(struct http_answer){.status = status, .body = body, .body_length = strlen(body)});
}

static void assert_text(const char *text, const char *expected, const char *body) {
        if (text && expected ? !streq(text, expected) : text != expected)
                fail_msg("%s: \"%s\", not \"%s\"", body, text ? text : "NULL",
                         expected ? expected : "NULL");
}

static void check_session(json_tokener *tokener, const char *body, const char *token,
                          const char *refresh_token, usec_t lifetime) {
        CLEANUP(koodrive_session_clear)
        struct koodrive_session s = read_session(tokener, 200, body);

        assert_text(s.token, token, body);
        assert_text(s.refresh_token, refresh_token, body);
        if (s.lifetime != lifetime)
                fail_msg("%s: %jd", body, (intmax_t) s.lifetime);
        assert_int_equal(s.answer.disposition.class, token ? KOODRIVE_TASK : KOODRIVE_TRANSIENT);
        if (!token)
                assert_true(strstr(s.answer.why, "without a token") ||
                            strstr(s.answer.why, "cannot be parsed"));
}

#define INFO                                                                              \
        "{\"accessToken\":\"AT 3b91\",\"expiresIn\":1800,\"issuedAt\":\"1772006999088\"," \
        "\"refreshToken\":\"9f3e\"}"

static void test_session_wherever_it_is(void **state) {
        static const char *const bodies[] = {
                "{\"code\":0,\"msg\":\"success\",\"data\":{\"sessionInfo\":" INFO "}}",
                "{\"code\":\"0\",\"msg\":\"success\",\"data\":" INFO "}",
                "{\"code\":0,\"sessionInfo\":" INFO "}",
                "{\"data\":null,\"sessionInfo\":" INFO "}",
                "{\"data\":[1],\"sessionInfo\":" INFO "}",
                "{\"data\":{\"userInfo\":{\"userId\":\"1\"},\"sessionInfo\":" INFO "}}",
                "{\"data\":{},\"sessionInfo\":" INFO "}",
                "{\"data\":{\"sessionInfo\":{},\"accessToken\":null},\"sessionInfo\":" INFO "}",
                INFO,
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                check_session(*state, bodies[i], "AT 3b91", "9f3e", 1800 * USEC_SEC);

        check_session(*state, "{\"sessionInfo\":null,\"data\":{\"x\":1},\"accessToken\":\"x\"}",
                      "x", NULL, -1);
        /* The enterprise's, which says no more. */
        check_session(*state, "{\"code\":0,\"msg\":\"ok\",\"accessToken\":\"Bearer+013b\"}",
                      "Bearer+013b", NULL, -1);
}

static void test_session_lifetime(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"1800", 1800 * USEC_SEC},
                {"\"1800\"", 1800 * USEC_SEC},
                {"1800.0", 1800 * USEC_SEC},
                {"1", USEC_SEC},
                {"2592000", 30 * USEC_DAY},
                {"2592001", -1},
                {"1772006999088", -1},
                {"9223372036854775807", -1},
                {"99999999999999999999999", -1},
                {"\"99999999999999999999999\"", -1},
                {"1e300", -1},
                {"0", -1},
                {"\"0\"", -1},
                {"-1", -1},
                {"\"-1800\"", -1},
                {"0.5", -1},
                {"null", -1},
                {"\"\"", -1},
                {"\"30min\"", -1},
                {"{}", -1},
        };

        check_session(*state, "{\"accessToken\":\"x\"}", "x", NULL, -1);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"accessToken\":\"x\",\"expiresIn\":%s}", cases[i].text);

                check_session(*state, body, "x", NULL, cases[i].expected);
        }
}

/* It goes into a header as it is, so it must be one that can. */
static void test_session_token(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"\"Bearer 6ebb\"", "Bearer 6ebb"},
                {"\"Bearer+6ebb\\/=\"", "Bearer+6ebb/="},
                {"\" 6ebb \"", "6ebb"},
                {"\"6ebb\\n\"", "6ebb"},
                {"\"6ebb\\r\\n\"", "6ebb"},
                {"\"!~\\\"\\\\\"", "!~\"\\"},
                {"\"\"", NULL},
                {"\"\\n\"", NULL},
                {"\"6eb\\nb\"", NULL},
                {"\"\\n6ebb\"", "6ebb"},
                {"\"6eb\\r\\nX-Evil: 1\"", NULL},
                {"\"6eb\\tb\"", NULL},
                {"\"6eb\\u0000b\"", NULL},
                {"\"6ebb\\u0000\"", NULL},
                {"\"6eb\\u001bb\"", NULL},
                {"\"6eb\\u007fb\"", NULL},
                {"\"6eb\\u00e9\"", NULL},
                {"17", NULL},
                {"null", NULL},
                {"true", NULL},
                {"[\"6ebb\"]", NULL},
                {"{\"token\":\"6ebb\"}", NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body =
                        str_printf("{\"accessToken\":%s,\"refreshToken\":\"r\"}", cases[i].text);
                CLEANUP(freep)
                char *second =
                        str_printf("{\"accessToken\":\"t\",\"refreshToken\":%s}", cases[i].text);

                check_session(*state, body, cases[i].expected, cases[i].expected ? "r" : NULL, -1);
                check_session(*state, second, "t", cases[i].expected, -1);
        }
}

static void test_session_token_is_never_cut(void **state) {
        static const size_t lengths[] = {16 * 1024, 16 * 1024 + 1};

        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
                CLEANUP(freep) char *token = text_of(lengths[i], "", 0);
                CLEANUP(freep) char *body = str_printf("{\"accessToken\":\"%s\"}", token);

                check_session(*state, body, i == 0 ? token : NULL, NULL, -1);
        }
}

/* With a token inside or without: who says no gives none. */
static void test_session_refused(void **state) {
        static const struct {
                long status;
                const char *body;
                enum koodrive_class class;
                const char *why; /* must be in it */
        } cases[] = {
                {401,
                 "{\"error_code\":\"APIG.1001\",\"error_msg\":\"Refresh token expired\","
                 "\"request_id\":\"0f0e\"}",
                 KOODRIVE_UNAUTHORIZED, "the refresh token has expired (HTTP 401, code APIG.1001"},
                {200, "{\"code\":13000102,\"data\":{\"sessionInfo\":" INFO "}}", KOODRIVE_REJECTED,
                 "code 13000102"},
                {200, "{\"code\":\"7\",\"msg\":\"no\",\"accessToken\":\"x\"}", KOODRIVE_UNREACHABLE,
                 "code 7: no"},
                {401, INFO, KOODRIVE_UNAUTHORIZED, "HTTP 401"},
                {500, INFO, KOODRIVE_UNREACHABLE, "HTTP 500"},
                {302, INFO, KOODRIVE_TRANSIENT, "redirect"},
                {429, THROTTLED, KOODRIVE_THROTTLED, "APIG.0308"},
                {404, "{\"error_code\":\"APIG.0101\"}", KOODRIVE_MISCONFIGURED, "APIG.0101"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_session_clear)
                struct koodrive_session s = read_session(*state, cases[i].status, cases[i].body);

                assert_null(s.token);
                assert_null(s.refresh_token);
                assert_int_equal(s.lifetime, -1);
                assert_int_equal(s.answer.disposition.class, cases[i].class);
                if (!strstr(s.answer.why, cases[i].why))
                        fail_msg("\"%s\" lacks \"%s\"", s.answer.why, cases[i].why);
        }
}

static void test_session_that_is_none(void **state) {
        static const char *const bodies[] = {
                "",
                "[]",
                "[{\"accessToken\":\"x\"}]",
                "{}",
                "null",
                "\"accessToken\"",
                "{\"code\":0,\"msg\":\"success\",\"data\":{\"sessionInfo\":{}}}",
                "{\"accessToken\":\"x\"",
                "{\"accessToken\":\"\xff\"}",
                "{\"accesstoken\":\"x\"}",
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                check_session(*state, bodies[i], NULL, NULL, -1);
}

static void test_session_without_answer(void **state) {
        static const struct {
                enum http_outcome outcome;
                enum koodrive_class class;
        } cases[] = {
                {HTTP_UNREACHABLE, KOODRIVE_UNREACHABLE},
                {HTTP_UNTRUSTED, KOODRIVE_MISCONFIGURED},
                {HTTP_MALFORMED, KOODRIVE_TRANSIENT},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_session_clear)
                struct koodrive_session s = read_session_http(
                        *state, &(struct http_answer){.outcome = cases[i].outcome,
                                                      .error = "refused " REFRESH_SECRET,
                                                      .status = 200,
                                                      .body = INFO,
                                                      .body_length = strlen(INFO)});

                assert_null(s.token);
                assert_int_equal(s.answer.disposition.class, cases[i].class);
                assert_string_equal(s.answer.why, "refused *");
        }
}

static void test_session_hints(void **state) {
        static const struct http_header headers[] = {{"Date", NOW_TEXT}, {"Retry-After", "30"}};
        CLEANUP(koodrive_session_clear)
        struct koodrive_session throttled =
                read_session_http(*state, &(struct http_answer){.status = 429,
                                                                .body = THROTTLED,
                                                                .body_length = strlen(THROTTLED),
                                                                .headers = headers,
                                                                .n_headers = ARRAY_LEN(headers)});
        CLEANUP(koodrive_session_clear)
        struct koodrive_session well =
                read_session_http(*state, &(struct http_answer){.status = 200,
                                                                .body = INFO,
                                                                .body_length = strlen(INFO),
                                                                .headers = headers,
                                                                .n_headers = ARRAY_LEN(headers)});

        assert_int_equal(throttled.answer.retry_after, 30 * USEC_SEC);
        assert_int_equal(throttled.answer.window, USEC_SEC);
        assert_int_equal(throttled.answer.date, NOW);
        assert_int_equal(well.answer.retry_after, -1);
        assert_int_equal(well.answer.date, NOW);
}

static void test_session_tells_no_secret(void **state) {
        static const char *const own[] = {
                REFRESH_SECRET,
                TOKEN,
                TOKEN_HEX,
                TOKEN REFRESH_SECRET,
                "x" REFRESH_SECRET REFRESH_SECRET "x" TOKEN_HEX,
        };

        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                for (size_t head = 0; head < 260; head++) {
                        CLEANUP(freep) char *text = text_of(head, "", 0);
                        CLEANUP(freep)
                        char *body = str_printf("{\"error_code\":\"%s%s\",\"msg\":\"%s%s\"}", text,
                                                own[i], text, own[i]);
                        CLEANUP(koodrive_session_clear)
                        struct koodrive_session s = read_session(*state, 400, body);

                        assert_tells_nothing(&s.answer);
                }
}

static void test_session_clear(void **state) {
        struct koodrive_session s = read_session(*state, 200, INFO), empty = {};

        koodrive_session_clear(&s);
        koodrive_session_clear(&s);
        assert_memory_equal(&s, &empty, sizeof(s));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_session_wherever_it_is),
                cmocka_unit_test(test_session_lifetime),
                cmocka_unit_test(test_session_token),
                cmocka_unit_test(test_session_token_is_never_cut),
                cmocka_unit_test(test_session_refused),
                cmocka_unit_test(test_session_that_is_none),
                cmocka_unit_test(test_session_without_answer),
                cmocka_unit_test(test_session_hints),
                cmocka_unit_test(test_session_tells_no_secret),
                cmocka_unit_test(test_session_clear),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
