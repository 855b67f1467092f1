#include "koowatchd/koodrive.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <time.h>

#define PATH "/koodrive/ose/v1/share/taskDetail"
#define JSON_DEPTH 32
#define RETRY_AFTER_MAX USEC_HOUR
#define URL_MAX (32 * 1024)

static char *date_header(usec_t date) {
        time_t seconds = (time_t) (date / USEC_SEC);
        char text[32];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm) == 0)
                return NULL;
        return str_printf("X-Date: %s", text);
}

static char *build_body(const struct koodrive_query *q) {
        json_object *body = json_object_new_object();
        char *text = NULL;

        if (body &&
            json_object_object_add(body, "taskId", json_object_new_string(q->task_id)) == 0 &&
            json_object_object_add(body, "shareId", json_object_new_string(q->share_id)) == 0 &&
            (!q->kdstoken ||
             json_object_object_add(body, "kdstoken", json_object_new_string(q->kdstoken)) == 0)) {
                const char *plain = json_object_to_json_string_ext(
                        body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

                text = plain ? strdup(plain) : NULL;
        }
        json_object_put(body);
        return text;
}

int koodrive_request_build(const struct koodrive_query *q, struct koodrive_request *ret) {
        struct koodrive_request r = {};
        char **h = r.headers;
        bool complete = true;

        hex_encode(q->trace_seed, sizeof(q->trace_seed), r.trace_id);
        r.url = str_printf("%s" PATH, q->endpoint);
        r.body = build_body(q);

        complete &= !!(*h++ = str_printf("Authorization: %s", q->authorization));
        complete &= !!(*h++ = strdup("Content-Type: application/json"));
        complete &= !!(*h++ = date_header(q->date));
        complete &= !!(*h++ = str_printf("X-Traceid: %s", r.trace_id));
        if (q->user_id)
                complete &= !!(*h++ = str_printf("X-User-Id: %s", q->user_id));
        if (q->agent_name)
                complete &= !!(*h++ = str_printf("X-Hw-Agentname: %s", q->agent_name));

        if (!complete || !r.url || !r.body) {
                koodrive_request_clear(&r);
                return -ENOMEM;
        }
        *ret = r;
        return 0;
}

void koodrive_request_clear(struct koodrive_request *r) {
        for (size_t i = 0; i < ARRAY_LEN(r->headers); i++)
                secret_free(r->headers[i]);
        secret_free(r->body);
        free(r->url);
        *r = (struct koodrive_request){};
}

/*
 * What an HTTP status means. The first row that fits counts; with_code says
 * whether the body must carry a code of KooDrive's own (then it was KooDrive that
 * answered, not something in front of it).
 */
enum with_code { EITHER, WITHOUT_CODE, WITH_CODE };

static const struct {
        long from, to;
        enum with_code with_code;
        enum koodrive_class class;
        const char *text;
} http_classes[] = {
        {401, 401, EITHER, KOODRIVE_UNAUTHORIZED, "the credential was refused"},
        {403, 403, WITH_CODE, KOODRIVE_TRANSIENT, "access to the task was refused"},
        {403, 403, WITHOUT_CODE, KOODRIVE_UNAUTHORIZED, "access was refused"},
        {429, 429, EITHER, KOODRIVE_THROTTLED, "too many requests"},
        {500, 599, WITH_CODE, KOODRIVE_TRANSIENT, "KooDrive reported a fault of its own"},
        {500, 599, WITHOUT_CODE, KOODRIVE_UNREACHABLE, "the service is not available"},
        {300, 399, EITHER, KOODRIVE_TRANSIENT, "a redirect, which is never followed"},
        {200, 299, EITHER, KOODRIVE_TRANSIENT, "no task in the answer"},
        {LONG_MIN, LONG_MAX, EITHER, KOODRIVE_TRANSIENT, "the request was refused"},
};

/* An integer, however it is written: 2, "2", 2.0. Numbers beyond what a long holds are none. */
static bool get_integer(json_object *object, const char *key, int64_t *ret) {
        json_object *value;
        int64_t number;

        if (!json_object_object_get_ex(object, key, &value))
                return false;

        switch (json_object_get_type(value)) {
        case json_type_int:
                *ret = json_object_get_int64(value);
                return true;
        case json_type_double: {
                double d = json_object_get_double(value);

                if (!(d >= -1e15 && d <= 1e15) || d != (double) (int64_t) d)
                        return false;
                *ret = (int64_t) d;
                return true;
        }
        case json_type_string: {
                const char *text = json_object_get_string(value);
                char *end;

                errno = 0;
                number = strtoll(text, &end, 10);
                if (errno != 0 || end == text || *end)
                        return false;
                *ret = number;
                return true;
        }
        default:
                return false;
        }
}

/* An id, written as a string or as a number: compared as text, never as a double. */
static bool is_other_id(json_object *object, const char *key, const char *expected) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            (!json_object_is_type(value, json_type_string) &&
             !json_object_is_type(value, json_type_int)))
                return false;
        return !streq(json_object_get_string(value), expected);
}

