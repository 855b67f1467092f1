/*
 * Answers that tell nothing of the task: what they mean, and in what words
 */
#include "koowatchd/koodrive/answer.h"
#include "unit/koodrive/answers.h"

/* Without a code in the body, the status tells. */
static void test_statuses(void **state) {
        static const struct fault_case cases[] = {
                {401, "", KOODRIVE_UNAUTHORIZED, "(HTTP 401)"},
                {401, RUNNING, KOODRIVE_UNAUTHORIZED, "(HTTP 401: success)", "", "success"},
                {403, "<html>", KOODRIVE_UNREACHABLE, "a web page instead"},
                {403, "no", KOODRIVE_UNAUTHORIZED, "(HTTP 403)"},
                {404, "", KOODRIVE_MISCONFIGURED, "(HTTP 404)"},
                {405, "", KOODRIVE_UNREACHABLE, "(HTTP 405)"},
                {407, "<html>", KOODRIVE_MISCONFIGURED, "(HTTP 407)"},
                {413, "", KOODRIVE_UNREACHABLE, "(HTTP 413)"},
                {429, "", KOODRIVE_THROTTLED, "(HTTP 429)"},
                {400, "", KOODRIVE_UNREACHABLE, "(HTTP 400)"},
                {400, RUNNING, KOODRIVE_UNREACHABLE, "(HTTP 400: success)", "", "success"},
                {500, "", KOODRIVE_UNREACHABLE, "(HTTP 500)"},
                {500, RUNNING, KOODRIVE_UNREACHABLE, "(HTTP 500: success)", "", "success"},
                {500, "{\"code\":\"0\"}", KOODRIVE_UNREACHABLE, "(HTTP 500)"},
                {502, "<html><body>Bad Gateway</body></html>", KOODRIVE_UNREACHABLE, "(HTTP 502)"},
                {503, "{\"code\":13000", KOODRIVE_UNREACHABLE, "(HTTP 503)"},
                {504, "[]", KOODRIVE_UNREACHABLE, "(HTTP 504)"},
                {599, "", KOODRIVE_UNREACHABLE, "(HTTP 599)"},
                {302, "", KOODRIVE_TRANSIENT, "redirect"},
                {304, RUNNING, KOODRIVE_TRANSIENT, "redirect", "", "success"},
                {600, "", KOODRIVE_TRANSIENT, "(HTTP 600)"},
                {204, "", KOODRIVE_TRANSIENT, "cannot be parsed: it is empty"},
                {200, "{\"code\":0,\"msg\":\"success\"}", KOODRIVE_TRANSIENT, "no task", "",
                 "success"},
                {200, "{\"code\":0,\"jobInfo\":[{\"taskStatus\":2}]}", KOODRIVE_TRANSIENT,
                 "no task"},
                {200, "{\"code\":0,\"jobInfo\":\"taskStatus\",\"data\":[]}", KOODRIVE_TRANSIENT,
                 "no task"},
                {200, "{\"status\":2}", KOODRIVE_UNREACHABLE, "not from KooDrive"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

/* However it is written, and whatever the status says beside it. */
static void test_codes(void **state) {
        static const struct fault_case cases[] = {
                {400, "{\"code\":13000410,\"msg\":\"no\"}", KOODRIVE_REJECTED,
                 "(HTTP 400, code 13000410: no)", "13000410", "no"},
                {400, "{\"code\":\"13000102\",\"msg\":\"Verify parameters failed.\"}",
                 KOODRIVE_REJECTED, "(HTTP 400, code 13000102: Verify parameters failed.)",
                 "13000102", "Verify parameters failed."},
                {400, "{\"code\":13000410.0}", KOODRIVE_REJECTED, "(HTTP 400, code 13000410)",
                 "13000410"},
                {200, "{\"code\":13000309,\"msg\":\"not found\"}", KOODRIVE_RETRY_LIMITED,
                 "(HTTP 200, code 13000309: not found)", "13000309", "not found"},
                {200, "{\"code\":\"13000309\",\"jobInfo\":{\"taskStatus\":2}}",
                 KOODRIVE_RETRY_LIMITED, "13000309", "13000309"},
                {200, "{\"code\":-1,\"jobInfo\":{\"taskStatus\":2}}", KOODRIVE_UNREACHABLE,
                 "code -1", "-1"},
                {500, "{\"code\":13000201,\"msg\":\"inner server invoke failure\"}",
                 KOODRIVE_TRANSIENT, "(HTTP 500, code 13000201: inner server invoke failure)",
                 "13000201", "inner server invoke failure"},
                {503, "{\"msg\":\"x\",\"code\":\"13000201\"}", KOODRIVE_TRANSIENT, "13000201",
                 "13000201", "x"},
                {401, "{\"code\":\"401\",\"msg\":\"no\"}", KOODRIVE_UNAUTHORIZED,
                 "(HTTP 401, code 401: no)", "401", "no"},
                /* The gateway's, under either name. */
                {401, SIGNATURE_EXPIRED, KOODRIVE_UNAUTHORIZED, "code APIG.0303: Incorrect app",
                 "APIG.0303", EXPIRED_TEXT},
                {429, THROTTLED, KOODRIVE_THROTTLED, "code APIG.0308: The throttling", "APIG.0308",
                 THROTTLED_TEXT},
                {400, "{\"code\":\"APIG.0308\",\"msg\":\"x\"}", KOODRIVE_THROTTLED,
                 "code APIG.0308: x", "APIG.0308", "x"},
                {403, "{\"code\":\"APIGW.0302\"}", KOODRIVE_UNAUTHORIZED, "APIGW.0302",
                 "APIGW.0302"},
                {403, "{\"error_code\":\"APIG.0302\",\"error_msg\":\"\"}", KOODRIVE_UNAUTHORIZED,
                 "(HTTP 403, code APIG.0302)", "APIG.0302"},
                {404, "{\"error_code\":\"APIG.0101\",\"error_msg\":\"The API does not exist\"}",
                 KOODRIVE_MISCONFIGURED, "APIG.0101: The API", "APIG.0101",
                 "The API does not exist"},
                {500, "{\"error_code\":\"APIG.0601\",\"error_msg\":\"internal\"}",
                 KOODRIVE_UNREACHABLE, "APIG.0601: internal", "APIG.0601", "internal"},
                {200, "{\"error_code\":\"APIG.0307\",\"jobInfo\":{\"taskStatus\":2}}",
                 KOODRIVE_UNAUTHORIZED, "APIG.0307", "APIG.0307"},
                /* KooDrive's own in the gateway's words, as old pages have it. */
                {400,
                 "{\"error_code\":\"13000102\",\"error_msg\":\"Verify parameters failed.\","
                 "\"request_id\":\"0f0e0d0c0b0a09080706050403020100\"}",
                 KOODRIVE_REJECTED, "code 13000102: Verify", "13000102",
                 "Verify parameters failed."},
                {400, "{\"error_code\":13000102}", KOODRIVE_REJECTED, "13000102", "13000102"},
                {400, "{\"error_code\":\"KOO.0001\"}", KOODRIVE_UNREACHABLE, "code KOO.0001",
                 "KOO.0001"},
                /* KooDrive's word counts before the gateway's, but success is no word. */
                {400, "{\"error_code\":\"APIG.0301\",\"code\":13000311}", KOODRIVE_REJECTED,
                 "13000311", "13000311"},
                {401, "{\"error_code\":\"APIG.0301\",\"code\":0}", KOODRIVE_UNAUTHORIZED,
                 "APIG.0301", "APIG.0301"},
                {400, "{\"msg\":\"one\",\"error_msg\":\"two\",\"code\":13000311}",
                 KOODRIVE_REJECTED, ": one)", "13000311", "one"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

static void test_no_code(void **state) {
        static const char *const codes[] = {"0", "\"0\"", "0.0", "null", "{}", "[1]", "\"\""};

        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"code\":%s,\"error_code\":%s}", codes[i], codes[i]);

                check_fault(*state,
                            &(struct fault_case){400, body, KOODRIVE_UNREACHABLE, "HTTP 400"});
        }
}

/* What a refusal says besides is kept for the hooks. */
static void test_faults_keep_their_object(void **state) {
        static const struct {
                long status;
                const char *body;
                bool is_object;
        } cases[] = {
                {400, "{\"code\":13000311,\"left\":7}", true},
                {200, "{\"left\":7}", true},
                {200, "{\"jobInfo\":{\"taskId\":\"1\",\"taskStatus\":2},\"left\":7}", true},
                {400, "[{\"left\":7}]", false},
                {400, "7", false},
                {400, "{\"left\":7", false},
                {400, "", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, cases[i].status, cases[i].body);
                json_object *left;

                assert_int_equal(a.json != NULL, cases[i].is_object);
                if (cases[i].is_object) {
                        assert_true(json_object_object_get_ex(a.json, "left", &left));
                        assert_int_equal(json_object_get_int(left), 7);
                }
        }
}

/* A code beside a job of this very task; without its id it may be anybody's. */
static void test_code_beside_a_job(void **state) {
        static const char *const codes[] = {
                "200",      "\"200\"",       "1",  "\"success\"",    "\"NONE\"",
                "13000306", "\"APIG.0308\"", "-1", "\"error_code\"", "500",
        };

        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"jobInfo\":{\"taskId\":\"" TASK "\",\"taskStatus\":2},"
                                        "\"code\":%s,\"msg\":\"m\"}",
                                        codes[i]);
                CLEANUP(freep)
                char *other = str_printf("{\"jobInfo\":{\"taskId\":\"1\",\"taskStatus\":2},"
                                         "\"code\":%s}",
                                         codes[i]);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, 200, other);

                check_task(*state, &(struct task_case){body, 2, .progress = -1});
                assert_int_not_equal(a.disposition.class, KOODRIVE_TASK);
        }
        /* No usable status: the code is all there is. */
        check_fault(*state, &(struct fault_case){200,
                                                 "{\"jobInfo\":{\"taskId\":\"" TASK
                                                 "\",\"taskStatus\":null},\"code\":13000306}",
                                                 KOODRIVE_REJECTED, "13000306", "13000306"});
}

/* Any service may have a "status" in its "data". */
static void test_status_of_something_else(void **state) {
        static const struct fault_case cases[] = {
                {200, "{\"code\":0,\"data\":{\"status\":3,\"message\":\"please log in\"}}",
                 KOODRIVE_TRANSIENT, "no task"},
                {200, "{\"data\":{\"status\":2}}", KOODRIVE_TRANSIENT, "no task"},
        };
        static const struct task_case own = {"{\"data\":{\"taskId\":\"" TASK "\",\"status\":2}}", 2,
                                             .progress = -1};

        check_faults(*state, cases, ARRAY_LEN(cases));
        check_task(*state, &own);
}

static void test_nested_error(void **state) {
        static const struct fault_case cases[] = {
                {400, "{\"error\":{\"code\":13000306,\"message\":\"bin\"}}", KOODRIVE_REJECTED,
                 "(HTTP 400, code 13000306: bin)", "13000306", "bin"},
                {400, "{\"error\":{\"errorCode\":\"13000306\",\"errorMsg\":\"bin\"}}",
                 KOODRIVE_REJECTED, "bin", "13000306", "bin"},
                {400, "{\"error\":{\"errorData\":{\"x\":1},\"error_code\":\"APIG.0307\"}}",
                 KOODRIVE_UNAUTHORIZED, "APIG.0307", "APIG.0307"},
                {400, "{\"code\":400,\"msg\":\"no\",\"error\":{\"code\":13000306}}",
                 KOODRIVE_REJECTED, "no", "13000306", "no"},
                {400, "{\"errorCode\":13000306}", KOODRIVE_REJECTED, "13000306", "13000306"},
                {400, "{\"error\":\"13000306\"}", KOODRIVE_UNREACHABLE, "HTTP 400"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

/* What KooDrive itself has said, or what is of its type, is not waited for for ever. */
static void test_overdue(void **state) {
        static const struct {
                long status;
                const char *type, *body;
                bool overdue;
        } cases[] = {
                {200, "application/json", "{\"code\":", true},
                {200, "application/JSON;charset=UTF-8", "", true},
                {200, "application/json", "{\"code\":0,\"msg\":\"ok\"}", true},
                {200, "text/plain", "{\"code\":", false},
                {200, "application/json", "{\"error\":\"blocked\"}", false},
                {200, "text/html", "<html>", false},
                {400, "application/json", "{\"code\":13000999}", true},
                {500, "application/json", "{\"code\":13000201}", true},
                {400, "application/json", "{\"code\":\"Forbidden\"}", false},
                {400, "application/json", "", false},
                {502, "application/json", "{\"code\":", false},
                {401, "application/json", "{\"error_code\":\"APIG.0307\"}", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct http_header header = {"content-type", cases[i].type};
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_headers(*state, cases[i].status, cases[i].body, &header, 1);

                if (a.disposition.overdue != cases[i].overdue)
                        fail_msg("HTTP %ld, %s: %s", cases[i].status, cases[i].body, a.why);
        }
}

/* One whose end is missing: by its type it was KooDrive's. */
static void test_overdue_without_an_end(void **state) {
        static const struct {
                enum http_outcome outcome;
                const char *type;
                bool overdue;
        } cases[] = {
                {HTTP_MALFORMED, "application/json", true},
                {HTTP_MALFORMED, "text/html", false},
                {HTTP_DROPPED, "application/json", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct http_header header = {"content-type", cases[i].type};
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_http(*state, &(struct http_answer){.outcome = cases[i].outcome,
                                                                .error = "it has no end",
                                                                .status = 200,
                                                                .headers = &header,
                                                                .n_headers = 1});

                if (a.disposition.overdue != cases[i].overdue)
                        fail_msg("%d, %s", (int) cases[i].outcome, cases[i].type);
        }
}

static void test_no_answer(void **state) {
        static const struct http_header date = {"Date", NOW_TEXT};
        static const struct {
                enum http_outcome outcome;
                enum koodrive_class class;
                const char *advice; /* must be in it */
        } cases[] = {
                {HTTP_UNREACHABLE, KOODRIVE_UNREACHABLE, NULL},
                {HTTP_DROPPED, KOODRIVE_UNREACHABLE, NULL},
                {HTTP_UNTRUSTED, KOODRIVE_MISCONFIGURED, "set CAFile="},
                {HTTP_UNTRUSTED_DATE, KOODRIVE_MISCONFIGURED, "clock"},
                {HTTP_UNTRUSTED_NAME, KOODRIVE_MISCONFIGURED, "Endpoint="},
                {HTTP_CA_FILE_UNUSABLE, KOODRIVE_MISCONFIGURED, "user can read"},
                {HTTP_MALFORMED, KOODRIVE_TRANSIENT, NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_http(*state, &(struct http_answer){.outcome = cases[i].outcome,
                                                                .error = "connection\nrefused",
                                                                .status = 200,
                                                                .body = RUNNING,
                                                                .body_length = strlen(RUNNING),
                                                                .headers = &date,
                                                                .n_headers = 1});

                assert_int_equal(a.disposition.class, cases[i].class);
                assert_string_equal(a.why, "connection?refused");
                assert_string_equal(a.code, "");
                assert_string_equal(a.message, "");
                assert_int_equal(a.date, NOW);
                assert_null(a.json);
                if (cases[i].advice)
                        assert_non_null(strstr(a.disposition.advice, cases[i].advice));
        }
}

/* A tunnel that the proxy refuses: its credentials are the administrator's, all else passes. */
static void test_a_refused_tunnel(void **state) {
        static const struct {
                long status;
                enum koodrive_class class;
                const char *why;
        } cases[] = {
                {407, KOODRIVE_MISCONFIGURED, "(HTTP 407)"},
                {406, KOODRIVE_UNREACHABLE, "the proxy refused the connection (HTTP 406)"},
                {503, KOODRIVE_UNREACHABLE, "the proxy refused the connection (HTTP 503)"},
                {1, KOODRIVE_UNREACHABLE, "the proxy refused the connection (HTTP 1)"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_answer a =
                        read_http(*state, &(struct http_answer){.outcome = HTTP_UNREACHABLE,
                                                                .error = "CONNECT tunnel failed",
                                                                .connect_status = cases[i].status});

                assert_int_equal(a.disposition.class, cases[i].class);
                assert_non_null(strstr(a.why, cases[i].why));
                koodrive_answer_clear(&a);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_statuses),
                cmocka_unit_test(test_codes),
                cmocka_unit_test(test_no_code),
                cmocka_unit_test(test_faults_keep_their_object),
                cmocka_unit_test(test_code_beside_a_job),
                cmocka_unit_test(test_status_of_something_else),
                cmocka_unit_test(test_nested_error),
                cmocka_unit_test(test_overdue),
                cmocka_unit_test(test_overdue_without_an_end),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_a_refused_tunnel),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
