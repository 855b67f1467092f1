#include "koowatchd/koodrive/answer.h"

#include <errno.h>
#include <time.h>

#include "common/json.h"
#include "koowatchd/koodrive/body.h"
#include "koowatchd/koodrive/field.h"
#include "koowatchd/koodrive/hints.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/koodrive/redact.h"
#include "koowatchd/koodrive/usual-answer.h"
#include "koowatchd/loop/http-answer.h"

/*
 * The object that holds taskStatus: jobInfo today, taskInfo until 2024, inside data or at the
 * top on sibling endpoints. "status" in a "data" may be anybody's: *ret_is_named is false, and
 * only the task's id shows that it is a task's.
 */
static json_object *find_job(json_object *root, const char **ret_status_key, bool *ret_is_named) {
        static const char *const paths[][2] = {
                {"jobInfo", NULL}, {"taskInfo", NULL}, {"data", "jobInfo"}, {"data", NULL}, {},
        };

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                json_object *at = root;

                for (size_t k = 0; k < 2 && paths[i][k]; k++)
                        at = json_get_object(at, paths[i][k]);
                if (!at)
                        continue;
                if (json_object_object_get_ex(at, "taskStatus", NULL)) {
                        *ret_status_key = "taskStatus";
                        *ret_is_named = true;
                        return at;
                }
                if (at != root && json_object_object_get_ex(at, "status", NULL)) {
                        *ret_status_key = "status";
                        *ret_is_named = i < 2 || paths[i][1];
                        return at;
                }
        }
        return NULL;
}

/* Returns 0 or -ENOMEM. */
static int read_link(json_object *job, struct koodrive_answer *a) {
        json_object *value = json_object_object_get(job, "downloadUrl");

        if (json_object_is_type(value, json_type_string))
                return link_clean(json_object_get_string(value),
                                  (size_t) json_object_get_string_len(value), &a->download_url,
                                  &a->url_problem);
        if (value)
                a->url_problem = "it is not a string";
        return 0;
}

static int read_type(json_object *job) {
        int64_t n;

        return field_integer(job, "taskType", &n) && n > 0 && n < 1000 ? (int) n : 0;
}

/* yyyyMMddHHmmss */
static usec_t read_end(json_object *job) {
        int64_t n;

        if (!field_integer(job, "endTime", &n) || n < 19700101000000 || n > 99991231235959)
                return -1;
        return (usec_t) timegm(&(struct tm){
                       .tm_year = (int) (n / 10000000000) - 1900,
                       .tm_mon = (int) (n / 100000000 % 100) - 1,
                       .tm_mday = (int) (n / 1000000 % 100),
                       .tm_hour = (int) (n / 10000 % 100),
                       .tm_min = (int) (n / 100 % 100),
                       .tm_sec = (int) (n % 100),
               }) *
               USEC_SEC;
}

int koodrive_answer_type(json_object *answer) {
        const char *status_key = NULL;
        bool is_named = false;
        json_object *job = answer ? find_job(answer, &status_key, &is_named) : NULL;

        return job ? read_type(job) : 0;
}

/* Likewise. */
static int read_job(json_object *job, const char *status_key, struct koodrive_answer *a) {
        int64_t n;

        a->status = KOODRIVE_STATUS_UNKNOWN;
        a->raw_status = -1;
        if (field_integer(job, status_key, &n)) {
                a->raw_status = (long) n;
                if (n >= KOODRIVE_STATUS_PENDING && n <= KOODRIVE_STATUS_CANCELED)
                        a->status = (enum koodrive_status) n;
        }
        if (field_integer(job, "taskResultCode", &n) && n >= KOODRIVE_RESULT_SUCCEEDED &&
            n <= KOODRIVE_RESULT_FAILED)
                a->result = (enum koodrive_result) n;
        if (field_percent(job, "progress", &n))
                a->progress = n < 0 ? 0 : n > 100 ? 100 : (int) n;
        a->type = read_type(job);
        a->ended = read_end(job);
        return read_link(job, a);
}

/* ---- what is said of a fault ---- */

