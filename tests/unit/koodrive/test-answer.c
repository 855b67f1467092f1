/*
 * KooDrive's answers, as tables of bodies
 *
 * Bodies are handed over without a NUL behind them, so that a sanitizer sees any
 * reading over the end.
 */
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/koodrive/body.h"
#include "koowatchd/koodrive/session.h"
#include "koowatchd/loop/http-answer.h"
#include "unit/support.h"

#define TASK "1689768877770401664"
#define SHARE "1689765568237837824"
#define NOW (1747708152 * USEC_SEC) /* 2025-05-20 02:29:12 */
#define NOW_TEXT "Tue, 20 May 2025 02:29:12 GMT"

#define TOKEN_HEX "c69b0f40334782d560bb154032cf22ef43d671843c4ffbad"
#define TOKEN "Bearer " TOKEN_HEX
#define KDSTOKEN "aea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c"
#define REFRESH_SECRET "013b4daf12f4099a6eb74e2708000cb7a418409192f3e149"

static const struct koodrive_query query = {
        .who = {.endpoint = "https://drive.example.com", .authorization = TOKEN},
        .task_id = TASK,
        .share_id = SHARE,
        .kdstoken = KDSTOKEN,
        .date = NOW,
};

static int set_up(void **state) {
        *state = koodrive_tokener_new();
        return *state ? 0 : -1;
}

static int tear_down(void **state) {
        json_tokener_free(*state);
        return 0;
}

static struct koodrive_answer read_http(json_tokener *tokener, const struct http_answer *http) {
        struct koodrive_answer a;

        koodrive_answer_read(http, &query, tokener, NOW, &a);
        return a;
}

static struct koodrive_answer read_bytes(json_tokener *tokener, long status, const char *body,
                                         size_t length) {
        CLEANUP(freep) char *exact = malloc(length ? length : 1);

        assert_non_null(exact);
        memcpy(exact, body, length);
        return read_http(tokener, &(struct http_answer){
                                          .status = status, .body = exact, .body_length = length});
}

static struct koodrive_answer read_text(json_tokener *tokener, long status, const char *body) {
        return read_bytes(tokener, status, body, strlen(body));
}

static struct koodrive_answer read_headers(json_tokener *tokener, long status, const char *body,
                                           const struct http_header *headers, size_t n) {
        return read_http(tokener, &(struct http_answer){.status = status,
                                                        .body = body,
                                                        .body_length = strlen(body),
                                                        .headers = headers,
                                                        .n_headers = n});
}

/* Answers about the task */

/* A field that is not named is expected to be "not said". */
struct task_case {
        const char *body;
        int status, raw; /* raw 0: the same as status */
        enum koodrive_result result;
        int progress, type;
        const char *url;
};

#define UNKNOWN KOODRIVE_STATUS_UNKNOWN
#define JOB(fields) "{\"code\":0,\"msg\":\"ok\",\"jobInfo\":{\"taskId\":\"" TASK "\"," fields "}}"

static void check_task(json_tokener *tokener, const struct task_case *c) {
        CLEANUP(koodrive_answer_clear) struct koodrive_answer a = read_text(tokener, 200, c->body);

        if (a.disposition.class != KOODRIVE_TASK)
                fail_msg("%s: %s (%s)", c->body, koodrive_class_name(a.disposition.class), a.why);
        if (a.status != c->status || a.raw_status != (c->raw ? c->raw : c->status) ||
            a.result != c->result || a.progress != c->progress || a.type != c->type)
                fail_msg("%s: status %d (%ld), result %d, progress %d, type %d", c->body, a.status,
                         a.raw_status, a.result, a.progress, a.type);
        if (c->url)
                assert_string_equal(a.download_url, c->url);
        else
                assert_null(a.download_url);
        assert_non_null(a.json);
        assert_int_equal(a.date, -1);
        assert_int_equal(a.retry_after, -1);
        assert_int_equal(a.window, -1);
        assert_int_equal(a.server_time, -1);
        assert_false(a.stamp_refused);
        assert_string_equal(a.why, "");
        assert_string_equal(a.code, "");
        assert_string_equal(a.message, "");
}

