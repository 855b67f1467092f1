#include "koowatchd/koodrive/answer.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "common/json.h"
#include "koowatchd/koodrive/hints.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/koodrive/redact.h"
#include "koowatchd/loop/http-answer.h"

#define JSON_DEPTH 32
#define CONTAINERS_MAX 10000 /* a thousand files of a share need a thousand objects, ... */
#define VALUES_MAX 50000     /* ... and five thousand values */
#define SECRET_MAX (16 * 1024)
#define LIFETIME_MAX (30L * 24 * 3600)

/* "12", "12.0", "12,5 ": the integer part, and what is behind it; NULL when it is no number. */
static const char *parse_number(const char *text, int64_t *ret, bool *ret_is_whole) {
        char *end;

        errno = 0;
        *ret = strtoll(text, &end, 10);
        *ret_is_whole = true;
        if (errno != 0 || end == text)
                return NULL;
        if (*end == '.' || *end == ',') {
                end++;
                *ret_is_whole = strspn(end, "0") == strspn(end, "0123456789");
                end += strspn(end, "0123456789");
        }
        return end + strspn(end, " \t\r\n");
}

/* An integer, however it is written: 2, "2", 2.0. Numbers beyond what a long holds are none. */
static bool get_integer(json_object *object, const char *key, int64_t *ret) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value))
                return false;

        switch (json_object_get_type(value)) {
        case json_type_int:
                *ret = json_object_get_int64(value);
                return *ret < 0 || (uint64_t) *ret == json_object_get_uint64(value);
        case json_type_double: {
                double d = json_object_get_double(value);

                if (!(d >= -1e15 && d <= 1e15) || d != (double) (int64_t) d)
                        return false;
                *ret = (int64_t) d;
                return true;
        }
        case json_type_string: {
                bool whole;
                const char *end = parse_number(json_object_get_string(value), ret, &whole);

                return end && !*end && whole;
        }
        default:
                return false;
        }
}