static bool get_string(json_object *object, const char *key, const char **ret) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_string))
                return false;
        *ret = json_object_get_string(value);
        return strlen(*ret) == (size_t) json_object_get_string_len(value);
}

/* Copies at most size - 1 bytes of printable ASCII; the rest becomes '?'. */
static void copy_printable(char *ret, size_t size, const char *text) {
        size_t i;

        for (i = 0; text[i] && i + 1 < size; i++)
                ret[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
        ret[i] = '\0';
}

/*
 * The object that holds taskStatus: jobInfo today, taskInfo until 2024, inside
 * data or at the top on sibling endpoints.
 */
static json_object *find_job(json_object *root, const char **ret_status_key) {
        static const char *const paths[][2] = {
                {"jobInfo", NULL}, {"taskInfo", NULL}, {"data", "jobInfo"}, {"data", NULL}, {},
        };

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                json_object *at = root;

                for (size_t k = 0; k < 2 && paths[i][k]; k++)
                        if (!json_object_is_type(at, json_type_object) ||
                            !json_object_object_get_ex(at, paths[i][k], &at))
                                at = NULL;
                if (!json_object_is_type(at, json_type_object))
                        continue;
                if (json_object_object_get_ex(at, "taskStatus", NULL)) {
                        *ret_status_key = "taskStatus";
                        return at;
                }
                if (at != root && json_object_object_get_ex(at, "status", NULL)) {
                        *ret_status_key = "status";
                        return at;
                }
        }
        return NULL;
}

static void read_job(json_object *job, const char *status_key, struct koodrive_answer *a) {
        const char *url;
        int64_t n;

        a->status = KOODRIVE_STATUS_UNKNOWN;
        a->raw_status = -1;
        if (get_integer(job, status_key, &n)) {
                a->raw_status = (long) n;
                if (n >= KOODRIVE_STATUS_PENDING && n <= KOODRIVE_STATUS_CANCELED)
                        a->status = (enum koodrive_status) n;
        }
        if (get_integer(job, "taskResultCode", &n) && n >= KOODRIVE_RESULT_SUCCEEDED &&
            n <= KOODRIVE_RESULT_FAILED)
                a->result = (enum koodrive_result) n;
        if (get_integer(job, "progress", &n))
                a->progress = n < 0 ? 0 : n > 100 ? 100 : (int) n;
        if (get_integer(job, "taskType", &n) && n > 0 && n < 1000)
                a->type = (int) n;
        if (get_string(job, "downloadUrl", &url) && *url && strlen(url) <= URL_MAX) {
                const char *c = url;

                while ((unsigned char) *c > ' ' && *c != 0x7f)
                        c++;
                if (!*c)
                        a->download_url = strdup(url);
        }
}

/* What the body says of a fault, printable and cut to size; "" where it says nothing. */
struct fault {
        char code[40];
        char message[80];
        bool by_koodrive; /* the code is KooDrive's own ("code"), not the gateway's ("error_code")
                           */
};

static struct fault read_fault(json_object *root) {
        const char *code = "", *message = "";
        struct fault fault = {};
        json_object *value;
        int64_t number = 0;

        if (!json_object_is_type(root, json_type_object))
                return fault;

        fault.by_koodrive = get_integer(root, "code", &number) && number != 0;
        if (fault.by_koodrive && json_object_object_get_ex(root, "code", &value))
                code = json_object_get_string(value);
        else
                (void) get_string(root, "error_code", &code);
        if (!get_string(root, "msg", &message))
                (void) get_string(root, "error_msg", &message);
        copy_printable(fault.code, sizeof(fault.code), code);
        copy_printable(fault.message, sizeof(fault.message), message);
        return fault;
}

static void classify(long status, json_object *root, struct koodrive_answer *a) {
        struct fault fault = read_fault(root);
        size_t i = 0;

        while (status < http_classes[i].from || status > http_classes[i].to ||
               (http_classes[i].with_code == WITH_CODE && !fault.by_koodrive) ||
               (http_classes[i].with_code == WITHOUT_CODE && fault.by_koodrive))
                i++; /* the last row fits always */

        a->class = http_classes[i].class;
        if (*fault.code)
                (void) snprintf(a->why, sizeof(a->why), "%s (HTTP %ld, code %s: %s)",
                                http_classes[i].text, status, fault.code, fault.message);
        else
                (void) snprintf(a->why, sizeof(a->why), "%s (HTTP %ld)", http_classes[i].text,
                                status);
}

