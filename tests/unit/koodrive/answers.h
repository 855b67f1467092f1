#pragma once
/*
 * Answers for the tests of koodrive/: bodies, and what is expected of them
 *
 * Bodies are handed over without a NUL behind them, so that a sanitizer sees any
 * reading over the end. A test's state is the tokener.
 */
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/koodrive/body.h"
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

static inline int set_up(void **state) {
        *state = koodrive_tokener_new();
        return *state ? 0 : -1;
}

static inline int tear_down(void **state) {
        json_tokener_free(*state);
        return 0;
}

static inline struct koodrive_answer read_http(json_tokener *tokener,
                                               const struct http_answer *http) {
        struct koodrive_answer a, whole;
        json_object *json;

        /* The short way of a usual answer leads where the long one leads. */
        koodrive_answer_read(http, &query, tokener, NOW, &a);
        koodrive_answer_read_whole(http, &query, tokener, NOW, &whole);
        assert_true(a.disposition.class == whole.disposition.class && a.status == whole.status);
        assert_true(a.progress == whole.progress && a.result == whole.result);
        assert_true(a.raw_status == whole.raw_status && a.type == whole.type);
        assert_true(a.date == whole.date && a.retry_after == whole.retry_after);
        assert_true(a.url_problem == whole.url_problem);
        assert_int_equal(koodrive_answer_json(&a, &json), 0);
        assert_true(!json == !whole.json && (!json || json_object_equal(json, whole.json)));

        koodrive_answer_clear(&whole);
        json_object_put(STEAL_PTR(a.json));
        a.json = json;
        a.unread = NULL; /* what it borrows does not live as long */
        return a;
}

static inline struct koodrive_answer read_bytes(json_tokener *tokener, long status,
                                                const char *body, size_t length) {
        CLEANUP(freep) char *exact = malloc(length ? length : 1);

        assert_non_null(exact);
        memcpy(exact, body, length);
        return read_http(tokener, &(struct http_answer){
                                          .status = status, .body = exact, .body_length = length});
}

static inline struct koodrive_answer read_text(json_tokener *tokener, long status,
                                               const char *body) {
        return read_bytes(tokener, status, body, strlen(body));
}

static inline struct koodrive_answer read_headers(json_tokener *tokener, long status,
                                                  const char *body,
                                                  const struct http_header *headers, size_t n) {
        return read_http(tokener, &(struct http_answer){.status = status,
                                                        .body = body,
                                                        .body_length = strlen(body),
                                                        .headers = headers,
                                                        .n_headers = n});
}

static inline struct koodrive_answer read_message(json_tokener *tokener, const char *message) {
        CLEANUP(freep) char *body = str_printf("{\"code\":13000311,\"msg\":\"%s\"}", message);

        return read_text(tokener, 400, body);
}

/* A text of at least so many bytes: a head of single bytes, then the same character. */
static inline char *text_of(size_t head, const char *character, size_t length) {
        char *text = malloc(head + length + 5), *at = text + head;

        assert_non_null(text);
        memset(text, 'm', head);
        for (*at = '\0'; (size_t) (at - text) < length; at += strlen(character))
                (void) snprintf(at, 5, "%s", character);
        return text;
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

static inline void check_task(json_tokener *tokener, const struct task_case *c) {
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

static inline void check_tasks(json_tokener *tokener, const struct task_case *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                check_task(tokener, &cases[i]);
}

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
#define STRINGY                                                                                    \
        "{\"code\":0,\"msg\":\"Success.\",\"jobInfo\":{\"taskId\":" TASK                           \
        ",\"taskType\":\"1\",\"taskStatus\":\"2\",\"taskResultCode\":\"1\",\"progress\":\"100\"}," \
        "\"taskInfos\":{\"fileId\":\"F1\",\"status\":1,\"newFileId\":\"N1\"}}"
#define OF_2024                                                                                 \
        "{\"code\":\"0\",\"msg\":\"success\",\"taskInfo\":{\"userId\":\"1\",\"taskId\":\"" TASK \
        "\",\"taskType\":1,\"taskStatus\":3,\"taskResultCode\":3,\"resultCode\":0,"             \
        "\"createTime\":\"20240730010203\",\"progress\":40}}"

/* Answers that tell nothing of the task */

struct fault_case {
        long status;
        const char *body;
        enum koodrive_class class;
        const char *why; /* must be in it */
        const char *code, *message;
};

static inline void check_fault(json_tokener *tokener, const struct fault_case *c) {
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

static inline void check_faults(json_tokener *tokener, const struct fault_case *cases, size_t n) {
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

/* What was sent does not come back */

/* Not even so much of it. */
#define PART 8

static inline void assert_no_secret(const char *text, const char *secret) {
        char part[PART + 1];

        for (size_t at = 0; at + PART <= strlen(secret); at++) {
                memcpy(part, secret + at, PART);
                part[PART] = '\0';
                if (strstr(text, part))
                        fail_msg("\"%s\" holds \"%s\"", text, part);
        }
}

static inline void assert_tells_nothing(const struct koodrive_answer *a) {
        static const char *const secrets[] = {TOKEN_HEX, KDSTOKEN, REFRESH_SECRET};

        assert_true(*a->why);
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                assert_no_secret(a->why, secrets[i]);
                assert_no_secret(a->code, secrets[i]);
                assert_no_secret(a->message, secrets[i]);
        }
}
