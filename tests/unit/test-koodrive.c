/*
 * KooDrive: requests to the byte, and answers as tables of bodies
 *
 * Bodies are handed over without a NUL behind them, so that a sanitizer sees any
 * reading over the end.
 */
#include "koowatchd/koodrive.h"
#include "support.h"

#define TASK "1689768877770401664"
#define SHARE "1689765568237837824"
#define NOW (1747708152 * USEC_SEC) /* 2025-05-20 02:29:12 */

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

        koodrive_answer_read(http, TASK, tokener, NOW, &a);
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

/* Requests */

static const struct koodrive_query query = {
        .endpoint = "https://drive.example.com:8443/prefix",
        .authorization = "Bearer+10f88",
        .task_id = TASK,
        .share_id = SHARE,
        .date = NOW,
        .trace_seed = {0x00, 0x01, 0x9f, 0xff, [28] = 0xa5},
};

#define TRACE_ID       \
        "00019fff"     \
        "000000000000" \
        "000000000000" \
        "000000000000" \
        "000000000000" \
        "a5"

static void assert_headers(const struct koodrive_request *r, const char *const *expected) {
        size_t n = 0;

        while (r->headers[n])
                n++;
        for (size_t i = 0; i < n; i++)
                assert_non_null(expected[i]);
        assert_null(expected[n]);
        for (size_t i = 0; i < n; i++)
                assert_string_equal(r->headers[i], expected[i]);
}

static void test_request_in_full(void **state) {
        static const char *const headers[] = {
                "Authorization: Bearer+10f88",
                "Content-Type: application/json",
                "X-Date: 20250520T022912Z",
                "X-Traceid: " TRACE_ID,
                "X-User-Id: 1505084218764547200",
                "X-Hw-Agentname: carrier-a",
                NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_query q = query;

        (void) state;
        q.user_id = "1505084218764547200";
        q.agent_name = "carrier-a";
        q.kdstoken = "aea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c";
        assert_int_equal(koodrive_request_build(&q, &r), 0);
        assert_string_equal(r.url, "https://drive.example.com:8443/prefix"
                                   "/koodrive/ose/v1/share/taskDetail");
        assert_string_equal(r.body,
                            "{\"taskId\":\"" TASK "\",\"shareId\":\"" SHARE "\",\"kdstoken\":"
                            "\"aea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c\"}");
        assert_headers(&r, headers);
        assert_string_equal(r.trace_id, TRACE_ID);
        assert_int_equal(strlen(r.trace_id), 58);
}

static void test_request_at_least(void **state) {
        static const char *const headers[] = {
                "Authorization: Bearer+10f88",
                "Content-Type: application/json",
                "X-Date: 20250520T022912Z",
                "X-Traceid: " TRACE_ID,
                NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};

        (void) state;
        assert_int_equal(koodrive_request_build(&query, &r), 0);
        assert_string_equal(r.body, "{\"taskId\":\"" TASK "\",\"shareId\":\"" SHARE "\"}");
        assert_headers(&r, headers);
}

static void test_request_date(void **state) {
        static const struct {
                usec_t date;
                const char *expected;
        } cases[] = {
                {0, "X-Date: 19700101T000000Z"},
                {951782399 * USEC_SEC + 999999, "X-Date: 20000228T235959Z"},
                {951782400 * USEC_SEC, "X-Date: 20000229T000000Z"},
                {4102444800 * USEC_SEC, "X-Date: 21000101T000000Z"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
                struct koodrive_query q = query;

                q.date = cases[i].date;
                assert_int_equal(koodrive_request_build(&q, &r), 0);
                assert_string_equal(r.headers[2], cases[i].expected);
        }
}

/* Whatever printable ASCII the token consists of, the body is JSON that means it. */
static void test_request_quotes(void **state) {
        static const char kdstoken[] = "\"},{\\/\\u0041 '~";
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_query q = query;
        json_object *body, *value;

        (void) state;
        q.kdstoken = kdstoken;
        assert_int_equal(koodrive_request_build(&q, &r), 0);
        body = json_tokener_parse(r.body);
        assert_non_null(body);
        assert_int_equal(json_object_object_length(body), 3);
        assert_true(json_object_object_get_ex(body, "kdstoken", &value));
        assert_string_equal(json_object_get_string(value), kdstoken);
        json_object_put(body);
}

static void test_request_clear(void **state) {
        struct koodrive_request r = {}, empty = {};

        (void) state;
        koodrive_request_clear(&r);
        assert_int_equal(koodrive_request_build(&query, &r), 0);
        koodrive_request_clear(&r);
        assert_memory_equal(&r, &empty, sizeof(r));
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

        if (a.class != KOODRIVE_TASK)
                fail_msg("%s: %s (%s)", c->body, koodrive_class_name(a.class), a.why);
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

                assert_int_equal(a.class, KOODRIVE_TASK);
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
                {"0", 0},       {"100", 100},  {"-5", 0},    {"250", 100},
                {"\"70\"", 70}, {"70.0", 70},  {"null", -1}, {"\"70%\"", -1},
                {"\"\"", -1},   {"1e300", -1}, {"{}", -1},   {"9223372036854775808", 100},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *body = str_printf(JOB("\"taskStatus\":1,\"progress\":%s"), cases[i].text);

                check_task(*state, &(struct task_case){body, 1, .progress = cases[i].expected});
        }
}

/* An opaque string; one that could forge a header or a log line is none. */
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
                {"\"https://a.example/ b\"", NULL},
                {"\"https://a.example/\\nb\"", NULL},
                {"\"https://a.example/\\tb\"", NULL},
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

                koodrive_answer_read(&(struct http_answer){.status = 200,
                                                           .body = body,
                                                           .body_length = strlen(body)},
                                     cases[i].asked, *state, NOW, &a);
                if (a.class != (cases[i].same ? KOODRIVE_TASK : KOODRIVE_TRANSIENT))
                        fail_msg("asked for %s: %s", cases[i].asked, body);
                if (!cases[i].same) {
                        assert_non_null(strstr(a.why, "another task"));
                        assert_null(a.json);
                }
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
};