/* 45, 45.5, "45", "45 %", "45,5": whole percents, never more than are done. */
static bool get_percent(json_object *object, const char *key, int64_t *ret) {
        json_object *value = json_object_object_get(object, key);
        const char *end;
        bool whole;
        double d;

        switch (json_object_get_type(value)) {
        case json_type_int:
                *ret = json_object_get_int64(value);
                return true;
        case json_type_double:
                d = json_object_get_double(value);
                *ret = d < 0 ? 0 : d > 100 ? 100 : (int64_t) d;
                return true;
        case json_type_string:
                end = parse_number(json_object_get_string(value), ret, &whole);
                if (end && *end == '%')
                        end += 1 + strspn(end + 1, " \t\r\n");
                return end && !*end;
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

/*
 * The object that holds taskStatus: jobInfo today, taskInfo until 2024, inside
 * data or at the top on sibling endpoints. A "status" in any "data" is not a name of KooDrive's:
 * only the id of the task tells that it is one.
 */
static json_object *find_job(json_object *root, const char **ret_status_key, bool *ret_is_named) {
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

static void read_link(json_object *job, struct koodrive_answer *a) {
        json_object *value = json_object_object_get(job, "downloadUrl");

        if (json_object_is_type(value, json_type_string))
                a->download_url =
                        link_clean(json_object_get_string(value),
                                   (size_t) json_object_get_string_len(value), &a->url_problem);
        else if (value)
                a->url_problem = "it is no string";
}

static void read_job(json_object *job, const char *status_key, struct koodrive_answer *a) {
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
        if (get_percent(job, "progress", &n))
                a->progress = n < 0 ? 0 : n > 100 ? 100 : (int) n;
        if (get_integer(job, "taskType", &n) && n > 0 && n < 1000)
                a->type = (int) n;
        read_link(job, a);
}

/* ---- what is said of a fault ---- */

/* The text under key, of a string or a number; "" where there is none. */
static void get_text(json_object *object, const char *key, const struct secrets *secrets, char *ret,
                     size_t size) {
        int64_t number;
        const char *text;
        char digits[24];

        *ret = '\0';
        if (get_integer(object, key, &number)) {
                (void) snprintf(digits, sizeof(digits), "%lld", (long long) number);
                redact_copy(ret, size, digits, secrets);
        } else if (get_string(object, key, &text)) {
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
        json_object *const places[] = {root, json_object_object_get(root, "error")};
        char text[sizeof(a->code)];

        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                if (!json_object_is_type(places[i], json_type_object))
                        continue;
                for (size_t k = 0; k < ARRAY_LEN(codes) && !koodrive_code_is_own(a->code); k++) {
                        get_text(places[i], codes[k], secrets, text, sizeof(text));
                        if (!koodrive_code_is_success(text) &&
                            (!*a->code || koodrive_code_is_own(text)))
                                memcpy(a->code, text, sizeof(text));
                }
                for (size_t k = 0; k < ARRAY_LEN(messages) && !*a->message; k++) {
                        const char *message = "";

                        (void) get_string(places[i], messages[k], &message);
                        redact_copy(a->message, sizeof(a->message), message, secrets);
                }
        }
}

static void say_why(long http_status, struct koodrive_answer *a) {
        (void) snprintf(a->why, sizeof(a->why), "%s (HTTP %ld%s%s%s%s)", a->disposition.text,
                        http_status, *a->code ? ", code " : "", a->code, *a->message ? ": " : "",
                        a->message);
}

/* No answer at all, or none that could be read: no table is needed for that. */
static struct koodrive_disposition disposition_of_failure(const struct http_answer *http) {
        switch (http->outcome) {
        case HTTP_MALFORMED:
                return (struct koodrive_disposition){.class = KOODRIVE_TRANSIENT,
                                                     .text = "the answer cannot be read"};
        case HTTP_UNTRUSTED:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server is not trusted",
                        .advice = "set CAFile= if the server's certificate is to be trusted",
                };
        case HTTP_UNTRUSTED_DATE:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is not valid at this time",
                        .advice = "check this machine's clock; if it is right, the server, or "
                                  "the proxy that ends the encryption, needs a new certificate",
                };
        case HTTP_UNTRUSTED_NAME:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is another host's",
                        .advice = "check the host in Endpoint=",
                };
        case HTTP_CA_FILE_UNUSABLE:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "CAFile= cannot be read",
                        .advice = "let CAFile= name a file of certificates (PEM) that the "
                                  "daemon's user can read",
                };
        default:
                return (struct koodrive_disposition){.class = KOODRIVE_UNREACHABLE,
                                                     .text = "there is no answer"};
        }
}

/* An object, or NULL with the fault in words. */
static json_object *parse(const struct http_answer *http, json_tokener *tokener,
                          char fault[JSON_FAULT_MAX]) {
        static const struct json_rules rules = {
                .depth = JSON_DEPTH,
                .containers = CONTAINERS_MAX,
                .values = VALUES_MAX,
                .repair = true,
        };
        json_object *root = NULL;
        int r;

        if (http->body_length > KOODRIVE_ANSWER_MAX)
                r = -EFBIG;
        else
                r = json_read(http->body, http->body_length, &rules, tokener, &root, fault);
        if (r < 0 && r != -EBADMSG)
                (void) snprintf(fault, JSON_FAULT_MAX, "%s", strerror(-r));
        if (r == 0 && !json_object_is_type(root, json_type_object)) {
                (void) snprintf(fault, JSON_FAULT_MAX, "it is no object");
                json_object_put(STEAL_PTR(root));
        }
        return root;
}

static bool is_json_type(const struct http_answer *http) {
        const char *type = http_header(http, "Content-Type");

        return type ? strcasestr(type, "json") != NULL
                    : http->body_length > 0 && http->body[0] == '{';
}

static bool is_page(const struct http_answer *http) {
        const char *type = http_header(http, "Content-Type");
        size_t n = 0;

        while (n < http->body_length && isspace((unsigned char) http->body[n]))
                n++;
        return (n < http->body_length && http->body[n] == '<') ||
               (type && strncasecmp(type, "text/html", 9) == 0);
}