/* The text under key, of a string or a number; "" where there is none. */
static void read_text(json_object *object, const char *key, const struct secrets *secrets,
                      char *ret, size_t size) {
        const char *text = json_get_string(object, key);
        int64_t number;
        char digits[24];

        *ret = '\0';
        if (field_integer(object, key, &number)) {
                (void) snprintf(digits, sizeof(digits), "%lld", (long long) number);
                redact_copy(ret, size, digits, secrets);
        } else if (text) {
                redact_copy(ret, size, text, secrets);
        }
}

/*
 * Code and message of a refusal: "code" and "msg" where KooDrive has answered, "error_code"
 * and "error_msg" of the gateway, in an object "error" of either. A code of KooDrive or its
 * gateway counts before any other; one that says that all is well is none.
 */
static void read_fault(json_object *root, const struct secrets *secrets,
                       struct koodrive_answer *a) {
        static const char *const codes[] = {"code", "error_code", "errorCode"};
        static const char *const messages[] = {"msg", "error_msg", "errorMsg", "message"};
        json_object *const places[] = {root, json_get_object(root, "error")};
        char text[sizeof(a->code)];

        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                if (!places[i])
                        continue;
                for (size_t k = 0; k < ARRAY_LEN(codes) && !koodrive_code_is_own(a->code); k++) {
                        read_text(places[i], codes[k], secrets, text, sizeof(text));
                        if (!koodrive_code_is_success(text) &&
                            (!*a->code || koodrive_code_is_own(text)))
                                memcpy(a->code, text, sizeof(text));
                }
                for (size_t k = 0; k < ARRAY_LEN(messages) && !*a->message; k++) {
                        const char *message = json_get_string(places[i], messages[k]);

                        redact_copy(a->message, sizeof(a->message), message ? message : "",
                                    secrets);
                }
        }
}

static void say_why(long http_status, struct koodrive_answer *a) {
        (void) snprintf(a->why, sizeof(a->why), "%s (HTTP %ld%s%s%s%s)", a->disposition.text,
                        http_status, *a->code ? ", code " : "", a->code, *a->message ? ": " : "",
                        a->message);
}

static void read_failure(const struct http_answer *http, const struct secrets *secrets,
                         struct koodrive_answer *a) {
        if (http->connect_status > 0) {
                if (http->connect_status == 407)
                        a->disposition = koodrive_classify(407, "", KOODRIVE_BODY_OTHER);
                else
                        a->disposition = (struct koodrive_disposition){
                                .class = KOODRIVE_UNREACHABLE,
                                .text = "the proxy refused the connection",
                        };
                say_why(http->connect_status, a);
                return;
        }
        a->disposition = koodrive_classify_failure(http->outcome);
        a->disposition.overdue = http->outcome == HTTP_MALFORMED && body_is_json_type(http);
        redact_copy(a->why, sizeof(a->why), http->error, secrets);
}

static void answer_init(const struct http_answer *http, struct koodrive_answer *a) {
        *a = (struct koodrive_answer){
                .http_status = http->status,
                .date = hint_date(http_header(http, "Date")),
                .retry_after = -1,
                .window = -1,
                .server_time = -1,
                .ended = -1,
                .progress = -1,
        };
}