static void check_tasks(json_tokener *tokener, const struct task_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                check_task(tokener, &cases[i]);
}

#define PENDING                                                                                 \
        "{\"jobInfo\":{\"userId\":\"1684711050387378049\",\"taskId\":\"" TASK                   \
        "\",\"taskType\":1,\"taskStatus\":0,\"createTime\":\"20250520022907\",\"progress\":0}," \
        "\"taskInfos\":[],\"code\":0,\"msg\":\"Success.\"}"
#define RUNNING                                                                            \
        "{\"jobInfo\":{\"userId\":\"1684711050387378049\",\"taskId\":\"" TASK              \
        "\",\"taskType\":1,\"taskStatus\":1,\"createTime\":\"20250520022907\","            \
        "\"startTime\":\"20250520022908\",\"progress\":70},\"taskInfos\":null,\"code\":0," \
        "\"msg\":\"success\"}"
#define PACKED                                                                          \
        "{\"code\":0,\"msg\":\"成功\",\"jobInfo\":{\"taskId\":\"" TASK                  \
        "\",\"taskType\":1,\"taskStatus\":2,\"taskResultCode\":1,"                      \
        "\"createTime\":\"20250520022907\",\"startTime\":\"20250520022908\","           \
        "\"endTime\":\"20250520022931\",\"progress\":100,\"downloadUrl\":\"" URL "\"}," \
        "\"taskInfos\":[{\"fileId\":\"F1\",\"status\":\"1\",\"srcContainerId\":\"C1\"}]}"
#define URL \
        "https://obs.example.com/pkg/a.zip?AccessKeyId=X&Expires=1747800000&Signature=abc%2Bdef%3D"
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
#define OF_2024                                                                                 \
        "{\"code\":\"0\",\"msg\":\"success\",\"taskInfo\":{\"userId\":\"1\",\"taskId\":\"" TASK \
        "\",\"taskType\":1,\"taskStatus\":3,\"taskResultCode\":3,\"resultCode\":0,"             \
        "\"createTime\":\"20240730010203\",\"progress\":40}}"
#define STRINGY                                                                                    \
        "{\"code\":0,\"msg\":\"Success.\",\"jobInfo\":{\"taskId\":" TASK                           \
        ",\"taskType\":\"1\",\"taskStatus\":\"2\",\"taskResultCode\":\"1\",\"progress\":\"100\"}," \
        "\"taskInfos\":{\"fileId\":\"F1\",\"status\":1,\"newFileId\":\"N1\"}}"

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