/* CloudWAF names itself, also where it lets an answer pass. */
static bool is_firewall(const struct http_answer *http) {
        const char *server = http_header(http, "Server");

        return server && strcasestr(server, "CloudWAF");
}

static enum koodrive_body kind_of_body(const struct http_answer *http, json_object *root) {
        static const char *const members[] = {"code",      "msg",     "error_code", "error_msg",
                                              "errorCode", "jobInfo", "taskInfo",   "data"};

        if (!root)
                return is_firewall(http) ? KOODRIVE_BODY_FIREWALL
                       : is_page(http)   ? KOODRIVE_BODY_PAGE
                                         : KOODRIVE_BODY_OTHER;
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
                if (json_object_object_get_ex(root, members[i], NULL))
                        return KOODRIVE_BODY_JSON;
        return json_object_is_type(json_object_object_get(root, "error"), json_type_object)
                       ? KOODRIVE_BODY_JSON
                       : KOODRIVE_BODY_FOREIGN_JSON;
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
        a->disposition = disposition_of_failure(http);
        a->disposition.overdue = http->outcome == HTTP_MALFORMED && is_json_type(http);
        redact_copy(a->why, sizeof(a->why), http->error, secrets);
}

/*
 * What all answers have in common. Returns the body, which is NULL when it is no object;
 * the class is KOODRIVE_TRANSIENT when nothing speaks against the answer.
 */
static json_object *read_common(const struct http_answer *http, const struct secrets *secrets,
                                json_tokener *tokener, usec_t now, struct koodrive_answer *a) {
        char fault[JSON_FAULT_MAX];
        enum koodrive_body body;
        json_object *root;

        *a = (struct koodrive_answer){
                .http_status = http->status,
                .date = hint_date(http_header(http, "Date")),
                .retry_after = -1,
                .window = -1,
                .server_time = -1,
                .progress = -1,
        };
        if (http->outcome != HTTP_ANSWERED) {
                read_failure(http, secrets, a);
                return NULL;
        }
        root = parse(http, tokener, fault);
        read_fault(root, secrets, a);
        body = kind_of_body(http, root);
        a->disposition = koodrive_classify(http->status, a->code, body);
        say_why(http->status, a);
        if (!root && http_answer_is_ok(http) && a->disposition.class == KOODRIVE_TRANSIENT)
                (void) snprintf(a->why, sizeof(a->why), "an answer that cannot be read: %s", fault);
        a->disposition.overdue |= http_answer_is_ok(http) &&
                                  a->disposition.class == KOODRIVE_TRANSIENT && is_json_type(http);
        a->retry_after =
                hint_retry_after(http_header(http, "Retry-After"), a->date >= 0 ? a->date : now);
        if (a->disposition.class == KOODRIVE_THROTTLED)
                a->window = MAX(hint_window(a->message), hint_rate_headers(http));
        if (a->disposition.class == KOODRIVE_UNAUTHORIZED ||
            a->disposition.may_be_account == KOODRIVE_MAYBE_CREDENTIAL)
                a->stamp_refused = hint_stamp_refused(a->message, &a->server_time);
        return root;
}

/* Keeps what was read of the answer, and whether it may go on past a deadline. */
static void fault(struct koodrive_answer *a, const char *text) {
        a->disposition = (struct koodrive_disposition){
                .class = KOODRIVE_TRANSIENT, .overdue = a->disposition.overdue, .text = text};
        (void) snprintf(a->why, sizeof(a->why), "%s", text);
}

/* A code beside a job of this very task does not make the job untrue. */
static bool is_about_task(json_object *job, const char *status_key, bool is_named,
                          const struct koodrive_answer *a) {
        int64_t n;

        return (is_named && !*a->code) ||
               (json_object_object_get_ex(job, "taskId", NULL) && get_integer(job, status_key, &n));
}

