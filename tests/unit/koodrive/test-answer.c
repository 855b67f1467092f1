/*
 * KooDrive's answers about the task, as tables of bodies
 */
#include "koowatchd/koodrive/answer.h"
#include "unit/koodrive/answers.h"

#define PENDING                                                                                 \
        "{\"jobInfo\":{\"userId\":\"1684711050387378049\",\"taskId\":\"" TASK                   \
        "\",\"taskType\":1,\"taskStatus\":0,\"createTime\":\"20250520022907\",\"progress\":0}," \
        "\"taskInfos\":[],\"code\":0,\"msg\":\"Success.\"}"
#define WORKED_EXAMPLE                                                                       \
        "{\"jobInfo\":{\"userId\":\"1684711050387378049\",\"taskId\":\"" TASK                \
        "\",\"taskType\":1,\"taskStatus\":2,\"taskResultCode\":1,"                           \
        "\"createTime\":\"20250520022907\",\"startTime\":\"20250520022907\","                \
        "\"endTime\":\"20250520022907\",\"progress\":100},"                                  \
        "\"taskInfos\":[{\"fileId\":\"Fk63FCWhcDAga2puvYKRG1oTMjs-m30sI\",\"status\":\"1\"," \
        "\"newFileId\":\"FpUqGxkEf54_NeuRnzRdGmrIrzQCPnKCP\","                               \
        "\"srcContainerId\":\"IAABh_RdhS8bOg0cA1684711052660690818\"}],"                     \
        "\"code\":0,\"msg\":\"Success.\"}"
#define DUMPED                                                                               \
        "{\"code\":0,\"msg\":\"Success.\",\"jobInfo\":{\"taskId\":\"" TASK                   \
        "\",\"taskType\":2,\"taskStatus\":2,\"taskResultCode\":2,\"progress\":100},"         \
        "\"taskInfos\":[{\"fileId\":\"F1\",\"status\":\"1\",\"newFileId\":\"N1\","           \
        "\"srcContainerId\":\"C1\"},{\"fileId\":\"F2\",\"status\":\"2\",\"newFileId\":\"\"," \
        "\"srcContainerId\":\"C1\"}]}"

static void test_dialects(void **state) {
        static const struct task_case cases[] = {
                {PENDING, 0, .type = 1},
                {RUNNING, 1, .progress = 70, .type = 1},
                {PACKED, 2, .result = 1, .progress = 100, .type = 1, .url = URL},
                {WORKED_EXAMPLE, 2, .result = 1, .progress = 100, .type = 1},
                {DUMPED, 2, .result = 2, .progress = 100, .type = 2},
                {OF_2024, 3, .result = 3, .progress = 40, .type = 1},
                {STRINGY, 2, .result = 1, .progress = 100, .type = 1},
                /* Inside data, as the batch jobs have it, and without any container. */
                {"{\"code\":\"0\",\"data\":{\"jobInfo\":{\"status\":2,\"taskResultCode\":3}}}", 2,
                 .result = 3, .progress = -1},
                {"{\"code\":0,\"data\":{\"taskId\":\"" TASK "\",\"taskStatus\":1}}", 1,
                 .progress = -1},
                {"{\"taskStatus\":1,\"progress\":5}", 1, .progress = 5},
                {"{\"code\":0,\"jobInfo\":null,\"taskInfo\":{\"taskStatus\":1}}", 1,
                 .progress = -1},
                {"{\"code\":0,\"jobInfo\":{},\"data\":{\"jobInfo\":{\"taskStatus\":3}}}", 3,
                 .progress = -1},
        };

        check_tasks(*state, cases, ARRAY_LEN(cases));
}

static void test_code_of_success(void **state) {
        static const struct task_case cases[] = {
                {"{\"code\":\"0\",\"jobInfo\":{\"taskStatus\":1}}", 1, .progress = -1},
                {"{\"code\":0.0,\"jobInfo\":{\"taskStatus\":1}}", 1, .progress = -1},
                {"{\"code\":null,\"jobInfo\":{\"taskStatus\":1}}", 1, .progress = -1},
                {"{\"jobInfo\":{\"taskStatus\":1}}", 1, .progress = -1},
        };

        check_tasks(*state, cases, ARRAY_LEN(cases));
}