json_object *koodrive_answer_begin(const struct http_answer *http, const struct secrets *secrets,
                                   json_tokener *tokener, usec_t now, struct koodrive_answer *a) {
        char fault[JSON_FAULT_MAX];
        enum koodrive_body body;
        json_object *root;

        answer_init(http, a);
        if (http->outcome != HTTP_ANSWERED) {
                read_failure(http, secrets, a);
                return NULL;
        }
        root = body_parse(http, tokener, fault);
        read_fault(root, secrets, a);
        body = body_kind(http, root);
        a->disposition = koodrive_classify(http->status, a->code, body);
        say_why(http->status, a);
        if (!root && http_answer_is_ok(http) && a->disposition.class == KOODRIVE_TRANSIENT)
                (void) snprintf(a->why, sizeof(a->why), "an answer that cannot be parsed: %s",
                                fault);
        a->disposition.overdue |= http_answer_is_ok(http) &&
                                  a->disposition.class == KOODRIVE_TRANSIENT &&
                                  body_is_json_type(http);
        a->retry_after =
                hint_retry_after(http_header(http, "Retry-After"), a->date >= 0 ? a->date : now);
        if (a->disposition.class == KOODRIVE_THROTTLED)
                a->window = MAX(hint_window(a->message), hint_rate_headers(http));
        if (a->disposition.class == KOODRIVE_UNAUTHORIZED ||
            a->disposition.may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                a->stamp_refused = hint_stamp_refused(a->message, &a->server_time);
        return root;
}

void koodrive_answer_fault(struct koodrive_answer *a, const char *text) {
        a->disposition = (struct koodrive_disposition){
                .class = KOODRIVE_TRANSIENT, .overdue = a->disposition.overdue, .text = text};
        (void) snprintf(a->why, sizeof(a->why), "%s", text);
}

/* A code beside a job of this very task does not make the job untrue. */
static bool is_about_task(json_object *job, const char *status_key, bool is_named,
                          const struct koodrive_answer *a) {
        int64_t n;

        return (is_named && !*a->code) || (json_object_object_get_ex(job, "taskId", NULL) &&
                                           field_integer(job, status_key, &n));
}

void koodrive_answer_read_whole(const struct http_answer *http, const struct koodrive_query *query,
                                json_tokener *tokener, usec_t now, struct koodrive_answer *ret) {
        const struct secrets secrets = redact_secrets(&query->who, query->kdstoken);
        const struct secrets credential = redact_secrets(&query->who, NULL);
        const char *status_key = NULL;
        json_object *root, *job;
        bool is_named = false;
        int held;

        root = koodrive_answer_begin(http, &secrets, tokener, now, ret);
        job = root && http_answer_is_ok(http) ? find_job(root, &status_key, &is_named) : NULL;

        if (job && field_is_other_id(job, "taskId", query->task_id)) {
                if (!*ret->code)
                        koodrive_answer_fault(ret, "an answer about another task");
        } else if (job && is_about_task(job, status_key, is_named, ret)) {
                ret->disposition = (struct koodrive_disposition){.class = KOODRIVE_TASK};
                *ret->why = *ret->code = *ret->message = '\0';
                ret->retry_after = ret->window = -1;
                if (read_job(job, status_key, ret) < 0)
                        koodrive_answer_fault(ret, "no memory to read the answer");
                held = ret->download_url ? redact_finds_in_url(ret->download_url, &credential) : 0;
                if (held < 0)
                        koodrive_answer_fault(ret, "no memory to read the answer");
                if (held > 0) {
                        free(STEAL_PTR(ret->download_url));
                        ret->url_problem = "it contains the account's token";
                }
        }
        if (root && !redact_is_needed(root, http->body, http->body_length, &secrets))
                ret->json = STEAL_PTR(root);
        json_object_put(root);
}

void koodrive_answer_read(const struct http_answer *http, const struct koodrive_query *query,
                          json_tokener *tokener, usec_t now, struct koodrive_answer *ret) {
        struct koodrive_usual usual;

        if (!http_answer_is_ok(http) ||
            !koodrive_usual_read(http->body, http->body_length, query->task_id, &usual)) {
                koodrive_answer_read_whole(http, query, tokener, now, ret);
                return;
        }
        answer_init(http, ret);
        ret->disposition = (struct koodrive_disposition){.class = KOODRIVE_TASK};
        ret->status = usual.is_running ? KOODRIVE_STATUS_RUNNING : KOODRIVE_STATUS_PENDING;
        ret->raw_status = (long) ret->status;
        ret->progress = usual.progress;
        ret->type = usual.type;
        ret->unread = http;
        ret->query = query;
}

int koodrive_answer_json(const struct koodrive_answer *a, json_object **ret) {
        struct koodrive_answer whole;

        if (!a->unread) {
                *ret = json_object_get(a->json);
                return 0;
        }
        koodrive_answer_read_whole(a->unread, a->query, NULL, 0, &whole);
        *ret = json_object_get(whole.json);
        koodrive_answer_clear(&whole);
        /* It has been read before: now memory is short. */
        return whole.disposition.class == KOODRIVE_TASK ? 0 : -ENOMEM;
}

void koodrive_answer_clear(struct koodrive_answer *a) {
        free(a->download_url);
        json_object_put(a->json);
        a->download_url = NULL;
        a->json = NULL;
        a->unread = NULL;
        a->query = NULL;
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