static json_object *parse(const struct http_answer *http, json_tokener *tokener) {
        json_object *root;

        /* json-c's own check lets overlong forms, surrogates and a NUL behind the document pass. */
        if (http->body_length == 0 || http->body_length > KOODRIVE_ANSWER_MAX ||
            !utf8_is_valid(http->body, http->body_length))
                return NULL;
        json_tokener_reset(tokener);
        root = json_tokener_parse_ex(tokener, http->body, (int) http->body_length);
        if (json_tokener_get_error(tokener) == json_tokener_success)
                return root;
        json_object_put(root);
        return NULL;
}

/* Seconds or an HTTP date (RFC 9110, 10.2.3); not documented by KooDrive, honoured where sent. */
static usec_t read_retry_after(const char *text, usec_t now) {
        unsigned long seconds;
        time_t date;
        char *end;

        if (str_empty(text))
                return -1;
        if (*text >= '0' && *text <= '9') {
                seconds = strtoul(text, &end, 10);
                if (*end)
                        return -1;
                return seconds > RETRY_AFTER_MAX / USEC_SEC ? RETRY_AFTER_MAX
                                                            : (usec_t) seconds * USEC_SEC;
        }
        date = curl_getdate(text, NULL);
        if (date < 0)
                return -1;
        return MIN(MAX((usec_t) date * USEC_SEC - now, 0), RETRY_AFTER_MAX);
}

void koodrive_answer_read(const struct http_answer *http, const char *task_id,
                          json_tokener *tokener, usec_t now, struct koodrive_answer *ret) {
        struct koodrive_answer a = {.date = -1, .retry_after = -1, .progress = -1};
        const char *status_key = NULL;
        json_object *root, *job = NULL;
        int64_t code = 0;

        if (http->date) {
                time_t date = curl_getdate(http->date, NULL);

                a.date = date < 0 ? -1 : (usec_t) date * USEC_SEC;
        }

        if (http->outcome != HTTP_ANSWERED) {
                a.class = http->outcome == HTTP_UNREACHABLE ? KOODRIVE_UNREACHABLE
                                                            : KOODRIVE_TRANSIENT;
                copy_printable(a.why, sizeof(a.why), http->error);
                *ret = a;
                return;
        }

        a.retry_after = read_retry_after(http->retry_after, now);
        root = parse(http, tokener);
        if (json_object_is_type(root, json_type_object))
                job = find_job(root, &status_key);

        if (http->status < 200 || http->status > 299 || !job ||
            (get_integer(root, "code", &code) && code != 0)) {
                classify(http->status, root, &a);
                if (http->status == 200 && !root)
                        (void) snprintf(a.why, sizeof(a.why), "an answer that is no JSON");
        } else if (is_other_id(job, "taskId", task_id)) {
                a.class = KOODRIVE_TRANSIENT;
                (void) snprintf(a.why, sizeof(a.why), "an answer about another task");
        } else {
                a.class = KOODRIVE_TASK;
                read_job(job, status_key, &a);
                a.json = STEAL_PTR(root);
        }
        json_object_put(root);
        *ret = a;
}

void koodrive_answer_clear(struct koodrive_answer *a) {
        free(a->download_url);
        json_object_put(a->json);
        a->download_url = NULL;
        a->json = NULL;
}

json_tokener *koodrive_tokener_new(void) {
        json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);

        if (tokener)
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        return tokener;
}

const char *koodrive_class_name(enum koodrive_class class) {
        static const char *const names[KOODRIVE_CLASSES] = {
                [KOODRIVE_TASK] = "task",
                [KOODRIVE_TRANSIENT] = "transient",
                [KOODRIVE_UNREACHABLE] = "unreachable",
                [KOODRIVE_THROTTLED] = "throttled",
                [KOODRIVE_UNAUTHORIZED] = "unauthorized",
        };

        return names[class];
}

const char *koodrive_status_name(enum koodrive_status status) {
        static const char *const names[] = {"pending", "running", "completed", "canceled"};

        return status == KOODRIVE_STATUS_UNKNOWN ? "unknown" : names[status];
}

const char *koodrive_result_name(enum koodrive_result result) {
        static const char *const names[] = {"unknown", "succeeded", "partial", "failed"};

        return names[result];
}

const char *koodrive_result_text(enum koodrive_result result) {
        static const char *const texts[] = {"result unknown", "all succeeded", "partially failed",
                                            "all failed"};

        return texts[result];
}