static void check_fault(json_tokener *tokener, const struct fault_case *c) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_text(tokener, c->status, c->body);

        if (a.class != c->class)
                fail_msg("HTTP %ld %s: %s (%s)", c->status, c->body, koodrive_class_name(a.class),
                         a.why);
        if (!*a.why || !strstr(a.why, c->why))
                fail_msg("HTTP %ld %s: \"%s\" lacks \"%s\"", c->status, c->body, a.why, c->why);
        assert_null(a.json);
        assert_null(a.download_url);
}

static void check_faults(json_tokener *tokener, const struct fault_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                check_fault(tokener, &cases[i]);
}

#define SIGNATURE_EXPIRED                                                                \
        "{\"error_msg\":\"Incorrect app authentication information: signature expired, " \
        "signature time:20230527T000431Z,server time:20230527T020608Z\","                \
        "\"error_code\":\"APIG.0303\",\"request_id\":\"fd6530a01c09807640189e65e837b8ad\"}"
#define THROTTLED                                                                                 \
        "{\"error_msg\":\"The throttling threshold has been reached: policy user over ratelimit," \
        "limit:20,time:1 second\",\"error_code\":\"APIG.0308\","                                  \
        "\"request_id\":\"0f0e0d0c0b0a09080706050403020100\"}"