/* Blanks, the order of keys, keys that nobody knows, the same key twice. */
static void test_form_does_not_matter(void **state) {
        static const struct task_case cases[] = {
                {" \r\n\t{ \"jobInfo\" :\n{\t\"taskStatus\" : 1 } , \"code\" : 0 }\r\n \n", 1,
                 .progress = -1},
                {"{\"new\":[{\"x\":{}}],\"jobInfo\":{\"more\":[1,2],\"taskStatus\":1,\"\":0},"
                 "\"code\":0}",
                 1, .progress = -1},
                {JOB("\"taskStatus\":0,\"taskStatus\":1"), 1, .progress = -1},
                {"{\"c\\u006fde\":0,\"job\\u0049nfo\":{\"taskStatus\":1}}", 1, .progress = -1},
                {"{\"jobInfo\":{\"taskStatus\":1},\"taskInfos\":{\"fileId\":\"F\"}}", 1,
                 .progress = -1},
                {"{\"jobInfo\":{\"taskStatus\":1},\"taskInfos\":\"none\"}", 1, .progress = -1},
        };

        check_tasks(*state, cases, ARRAY_LEN(cases));
}

/* No end, but not a fault either: what it says is told once, and the polling goes on. */
static void test_status_nobody_documents(void **state) {
        static const struct task_case cases[] = {
                {JOB("\"taskStatus\":4"), UNKNOWN, 4, .progress = -1},
                {JOB("\"taskStatus\":\"17\""), UNKNOWN, 17, .progress = -1},
                {JOB("\"taskStatus\":-7"), UNKNOWN, -7, .progress = -1},
                {JOB("\"taskStatus\":\"done\""), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":\"\""), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":\"2x\""), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":null"), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":true"), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":[2]"), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":2.5"), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":2e300"), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":\"99999999999999999999\""), UNKNOWN, .progress = -1},
                {JOB("\"taskStatus\":2.0"), 2, .progress = -1},
        };

        check_tasks(*state, cases, ARRAY_LEN(cases));
}

static void test_huge_numbers(void **state) {
        static const char *const numbers[] = {
                "4294967298",           /* 2 in the low 32 bits */
                "18446744073709551618", /* 2 in the low 64 */
                "-18446744073709551614",
                "9223372036854775807",
                "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
        };

        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                CLEANUP(freep)
                char *body = str_printf(
                        "{\"jobInfo\":{\"taskStatus\":%s,\"taskResultCode\":%s,\"taskType\":%s}}",
                        numbers[i], numbers[i], numbers[i]);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, 200, body);

                assert_int_equal(a.disposition.class, KOODRIVE_TASK);
                assert_int_equal(a.status, UNKNOWN);
                assert_int_equal(a.result, KOODRIVE_RESULT_UNKNOWN);
                assert_int_equal(a.type, 0);
        }
}

static void test_end(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"\"20250520022907\"", 1747708147 * USEC_SEC},
                {"20250520022907", 1747708147 * USEC_SEC},
                {"\"\"", -1},
                {"null", -1},
                {"\"2025-05-20 02:29:07\"", -1},
                {"1747708147", -1},
                {"1747708147000", -1},
                {"-20250520022907", -1},
                {"202505200229070", -1},
                {"[20250520022907]", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"jobInfo\":{\"taskStatus\":2,\"endTime\":%s}}",
                                        cases[i].text);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, 200, body);

                assert_int_equal(a.disposition.class, KOODRIVE_TASK);
                assert_int_equal(a.ended, cases[i].expected);
        }
}