/* Clamped for display; that it says 100 ends nothing. */
static void test_progress(void **state) {
        static const struct {
                const char *text;
                int expected;
        } cases[] = {
                {"0", 0},           {"100", 100},    {"-5", 0},
                {"250", 100},       {"\"70\"", 70},  {"70.0", 70},
                {"null", -1},       {"\"70%\"", 70}, {"\"\"", -1},
                {"1e300", 100},     {"{}", -1},      {"9223372036854775808", 100},
                {"45.5", 45},       {"99.9", 99},    {"\"45.0\"", 45},
                {"\"45,5\"", 45},   {"\"45 \"", 45}, {"\" 45 % \"", 45},
                {"\"99.99%\"", 99}, {"-0.5", 0},     {"\"45%%\"", -1},
                {"\"half\"", -1},   {"\"4 5\"", -1}, {"\"%\"", -1},
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

/* Answers that tell nothing of the task */

struct fault_case {
        long status;
        const char *body;
        enum koodrive_class class;
        const char *why; /* must be in it */
        const char *code, *message;
};

static void check_fault(json_tokener *tokener, const struct fault_case *c) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_text(tokener, c->status, c->body);

        if (a.disposition.class != c->class)
                fail_msg("HTTP %ld %s: %s (%s)", c->status, c->body,
                         koodrive_class_name(a.disposition.class), a.why);
        if (!*a.why || !strstr(a.why, c->why))
                fail_msg("HTTP %ld %s: \"%s\" lacks \"%s\"", c->status, c->body, a.why, c->why);
        assert_string_equal(a.code, c->code ? c->code : "");
        assert_string_equal(a.message, c->message ? c->message : "");
        assert_null(a.download_url);
}

static void check_faults(json_tokener *tokener, const struct fault_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                check_fault(tokener, &cases[i]);
}

#define EXPIRED_TEXT                                                    \
        "Incorrect app authentication information: signature expired, " \
        "signature time:20230527T000431Z,server time:20230527T020608Z"
#define SIGNATURE_EXPIRED                                                   \
        "{\"error_msg\":\"" EXPIRED_TEXT "\",\"error_code\":\"APIG.0303\"," \
        "\"request_id\":\"fd6530a01c09807640189e65e837b8ad\"}"
#define THROTTLED_TEXT                                                           \
        "The throttling threshold has been reached: policy user over ratelimit," \
        "limit:20,time:1 second"
#define THROTTLED                                                             \
        "{\"error_msg\":\"" THROTTLED_TEXT "\",\"error_code\":\"APIG.0308\"," \
        "\"request_id\":\"0f0e0d0c0b0a09080706050403020100\"}"

/* Without a code in the body, the status tells. */
static void test_statuses(void **state) {
        static const struct fault_case cases[] = {
                {401, "", KOODRIVE_UNAUTHORIZED, "(HTTP 401)"},
                {401, RUNNING, KOODRIVE_UNAUTHORIZED, "(HTTP 401: success)", "", "success"},
                {403, "<html>", KOODRIVE_UNREACHABLE, "a page instead"},
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
                {204, "", KOODRIVE_TRANSIENT, "cannot be read: it is empty"},
                {200, "{\"code\":0,\"msg\":\"success\"}", KOODRIVE_TRANSIENT, "no task", "",
                 "success"},
                {200, "{\"code\":0,\"jobInfo\":[{\"taskStatus\":2}]}", KOODRIVE_TRANSIENT,
                 "no task"},
                {200, "{\"code\":0,\"jobInfo\":\"taskStatus\",\"data\":[]}", KOODRIVE_TRANSIENT,
                 "no task"},
                {200, "{\"status\":2}", KOODRIVE_UNREACHABLE, "not KooDrive's"},
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

/* The server's text: into the log, the status line and a terminal */

static struct koodrive_answer read_message(json_tokener *tokener, const char *message) {
        CLEANUP(freep) char *body = str_printf("{\"code\":13000311,\"msg\":\"%s\"}", message);

        return read_text(tokener, 400, body);
}

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
                {"caf\xe9", "caf?"},
                {"\xc2\x9b\xff", "???"},
                {"成\xff", "????"},
                {"成\x7f", "成?"},
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

/* A text of at least so many bytes: a head of single bytes, then the same character. */
static char *text_of(size_t head, const char *character, size_t length) {
        char *text = malloc(head + length + 5), *at = text + head;

        assert_non_null(text);
        memset(text, 'm', head);
        for (*at = '\0'; (size_t) (at - text) < length; at += strlen(character))
                (void) snprintf(at, 5, "%s", character);
        return text;
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

/* What was sent does not come back */

/* Not even so much of it. */
#define PART 8

static void assert_no_secret(const char *text, const char *secret) {
        char part[PART + 1];

        for (size_t at = 0; at + PART <= strlen(secret); at++) {
                memcpy(part, secret + at, PART);
                part[PART] = '\0';
                if (strstr(text, part))
                        fail_msg("\"%s\" holds \"%s\"", text, part);
        }
}

static void assert_tells_nothing(const struct koodrive_answer *a) {
        static const char *const secrets[] = {TOKEN_HEX, KDSTOKEN, REFRESH_SECRET};

        assert_true(*a->why);
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                assert_no_secret(a->why, secrets[i]);
                assert_no_secret(a->code, secrets[i]);
                assert_no_secret(a->message, secrets[i]);
        }
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

/* Bodies that nobody should send */

static void check_no_json(json_tokener *tokener, const char *body, size_t length) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_bytes(tokener, 200, body, length);
        CLEANUP(koodrive_answer_clear) struct koodrive_answer next = {};

        if (a.disposition.class != KOODRIVE_TRANSIENT)
                fail_msg("%.*s: %s", (int) MIN(length, 100U), body,
                         koodrive_class_name(a.disposition.class));
        assert_non_null(strstr(a.why, "an answer that cannot be read: "));
        assert_int_equal(a.disposition.overdue, length > 0 && *body == '{');

        next = read_text(tokener, 200, RUNNING);
        assert_int_equal(next.disposition.class, KOODRIVE_TASK);
}

static void test_no_json(void **state) {
        static const char *const bodies[] = {
                "",
                " \n",
                "OK",
                "{",
                "null",
                "[]",
                "\"taskStatus\"",
                "[{\"jobInfo\":{\"taskStatus\":2}}]",
                "{\"jobInfo\":{\"taskStatus\":1,}}",
                "{\"jobInfo\":{\"taskStatus\":1}/**/}",
                "{\"jobInfo\":{\"taskStatus\":1},\"msg\":\"\\ud83d\"",
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                check_no_json(*state, bodies[i], strlen(bodies[i]));
}

static void test_other_json(void **state) {
        static const struct fault_case cases[] = {
                {200, "{}", KOODRIVE_UNREACHABLE, "not KooDrive's"},
                {200, "{\"error\":\"blocked\"}", KOODRIVE_UNREACHABLE, "not KooDrive's"},
                {200, "<html></html>", KOODRIVE_UNREACHABLE, "a page"},
                {200, " \n<?xml version=\"1.0\"?><Error/>", KOODRIVE_UNREACHABLE, "a page"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

/* What is clear in spite of it. */
static void test_repaired(void **state) {
        static const struct task_case cases[] = {
                {RUNNING "x", 1, .progress = 70, .type = 1},
                {RUNNING RUNNING, 1, .progress = 70, .type = 1},
                {RUNNING "]", 1, .progress = 70, .type = 1},
                {"\xef\xbb\xbf" RUNNING, 1, .progress = 70, .type = 1},
                {"{\"jobInfo\":{\"taskStatus\":1}} // done", 1, .progress = -1},
                {JOB("\"taskStatus\":1,\"progress\":99999999999999999999999"), 1, .progress = -1},
                {JOB("\"taskStatus\":1,\"taskType\":007"), 1, .progress = -1},
                {JOB("\"taskStatus\":2,\"x\":\"\xff\""), 2, .progress = -1},
                {JOB("\"taskStatus\":2,\"x\":\"\xed\xa0\x80\""), 2, .progress = -1},
        };

        check_tasks(*state, cases, ARRAY_LEN(cases));
        check_faults(*state,
                     (struct fault_case[]){
                             {400, "\xef\xbb\xbf{\"code\":13000306}", KOODRIVE_REJECTED,
                              "code 13000306", "13000306"},
                             {400, "{\"code\":13000306,\"msg\":\"caf\xe9\"}", KOODRIVE_REJECTED,
                              "code 13000306", "13000306", "caf\xef\xbf\xbd"},
                     },
                     2);
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

static void test_link_with_the_token(void **state) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_text(
                *state, 200,
                JOB("\"taskStatus\":2,\"downloadUrl\":\"https://a/?token=" TOKEN_HEX "\""));

        assert_int_equal(a.disposition.class, KOODRIVE_TASK);
        assert_null(a.download_url);
        assert_string_equal(a.url_problem, "it holds the account's token");
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

static void test_firewall(void **state) {
        static const struct http_header headers[] = {{"Server", "CloudWAF"},
                                                     {"Content-Type", "text/html"}};
        static const long statuses[] = {200, 403, 405, 418};

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, statuses[i], "<html>blocked</html>",
                                                        headers, ARRAY_LEN(headers));

                assert_int_equal(a.disposition.class, KOODRIVE_UNREACHABLE);
                assert_non_null(strstr(a.why, "firewall"));
        }
        /* It names itself in what it lets pass as well. */
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_headers(*state, 200, RUNNING, headers, 1);
        assert_int_equal(a.disposition.class, KOODRIVE_TASK);
}

static void test_truncated_anywhere(void **state) {
        static const char *const bodies[] = {PACKED, STRINGY, OF_2024};

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                for (size_t length = 0; length < strlen(bodies[i]); length++)
                        check_no_json(*state, bodies[i], length);
}

static void test_nul_bytes(void **state) {
        static const char between[] = "{\"jobInfo\":\0{\"taskStatus\":1}}";
        static const char behind[] = "{\"jobInfo\":{\"taskStatus\":1}}\0{";
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_bytes(*state, 200, behind, sizeof(behind) - 1);

        assert_int_equal(a.disposition.class, KOODRIVE_TASK);
        check_no_json(*state, between, sizeof(between) - 1);
        check_no_json(*state, "\0\0\0", 3);
}

static void test_depth(void **state) {
        static const struct {
                const char *opening, *closing;
        } cases[] = {{"[", "]"}, {"{\"a\":", "}"}, {"{\"jobInfo\":[", "]}"}};
        enum { DEPTH = 100000 };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                size_t open = strlen(cases[i].opening), close = strlen(cases[i].closing);
                CLEANUP(freep) char *body = malloc(DEPTH * (open + close) + 1);
                char *at = body;

                for (size_t k = 0; k < DEPTH; k++, at += open)
                        memcpy(at, cases[i].opening, open);
                check_no_json(*state, body, (size_t) (at - body));
                *at++ = '1';
                for (size_t k = 0; k < DEPTH; k++, at += close)
                        memcpy(at, cases[i].closing, close);
                check_no_json(*state, body, (size_t) (at - body));
        }
}

/* A task's state, and an array of so many values that nobody asked for. */
static struct koodrive_answer read_many(json_tokener *tokener, const char *value, size_t n) {
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);

        assert_non_null(f);
        (void) fprintf(f, "%.*s,\"x\":[", (int) strlen(RUNNING) - 1, RUNNING);
        while (n-- > 0)
                (void) fprintf(f, "%s,", value);
        (void) fprintf(f, "\"[{,\\\"[{,\"]}");
        assert_int_equal(fclose(f), 0);
        return read_bytes(tokener, 200, text, length);
}

/* A few bytes of text each, and up to a kilobyte of memory. */
static void test_too_many_values(void **state) {
        static const struct {
                const char *value;
                size_t good, bad;
        } cases[] = {{"[]", 9900, 10000}, {"{}", 9900, 10000}, {"0", 49900, 50000}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer good = read_many(*state, cases[i].value, cases[i].good);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer bad = read_many(*state, cases[i].value, cases[i].bad);

                assert_int_equal(good.disposition.class, KOODRIVE_TASK);
                assert_int_equal(bad.disposition.class, KOODRIVE_TRANSIENT);
        }
}

static void test_too_long(void **state) {
        CLEANUP(freep)
        char *body =
                str_printf("%s%*s", RUNNING, (int) (KOODRIVE_ANSWER_MAX + 1 - strlen(RUNNING)), "");
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer fits = read_bytes(*state, 200, body, KOODRIVE_ANSWER_MAX);

        assert_int_equal(fits.disposition.class, KOODRIVE_TASK);
        check_no_json(*state, body, KOODRIVE_ANSWER_MAX + 1);
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

/* Hints in headers and texts */

static void test_retry_after(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"30", 30 * USEC_SEC},
                {"0", 0},
                {"3600", USEC_HOUR},
                {"3601", USEC_HOUR},
                {"18446744073709551617", USEC_HOUR},
                {"Tue, 20 May 2025 02:29:42 GMT", 30 * USEC_SEC},
                {"Tuesday, 20-May-25 02:29:42 GMT", 30 * USEC_SEC},
                {"Tue May 20 02:29:42 2025", 30 * USEC_SEC},
                {"Tue, 20 May 2025 02:29:00 GMT", 0},
                {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
                {"Fri, 31 Dec 9999 23:59:59 GMT", USEC_HOUR},
                {"", -1},
                {"soon", -1},
                {"-5", -1},
                {"5s", -1},
                {"1.5", USEC_SEC},
                {"30, 60", 30 * USEC_SEC},
                {"1.", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct http_header header = {"retry-after", cases[i].text};
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, 429, THROTTLED, &header, 1);

                assert_int_equal(a.disposition.class, KOODRIVE_THROTTLED);
                if (a.retry_after != cases[i].expected)
                        fail_msg("Retry-After: %s is %jd", cases[i].text, (intmax_t) a.retry_after);
        }
}

/* Whoever refuses may say when to come back; a window is that of a limit. */
static void test_hints(void **state) {
        static const struct http_header headers[] = {
                {"Retry-After", "30"},
                {"X-Apig-Ratelimit-Api", "remain:0,limit:100,time:1 minute"},
        };
        static const struct {
                long status;
                const char *body;
                bool refused, throttled;
        } cases[] = {
                {429, "", true, true},
                {200, THROTTLED, true, true},
                {400, THROTTLED, true, true},
                {200, RUNNING, false, false},
                {301, "", true, false},
                {400, "{\"code\":1,\"msg\":\"limit:20,time:1 second\"}", true, false},
                {401, "{\"error_msg\":\"limit:20,time:1 second\"}", true, false},
                {408, "", true, false},
                {418, "", true, false},
                {500, "{\"code\":13000201}", true, false},
                {502, "", true, false},
                {503, "{\"msg\":\"limit:20,time:1 second\"}", true, false},
                {504, "", true, false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_headers(*state, cases[i].status, cases[i].body,
                                                        headers, ARRAY_LEN(headers));

                assert_int_equal(a.disposition.class == KOODRIVE_THROTTLED, cases[i].throttled);
                assert_int_equal(a.retry_after, cases[i].refused ? 30 * USEC_SEC : -1);
                assert_int_equal(a.window, cases[i].throttled ? USEC_MINUTE : -1);
        }
}

/* A date counts from the answer's own: this machine's clock may be wrong. */
/* Whether that is a date differs between libcurls: it must not overflow where it is one. */
static void test_retry_after_for_ever(void **state) {
        static const struct http_header header = {"Retry-After",
                                                  "Fri, 31 Dec 2147483000 23:59:59 GMT"};
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_headers(*state, 503, "", &header, 1);

        assert_true(a.retry_after == USEC_HOUR || a.retry_after == -1);
}

static void test_retry_after_by_the_servers_clock(void **state) {
        static const struct http_header headers[] = {
                {"Date", "Tue, 20 May 2025 04:00:00 GMT"},
                {"Retry-After", "Tue, 20 May 2025 04:00:30 GMT"},
        };
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_headers(*state, 503, "", headers, ARRAY_LEN(headers));

        assert_int_equal(a.retry_after, 30 * USEC_SEC);
}

static void test_window_of_message(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"policy user over ratelimit,limit:20,time:1 second", USEC_SEC},
                {"limit:100,time:1 minute", USEC_MINUTE},
                {"limit:100,time:1 hour", USEC_HOUR},
                {"limit:100,time:1 day", USEC_DAY},
                {"limit:100,time:15 seconds", 15 * USEC_SEC},
                {"response time:5ms,limit:20,time:1 minute", USEC_MINUTE},
                {"limit:100,time:3 days.", 3 * USEC_DAY},
                {"limit:100,time:1000 second", 1000 * USEC_SEC},
                {"", -1},
                {"too many", -1},
                {"limit:20", -1},
                {"time:1 second", -1},
                {"limit:20,time:", -1},
                {"limit:20,time:1", -1},
                {"limit:20,time:1 ", -1},
                {"limit:20,time:second", -1},
                {"limit:20,time:1second", -1},
                {"limit:20,time:1,second", -1},
                {"limit:20,time:1.5 second", -1},
                {"limit:20,time:1 week", -1},
                {"limit:20,time:1 Second", -1},
                {"limit:20,time:0 second", -1},
                {"limit:20,time:-1 second", -1},
                {"limit:20,time:1001 second", -1},
                {"limit:20,time:99999999999999999999 day", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"error_code\":\"APIG.0308\",\"error_msg\":\"%s\"}",
                                        cases[i].text);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, 429, body);

                assert_int_equal(a.retry_after, -1);
                if (a.window != cases[i].expected)
                        fail_msg("\"%s\" is %jd", cases[i].text, (intmax_t) a.window);
        }
}

#define API "X-Apig-Ratelimit-Api"
#define ALL API "-Allenv"

static void test_window_of_headers(void **state) {
        static const struct {
                const char *message;
                struct http_header headers[3];
                size_t n;
                usec_t expected;
        } cases[] = {
                {"", {{API, "remain:0,limit:100,time:1 minute"}}, 1, USEC_MINUTE},
                {"", {{"x-apig-ratelimit-user", "remain:0,limit:9,time:1 hour"}}, 1, USEC_HOUR},
                {"",
                 {{"Date", NOW_TEXT},
                  {API, "remain:0,limit:100,time:1 minute"},
                  {ALL, "remain:0,limit:100,time:1 day"}},
                 3,
                 USEC_DAY},
                {"",
                 {{API, "remain:0,limit:100,time:1 day"}, {ALL, "remain:0,limit:9,time:1 second"}},
                 2,
                 USEC_DAY},
                /* One that is not used up is not the one. */
                {"",
                 {{API, "remain:0,limit:100,time:1 minute"},
                  {ALL, "remain:7,limit:9000,time:1 day"}},
                 2,
                 USEC_MINUTE},
                {"", {{API, "remain:99,limit:100,time:1 minute"}}, 1, -1},
                {"", {{API, "remain:01,limit:100,time:1 minute"}}, 1, -1},
                {"", {{API, "limit:100,time:1 minute"}}, 1, -1},
                {"", {{API, "remain:0,limit:100,time:1 fortnight"}}, 1, -1},
                {"", {{API, "remain:0,"}}, 1, -1},
                {"", {{API, ""}}, 1, -1},
                {"", {{"X-Ratelimit-Api", "remain:0,limit:100,time:1 minute"}}, 1, -1},
                /* Beside the message, the longer of the two. */
                {"limit:20,time:1 second", {{API, "remain:0,limit:9,time:1 hour"}}, 1, USEC_HOUR},
                {"limit:20,time:1 day", {{API, "remain:0,limit:9,time:1 hour"}}, 1, USEC_DAY},
                {"limit:20,time:1 second", {{API, "remain:5,limit:9,time:1 hour"}}, 1, USEC_SEC},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf("{\"error_code\":\"APIG.0308\",\"error_msg\":\"%s\"}",
                                        cases[i].message);
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_headers(*state, 429, body, cases[i].headers, cases[i].n);

                if (a.window != cases[i].expected)
                        fail_msg("row %zu is %jd", i, (intmax_t) a.window);
        }
}

#define SERVER_TIME (1685153168 * USEC_SEC) /* 2023-05-27 02:06:08 */

static void test_stamp_refused(void **state) {
        static const struct {
                long status;
                const char *body;
                bool refused;
                usec_t server_time;
        } cases[] = {
                {401, SIGNATURE_EXPIRED, true, SERVER_TIME},
                {400, SIGNATURE_EXPIRED, true, SERVER_TIME},
                {400, "{\"code\":400,\"msg\":\"signature expired,server time:20230527T020608Z\"}",
                 true, SERVER_TIME},
                {401, "{\"code\":401,\"msg\":\"signature expired,server time:20230527T020608Z\"}",
                 true, SERVER_TIME},
                {401, "{\"msg\":\"signature expired\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:soon\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:20230527\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:20231327T020608Z\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:20230527T0206\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:99991231T235959Z\"}", true, -1},
                {401, "{\"msg\":\"signature expired,server time:19700101T000000Z\"}", true, -1},
                {401, "{\"msg\":\"token expired,server time:20230527T020608Z\"}", false, -1},
                {401, "{\"error_msg\":\"app not found\",\"error_code\":\"APIG.0303\"}", false, -1},
                {401, "", false, -1},
                /* What is not about the credential is not about the stamp. */
                {400, "{\"code\":13000311,\"msg\":\"signature expired\"}", false, -1},
                {429, "{\"msg\":\"signature expired,server time:20230527T020608Z\"}", false, -1},
                {200, RUNNING, false, -1},
        };

        assert_int_equal(setenv("TZ", "XXX-8", 1), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_text(*state, cases[i].status, cases[i].body);

                if (a.stamp_refused != cases[i].refused || a.server_time != cases[i].server_time)
                        fail_msg("%s: %d, %jd", cases[i].body, a.stamp_refused,
                                 (intmax_t) a.server_time);
        }
        assert_int_equal(unsetenv("TZ"), 0);
}

static void test_date(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {NOW_TEXT, NOW},
                {"Wed, 01 Jan 2020 00:00:00 GMT", 1577836800 * USEC_SEC},
                {"Fri, 01 Jan 2100 00:00:00 GMT", 4102444800 * USEC_SEC},
                /* No clock that counts. */
                {"Thu, 01 Jan 1970 00:00:00 GMT", -1},
                {"Thu, 01 Jan 1970 00:00:01 GMT", -1},
                {"Tue, 31 Dec 2019 23:59:59 GMT", -1},
                {"Fri, 01 Jan 2100 00:00:01 GMT", -1},
                {"Fri, 31 Dec 9999 23:59:59 GMT", -1},
                {"", -1},
                {"yesterday", -1},
                {"20250520T022912Z", -1},
        };
        static const long statuses[] = {200, 401, 503};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
                        const struct http_header headers[] = {
                                {"server", "x"}, {"date", cases[i].text}, {"Date", "yesterday"}};
                        CLEANUP(koodrive_answer_clear)
                        struct koodrive_answer a = read_headers(*state, statuses[k], RUNNING,
                                                                headers, ARRAY_LEN(headers));

                        if (a.date != cases[i].expected)
                                fail_msg("Date: %s is %jd", cases[i].text, (intmax_t) a.date);
                }
}