void koodrive_answer_read(const struct http_answer *http, const struct koodrive_query *query,
                          json_tokener *tokener, usec_t now, struct koodrive_answer *ret) {
        const struct secrets secrets = redact_secrets(&query->who, query->kdstoken);
        const struct secrets credential = redact_secrets(&query->who, NULL);
        const char *status_key = NULL;
        json_object *root, *job;
        bool is_named = false;

        root = read_common(http, &secrets, tokener, now, ret);
        job = root && http_answer_is_ok(http) ? find_job(root, &status_key, &is_named) : NULL;

        if (job && is_other_id(job, "taskId", query->task_id)) {
                if (!*ret->code)
                        fault(ret, "an answer about another task");
        } else if (job && is_about_task(job, status_key, is_named, ret)) {
                ret->disposition = (struct koodrive_disposition){.class = KOODRIVE_TASK};
                *ret->why = *ret->code = *ret->message = '\0';
                ret->retry_after = ret->window = -1;
                read_job(job, status_key, ret);
                if (ret->download_url && redact_finds(ret->download_url, &credential)) {
                        free(STEAL_PTR(ret->download_url));
                        ret->url_problem = "it holds the account's token";
                }
        }
        if (root && !redact_is_needed(root, &secrets))
                ret->json = STEAL_PTR(root);
        json_object_put(root);
}

/* A secret that can be sent in a header, or NULL. */
static char *get_secret(json_object *object, const char *key) {
        CLEANUP(secret_freep) char *copy = NULL;
        const char *text;

        if (!get_string(object, key, &text) || strlen(text) > SECRET_MAX)
                return NULL;
        copy = strdup(text);
        return copy && secret_trim(copy, strlen(copy)) ? STEAL_PTR(copy) : NULL;
}

/*
 * The object that holds accessToken: data.sessionInfo, data, sessionInfo or the top. The
 * caller frees the token.
 */
static json_object *find_session(json_object *root, char **ret_token) {
        json_object *data = json_object_object_get(root, "data");
        json_object *const places[] = {
                json_object_object_get(data, "sessionInfo"),
                data,
                json_object_object_get(root, "sessionInfo"),
                root,
        };

        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                if (json_object_is_type(places[i], json_type_object) &&
                    (*ret_token = get_secret(places[i], "accessToken")))
                        return places[i];
        return NULL;
}

void koodrive_session_read(const struct http_answer *http, const struct koodrive_identity *who,
                           const char *secret, json_tokener *tokener, usec_t now,
                           struct koodrive_session *ret) {
        const struct secrets secrets = redact_secrets(who, secret);
        json_object *root, *session;
        int64_t seconds;

        *ret = (struct koodrive_session){.lifetime = -1};
        root = read_common(http, &secrets, tokener, now, &ret->answer);
        if (!http_answer_is_ok(http) || *ret->answer.code) {
                json_object_put(root);
                return;
        }

        session = root ? find_session(root, &ret->token) : NULL;
        if (session) {
                ret->answer.disposition = (struct koodrive_disposition){.class = KOODRIVE_TASK};
                ret->refresh_token = get_secret(session, "refreshToken");
                if (get_integer(session, "expiresIn", &seconds) && seconds > 0 &&
                    seconds <= LIFETIME_MAX)
                        ret->lifetime = seconds * USEC_SEC;
                ret->answer.retry_after = -1;
        } else if (root) {
                fault(&ret->answer, "an answer without a token");
        }
        json_object_put(root);
}

void koodrive_session_clear(struct koodrive_session *s) {
        secret_free(s->token);
        secret_free(s->refresh_token);
        koodrive_answer_clear(&s->answer);
        *s = (struct koodrive_session){};
}

void koodrive_answer_clear(struct koodrive_answer *a) {
        free(a->download_url);
        json_object_put(a->json);
        a->download_url = NULL;
        a->json = NULL;
}

json_tokener *koodrive_tokener_new(void) {
        return json_tokener_new_ex(JSON_DEPTH + 1);
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