static void test_result_code(void **state) {
        static const struct {
                const char *text;
                enum koodrive_result expected;
        } cases[] = {
                {"1", KOODRIVE_RESULT_SUCCEEDED},  {"\"2\"", KOODRIVE_RESULT_PARTIAL},
                {"3.0", KOODRIVE_RESULT_FAILED},   {"0", KOODRIVE_RESULT_UNKNOWN},
                {"4", KOODRIVE_RESULT_UNKNOWN},    {"-1", KOODRIVE_RESULT_UNKNOWN},
                {"null", KOODRIVE_RESULT_UNKNOWN}, {"\"all\"", KOODRIVE_RESULT_UNKNOWN},
        };

        check_task(*state, &(struct task_case){JOB("\"taskStatus\":2"), 2, .progress = -1});
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body =
                        str_printf(JOB("\"taskStatus\":2,\"taskResultCode\":%s"), cases[i].text);

                check_task(*state, &(struct task_case){body, 2, .result = cases[i].expected,
                                                       .progress = -1});
        }
}

static void test_type(void **state) {
        static const struct {
                const char *text;
                int expected;
        } cases[] = {{"1", 1}, {"\"2\"", 2}, {"999", 999}, {"1000", 0},
                     {"0", 0}, {"-1", 0},    {"null", 0},  {"\"x\"", 0}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf(JOB("\"taskStatus\":1,\"taskType\":%s"), cases[i].text);

                check_task(*state,
                           &(struct task_case){body, 1, .progress = -1, .type = cases[i].expected});
        }
}

/* Clamped for display; that it says 100 ends nothing. */
static void test_progress(void **state) {
        static const struct {
                const char *text;
                int expected;
        } cases[] = {
                {"0", 0},           {"100", 100},
                {"101", 100},       {"-1", 0},
                {"-5", 0},          {"250", 100},
                {"\"70\"", 70},     {"70.0", 70},
                {"null", -1},       {"\"70%\"", 70},
                {"\"\"", -1},       {"1e300", 100},
                {"{}", -1},         {"9223372036854775808", 100},
                {"45.5", 45},       {"99.9", 99},
                {"\"45.0\"", 45},   {"\"45,5\"", 45},
                {"\"45 \"", 45},    {"\" 45 % \"", 45},
                {"\"99.99%\"", 99}, {"-0.5", 0},
                {"\"45%%\"", -1},   {"\"half\"", -1},
                {"\"4 5\"", -1},    {"\"%\"", -1},
                {"true", -1},       {"NaN", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf(JOB("\"taskStatus\":1,\"progress\":%s"), cases[i].text);

                check_task(*state, &(struct task_case){body, 1, .progress = cases[i].expected});
        }
}

/* An opaque string, but for white space; one that could forge a header or a log line is none. */
static void test_download_url(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"\"https:\\/\\/a.example\\/b?c=%20d\"", "https://a.example/b?c=%20d"},
                {"\"http://a.example/\"", "http://a.example/"},
                {"\"https://a.example/\\u00e9\"", "https://a.example/é"},
                {"\"\"", NULL},
                {"null", NULL},
                {"17", NULL},
                {"[\"https://a.example/\"]", NULL},
                {"\"https://a.example/ b\"", "https://a.example/%20b"},
                {"\" \\thttps://a.example/b\\r\\n\"", "https://a.example/b"},
                {"\"https://a.example/\\nb\"", "https://a.example/b"},
                {"\"https://a.example/\\tb\"", "https://a.example/b"},
                {"\"HTTPS://A.example/B\"", "https://A.example/B"},
                {"\"/p/a.zip\"", "/p/a.zip"},
                {"\"https://a.example/\\u0000b\"", NULL},
                {"\"https://a.example/\\u001bb\"", NULL},
                {"\"https://a.example/\\u007fb\"", NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf(JOB("\"taskStatus\":2,\"downloadUrl\":%s"), cases[i].text);

                check_task(*state,
                           &(struct task_case){body, 2, .progress = -1, .url = cases[i].expected});
        }
}