/* Answers about a new token */

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
        if (!text != !expected || (text && !streq(text, expected)))
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
                            strstr(s.answer.why, "cannot be read"));
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dialects),
                cmocka_unit_test(test_code_of_success),
                cmocka_unit_test(test_form_does_not_matter),
                cmocka_unit_test(test_status_nobody_documents),
                cmocka_unit_test(test_huge_numbers),
                cmocka_unit_test(test_result_code),
                cmocka_unit_test(test_progress),
                cmocka_unit_test(test_download_url),
                cmocka_unit_test(test_download_url_is_never_cut),
                cmocka_unit_test(test_thousands_of_files),
                cmocka_unit_test(test_ids_are_compared_as_text),
                cmocka_unit_test(test_answer_keeps_numbers),
                cmocka_unit_test(test_statuses),
                cmocka_unit_test(test_codes),
                cmocka_unit_test(test_no_code),
                cmocka_unit_test(test_faults_keep_their_object),
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
                cmocka_unit_test(test_no_json),
                cmocka_unit_test(test_other_json),
                cmocka_unit_test(test_repaired),
                cmocka_unit_test(test_code_beside_a_job),
                cmocka_unit_test(test_status_of_something_else),
                cmocka_unit_test(test_link_with_the_token),
                cmocka_unit_test(test_nested_error),
                cmocka_unit_test(test_overdue),
                cmocka_unit_test(test_firewall),
                cmocka_unit_test(test_truncated_anywhere),
                cmocka_unit_test(test_nul_bytes),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_too_many_values),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_retry_after),
                cmocka_unit_test(test_hints),
                cmocka_unit_test(test_retry_after_for_ever),
                cmocka_unit_test(test_retry_after_by_the_servers_clock),
                cmocka_unit_test(test_window_of_message),
                cmocka_unit_test(test_window_of_headers),
                cmocka_unit_test(test_stamp_refused),
                cmocka_unit_test(test_date),
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
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