static void test_statuses(void **state) {
        static const struct fault_case cases[] = {
                {401, "", KOODRIVE_UNAUTHORIZED, "HTTP 401"},
                {401, SIGNATURE_EXPIRED, KOODRIVE_UNAUTHORIZED, "APIG.0303: Incorrect app"},
                {401, "{\"code\":\"401\",\"msg\":\"no\"}", KOODRIVE_UNAUTHORIZED, "code 401: no"},
                {401, RUNNING, KOODRIVE_UNAUTHORIZED, "HTTP 401"},
                {403, "<html>", KOODRIVE_UNAUTHORIZED, "HTTP 403"},
                {403, "{\"error_code\":\"APIG.0302\",\"error_msg\":\"\"}", KOODRIVE_UNAUTHORIZED,
                 "APIG.0302"},
                {429, "", KOODRIVE_THROTTLED, "HTTP 429"},
                {429, THROTTLED, KOODRIVE_THROTTLED, "APIG.0308: The throttling"},
                {500, "{\"code\":13000201,\"msg\":\"inner server invoke failure\"}",
                 KOODRIVE_TRANSIENT, "HTTP 500, code 13000201: inner server invoke failure"},
                {503, "{\"msg\":\"x\",\"code\":\"13000201\"}", KOODRIVE_TRANSIENT, "13000201"},
                {500, "", KOODRIVE_UNREACHABLE, "HTTP 500"},
                {500, RUNNING, KOODRIVE_UNREACHABLE, "HTTP 500"},
                {500, "{\"code\":\"0\"}", KOODRIVE_UNREACHABLE, "HTTP 500"},
                {500, "{\"error_code\":\"APIG.0601\",\"error_msg\":\"internal\"}",
                 KOODRIVE_UNREACHABLE, "APIG.0601: internal"},
                {502, "<html><body>Bad Gateway</body></html>", KOODRIVE_UNREACHABLE, "HTTP 502"},
                {503, "{\"code\":13000", KOODRIVE_UNREACHABLE, "HTTP 503"},
                {504, "[]", KOODRIVE_UNREACHABLE, "HTTP 504"},
                {599, "", KOODRIVE_UNREACHABLE, "HTTP 599"},
                {302, "", KOODRIVE_TRANSIENT, "redirect"},
                {304, RUNNING, KOODRIVE_TRANSIENT, "redirect"},
                {404, "", KOODRIVE_TRANSIENT, "HTTP 404"},
                {404, "{\"error_code\":\"APIG.0101\",\"error_msg\":\"The API does not exist\"}",
                 KOODRIVE_TRANSIENT, "APIG.0101: The API"},
                {400, "{\"code\":\"13000102\",\"msg\":\"Verify parameters failed.\"}",
                 KOODRIVE_TRANSIENT, "HTTP 400, code 13000102: Verify parameters failed."},
                {400, RUNNING, KOODRIVE_TRANSIENT, "HTTP 400"},
                {405, "", KOODRIVE_TRANSIENT, "HTTP 405"},
                {204, "", KOODRIVE_TRANSIENT, "HTTP 204"},
                {600, "", KOODRIVE_TRANSIENT, "HTTP 600"},
                {200, "{\"code\":13000309,\"msg\":\"not found\"}", KOODRIVE_TRANSIENT,
                 "HTTP 200, code 13000309: not found"},
                {200, "{\"code\":\"13000309\",\"jobInfo\":{\"taskStatus\":2}}", KOODRIVE_TRANSIENT,
                 "13000309"},
                {200, "{\"code\":0,\"msg\":\"success\"}", KOODRIVE_TRANSIENT, "no task"},
                {200, "{\"code\":0,\"jobInfo\":[{\"taskStatus\":2}]}", KOODRIVE_TRANSIENT,
                 "no task"},
                {200, "{\"code\":0,\"jobInfo\":\"taskStatus\",\"data\":[]}", KOODRIVE_TRANSIENT,
                 "no task"},
                {200, "{\"status\":2}", KOODRIVE_TRANSIENT, "no task"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

/* The server's text goes into the log: printable, and never long. */
static void test_why_is_printable(void **state) {
        CLEANUP(freep) char *message = malloc(100001), *body = NULL;
        CLEANUP(koodrive_answer_clear) struct koodrive_answer a = {};

        memset(message, 'm', 100000);
        message[100000] = '\0';
        check_fault(*state, &(struct fault_case){500, "{\"code\":1,\"msg\":\"成\\n\\u001b[31m\"}",
                                                 KOODRIVE_TRANSIENT, "code 1: ?????[31m"});
        body = str_printf("{\"code\":1,\"msg\":\"%s\",\"error_code\":\"%s\"}", message, message);
        a = read_text(*state, 500, body);
        assert_int_equal(a.class, KOODRIVE_TRANSIENT);
        assert_non_null(strstr(a.why, "HTTP 500, code 1: mmmm"));
}

static void check_no_json(json_tokener *tokener, const char *body, size_t length) {
        CLEANUP(koodrive_answer_clear)
        struct koodrive_answer a = read_bytes(tokener, 200, body, length);
        CLEANUP(koodrive_answer_clear) struct koodrive_answer next = {};

        if (a.class != KOODRIVE_TRANSIENT)
                fail_msg("%.*s: %s", (int) MIN(length, 100U), body, koodrive_class_name(a.class));
        assert_non_null(strstr(a.why, "no JSON"));

        next = read_text(tokener, 200, RUNNING);
        assert_int_equal(next.class, KOODRIVE_TASK);
}

static void test_no_json(void **state) {
        static const char *const bodies[] = {
                "",
                " \n",
                "<html></html>",
                "{",
                "null",
                RUNNING "x",
                RUNNING RUNNING,
                RUNNING "]",
                "{\"jobInfo\":{\"taskStatus\":1,}}",
                "{\"jobInfo\":{\"taskStatus\":1}} // done",
                "{\"jobInfo\":{\"taskStatus\":1}/**/}",
                "{\"jobInfo\":{\"taskStatus\":01}}",
                "{\"jobInfo\":{\"taskStatus\":1},\"msg\":\"\\ud83d\"",
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                check_no_json(*state, bodies[i], strlen(bodies[i]));
}

static void test_other_json(void **state) {
        static const struct fault_case cases[] = {
                {200, "[]", KOODRIVE_TRANSIENT, "no task"},
                {200, "[{\"jobInfo\":{\"taskStatus\":2}}]", KOODRIVE_TRANSIENT, "no task"},
                {200, "\"taskStatus\"", KOODRIVE_TRANSIENT, "no task"},
                {200, "{}", KOODRIVE_TRANSIENT, "no task"},
        };

        check_faults(*state, cases, ARRAY_LEN(cases));
}

static void test_truncated_anywhere(void **state) {
        static const char *const bodies[] = {PACKED, STRINGY, OF_2024};

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                for (size_t length = 0; length < strlen(bodies[i]); length++)
                        check_no_json(*state, bodies[i], length);
}

/* Hooks get the answer: it must be text that any JSON reader takes. */
static void test_bytes_that_are_no_text(void **state) {
        static const char *const bytes[] = {
                "\xff",
                "\xc3",
                "\x80",
                "\xe6\x88",
                "\xc0\x80",
                "\xed\xa0\x80",
                "\xe0\x80\xaf",
                "\xf5\x80\x80\x80",
                "\xf0\x80\x80\x80",
        };

        for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
                CLEANUP(freep)
                char *body = str_printf(JOB("\"taskStatus\":2,\"x\":\"%s\""), bytes[i]);

                check_no_json(*state, body, strlen(body));
        }
}

static void test_nul_bytes(void **state) {
        static const char inside[] = "{\"jobInfo\":{\"taskStatus\":1,\"x\":\"a\0b\"}}";
        static const char between[] = "{\"jobInfo\":\0{\"taskStatus\":1}}";
        static const char behind[] = "{\"jobInfo\":{\"taskStatus\":1}}\0{";

        check_no_json(*state, inside, sizeof(inside) - 1);
        check_no_json(*state, between, sizeof(between) - 1);
        check_no_json(*state, behind, sizeof(behind) - 1);
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

static void test_too_long(void **state) {
        CLEANUP(freep) char *body = malloc(KOODRIVE_ANSWER_MAX + 1);

        memset(body, ' ', KOODRIVE_ANSWER_MAX + 1);
        memcpy(body, RUNNING, strlen(RUNNING));
        check_no_json(*state, body, KOODRIVE_ANSWER_MAX + 1);
}

static void test_no_answer(void **state) {
        static const struct {
                enum http_outcome outcome;
                enum koodrive_class class;
        } cases[] = {
                {HTTP_UNREACHABLE, KOODRIVE_UNREACHABLE},
                {HTTP_MALFORMED, KOODRIVE_TRANSIENT},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a = read_http(
                        *state, &(struct http_answer){.outcome = cases[i].outcome,
                                                      .error = "connection\nrefused",
                                                      .date = "Tue, 20 May 2025 02:29:12 GMT"});

                assert_int_equal(a.class, cases[i].class);
                assert_string_equal(a.why, "connection?refused");
                assert_int_equal(a.date, NOW);
                assert_null(a.json);
        }
}

/* Hints in headers */

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
                {NULL, -1},
                {"", -1},
                {"soon", -1},
                {"-5", -1},
                {"5s", -1},
                {"1.5", -1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_answer_clear)
                struct koodrive_answer a =
                        read_http(*state, &(struct http_answer){.status = 429,
                                                                .body = THROTTLED,
                                                                .body_length = strlen(THROTTLED),
                                                                .retry_after = cases[i].text});

                assert_int_equal(a.class, KOODRIVE_THROTTLED);
                if (a.retry_after != cases[i].expected)
                        fail_msg("Retry-After: %s is %jd", cases[i].text, (intmax_t) a.retry_after);
        }
}

static void test_date(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = {
                {"Tue, 20 May 2025 02:29:12 GMT", NOW},
                {NULL, -1},
                {"", -1},
                {"yesterday", -1},
        };
        static const long statuses[] = {200, 401, 503};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
                        CLEANUP(koodrive_answer_clear)
                        struct koodrive_answer a = read_http(
                                *state, &(struct http_answer){.status = statuses[k],
                                                              .body = RUNNING,
                                                              .body_length = strlen(RUNNING),
                                                              .date = cases[i].text});

                        assert_int_equal(a.date, cases[i].expected);
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
        for (int i = 0; i < KOODRIVE_CLASSES; i++)
                assert_true(strlen(koodrive_class_name((enum koodrive_class) i)) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request_in_full),
                cmocka_unit_test(test_request_at_least),
                cmocka_unit_test(test_request_date),
                cmocka_unit_test(test_request_quotes),
                cmocka_unit_test(test_request_clear),
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
                cmocka_unit_test(test_why_is_printable),
                cmocka_unit_test(test_no_json),
                cmocka_unit_test(test_other_json),
                cmocka_unit_test(test_truncated_anywhere),
                cmocka_unit_test(test_bytes_that_are_no_text),
                cmocka_unit_test(test_nul_bytes),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_retry_after),
                cmocka_unit_test(test_date),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