static void test_download_url_is_never_cut(void **state) {
        static const size_t lengths[] = {32 * 1024, 32 * 1024 + 1};

        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
                CLEANUP(freep) char *url = malloc(lengths[i] + 1);
                CLEANUP(freep) char *body = NULL;

                memset(url, 'a', lengths[i]);
                url[lengths[i]] = '\0';
                body = str_printf(JOB("\"taskStatus\":2,\"downloadUrl\":\"%s\""), url);
                check_task(*state, &(struct task_case){body, 2, .progress = -1,
                                                       .url = i == 0 ? url : NULL});
        }
}

static void test_thousands_of_files(void **state) {
        CLEANUP(freep) char *body = NULL;
        size_t size;
        FILE *out = open_memstream(&body, &size);

        (void) fprintf(out, "{\"code\":0,\"taskInfos\":[");
        for (unsigned i = 0; i < 5000; i++)
                (void) fprintf(out,
                               "%s{\"fileId\":\"Fk63FCWhcDAga2puvYKRG1oTMjs-%u\","
                               "\"status\":\"1\",\"srcContainerId\":\"IAABh_RdhS8bOg0cA1\"}",
                               i ? "," : "", i);
        (void) fprintf(out, "],\"jobInfo\":{\"taskStatus\":2,\"taskResultCode\":1}}");
        assert_int_equal(fclose(out), 0);
        assert_true(size < KOODRIVE_ANSWER_MAX);
        check_task(*state, &(struct task_case){body, 2, .result = 1, .progress = -1});
}

/* 1689768877770401664 and ...665 are the same double. */
static void test_ids_are_compared_as_text(void **state) {
        static const struct {
                const char *asked, *text;
                bool same;
        } cases[] = {
                {TASK, "\"" TASK "\"", true},
                {TASK, TASK, true},
                {TASK, "null", true},
                {TASK, "1689768877770401665", false},
                {TASK, "\"1689768877770401665\"", false},
                {TASK, "\"\"", false},
                {TASK, "\"" TASK " \"", false},
                {TASK, "0", false},
                {"9007199254740993", "9007199254740993", true},
                {"9007199254740993", "9007199254740992", false},
                {"18446744073709551615", "18446744073709551615", true},
                {"18446744073709551616", "18446744073709551615", false},
                {"Ab_-9", "\"Ab_-9\"", true},
                {"Ab_-9", "\"ab_-9\"", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body =
                        str_printf("{\"jobInfo\":{\"taskId\":%s,\"taskStatus\":2}}", cases[i].text);
                CLEANUP(koodrive_answer_clear) struct koodrive_answer a;
                struct koodrive_query q = query;

                q.task_id = cases[i].asked;
                koodrive_answer_read(&(struct http_answer){.status = 200,
                                                           .body = body,
                                                           .body_length = strlen(body)},
                                     &q, *state, NOW, &a);
                if (a.disposition.class != (cases[i].same ? KOODRIVE_TASK : KOODRIVE_TRANSIENT))
                        fail_msg("asked for %s: %s", cases[i].asked, body);
                if (!cases[i].same)
                        assert_non_null(strstr(a.why, "another task"));
        }
}

/* What hooks get is what came, ids to the last digit. */
static void test_answer_keeps_numbers(void **state) {
        CLEANUP(koodrive_answer_clear) struct koodrive_answer a = read_text(*state, 200, STRINGY);
        json_object *job, *id;

        assert_true(json_object_object_get_ex(a.json, "jobInfo", &job));
        assert_true(json_object_object_get_ex(job, "taskId", &id));
        assert_string_equal(json_object_to_json_string(id), TASK);
}

static void test_link_with_the_token(void **state) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_text(
                *state, 200,
                JOB("\"taskStatus\":2,\"downloadUrl\":\"https://a/?token=" TOKEN_HEX "\""));

        assert_int_equal(a.disposition.class, KOODRIVE_TASK);
        assert_null(a.download_url);
        assert_string_equal(a.url_problem, "it contains the account's token");
}

/* It may be written in another way in a link, by KooDrive or by what makes it one. */
static void test_link_with_a_token_that_no_url_may_hold(void **state) {
        static const struct {
                const char *written;
                bool is_token;
        } cases[] = {
                {"12|{s3cr3t}", true},      {"12%7C%7Bs3cr3t%7D", true},  {"12%7c{s3cr3t}", true},
                {"%0012%7C{s3cr3t}", true}, {"12|%00%7x{s3cr3t}", false},
        };
        struct koodrive_query other = query;

        other.who.authorization = "Bearer 12|{s3cr3t}";
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body =
                        str_printf(JOB("\"taskStatus\":2,\"downloadUrl\":\"https://a/?token=%s\""),
                                   cases[i].written);
                const struct http_answer http = {
                        .status = 200, .body = body, .body_length = strlen(body)};
                struct koodrive_answer a;

                koodrive_answer_read(&http, &other, *state, NOW, &a);
                assert_int_equal(a.disposition.class, KOODRIVE_TASK);
                assert_int_equal(a.download_url == NULL, cases[i].is_token);
                if (cases[i].is_token)
                        assert_string_equal(a.url_problem, "it contains the account's token");
                koodrive_answer_clear(&a);
        }
}

static void test_names(void **state) {
        (void) state;
        assert_string_equal(koodrive_status_name(KOODRIVE_STATUS_UNKNOWN), "unknown");
        assert_string_equal(koodrive_status_name(KOODRIVE_STATUS_PENDING), "pending");
        assert_string_equal(koodrive_status_name(KOODRIVE_STATUS_RUNNING), "running");
        assert_string_equal(koodrive_status_name(KOODRIVE_STATUS_COMPLETED), "completed");
        assert_string_equal(koodrive_status_name(KOODRIVE_STATUS_CANCELED), "canceled");
        assert_string_equal(koodrive_result_name(KOODRIVE_RESULT_UNKNOWN), "unknown");
        assert_string_equal(koodrive_result_name(KOODRIVE_RESULT_SUCCEEDED), "succeeded");
        assert_string_equal(koodrive_result_name(KOODRIVE_RESULT_PARTIAL), "partial");
        assert_string_equal(koodrive_result_name(KOODRIVE_RESULT_FAILED), "failed");
        assert_string_equal(koodrive_result_text(KOODRIVE_RESULT_UNKNOWN), "result unknown");
        assert_string_equal(koodrive_result_text(KOODRIVE_RESULT_SUCCEEDED), "all succeeded");
        assert_string_equal(koodrive_result_text(KOODRIVE_RESULT_PARTIAL), "partially failed");
        assert_string_equal(koodrive_result_text(KOODRIVE_RESULT_FAILED), "all failed");
}

/* What is cleared holds nothing any more, and may be cleared again. */
static void test_cleared_twice(void **state) {
        struct koodrive_answer a = read_text(
                *state, 200,
                "{\"code\":0,\"jobInfo\":{\"taskId\":\"" TASK "\",\"taskStatus\":2,\"taskType\":1,"
                "\"taskResultCode\":1,\"downloadUrl\":\"https://example.com/a.zip\"}}");

        assert_non_null(a.download_url);
        assert_non_null(a.json);
        koodrive_answer_clear(&a);
        assert_null(a.download_url);
        assert_null(a.json);
        koodrive_answer_clear(&a);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dialects),
                cmocka_unit_test(test_code_of_success),
                cmocka_unit_test(test_form_does_not_matter),
                cmocka_unit_test(test_status_nobody_documents),
                cmocka_unit_test(test_huge_numbers),
                cmocka_unit_test(test_end),
                cmocka_unit_test(test_result_code),
                cmocka_unit_test(test_type),
                cmocka_unit_test(test_progress),
                cmocka_unit_test(test_download_url),
                cmocka_unit_test(test_download_url_is_never_cut),
                cmocka_unit_test(test_thousands_of_files),
                cmocka_unit_test(test_ids_are_compared_as_text),
                cmocka_unit_test(test_answer_keeps_numbers),
                cmocka_unit_test(test_link_with_the_token),
                cmocka_unit_test(test_link_with_a_token_that_no_url_may_hold),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_cleared_twice),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
