#include "koowatchd/koodrive-answer.h"

#include <curl/curl.h>
#include <errno.h>
#include <json-c/json_visit.h>
#include <strings.h>
#include <time.h>

#define JSON_DEPTH 32
#define CONTAINERS_MAX 10000 /* a thousand files of a share need a thousand objects, ... */
#define VALUES_MAX 50000     /* ... and five thousand values */
#define RETRY_AFTER_MAX USEC_HOUR
#define URL_MAX (32 * 1024)
#define SECRET_MAX (16 * 1024)
#define LIFETIME_MAX (30L * 24 * 3600)
#define DATE_MIN 1577836800L /* 2020 and 2100: a clock outside is no clock */
#define DATE_MAX 4102444800L

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

/* ---- what is said of a fault ---- */

/* What was sent and must not come back in a log; NULL entries are left out. */
struct secrets {
        const char *list[3];
};

/* "Bearer abc": neither as a whole nor without its scheme. */
static struct secrets secrets_of(const struct koodrive_identity *who, const char *own) {
        const char *whole = who->authorization ? who->authorization : "", *word;

        whole += strspn(whole, " "); /* which a server does not see */
        word = strpbrk(whole, " +");
        return (struct secrets){{whole, word ? word + 1 : NULL, own}};
}

/* How long the secret is that text begins with; 0: it begins with none. */
static size_t secret_at(const char *text, const struct secrets *secrets) {
        size_t longest = 0;

        for (size_t i = 0; i < ARRAY_LEN(secrets->list); i++) {
                const char *secret = secrets->list[i];
                size_t length = secret ? strlen(secret) : 0;

                if (length > longest && strncmp(text, secret, length) == 0)
                        longest = length;
        }
        return longest;
}

/* Copies text without secrets, controls and what does not fit; what is no UTF-8 becomes '?'. */
static void copy_text(char *ret, size_t size, const char *text, const struct secrets *secrets) {
        bool is_utf8 = utf8_is_valid(text, strlen(text));
        size_t n = 0;

        while (*text && n + 1 < size) {
                unsigned char c = (unsigned char) *text;
                size_t length = secret_at(text, secrets);

                if (length > 0) {
                        ret[n++] = '*';
                        text += length;
                } else if (c == 0xc2 && is_utf8 && (unsigned char) text[1] < 0xa0) {
                        ret[n++] = '?'; /* C1: a terminal would obey it */
                        text += 2;
                } else {
                        ret[n++] = c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : *text;
                        text++;
                }
        }
        if (is_utf8 && ((unsigned char) *text & 0xc0) == 0x80)
                while (((unsigned char) ret[--n] & 0xc0) == 0x80) /* never within a character */
                        ;
        ret[n] = '\0';
}

/*
 * The code in a body: "code" where KooDrive has answered, a number however it is written;
 * "error_code" of the gateway. "" stands for none, and for 0, which is success.
 */
static void read_code(json_object *root, const struct secrets *secrets, char *ret, size_t size) {
        const char *text = "";
        char digits[24] = "";
        int64_t number = 0;

        if (get_integer(root, "code", &number) && number != 0)
                (void) snprintf(digits, sizeof(digits), "%lld", (long long) number);
        else if (!get_string(root, "code", &text) || !str_after(text, "APIG"))
                text = "";
        if (!*digits && !*text) {
                if (get_integer(root, "error_code", &number) && number != 0)
                        (void) snprintf(digits, sizeof(digits), "%lld", (long long) number);
                else if (!get_string(root, "error_code", &text) || streq(text, "0"))
                        text = "";
        }
        copy_text(ret, size, *digits ? digits : text, secrets);
}

static void read_fault(json_object *root, const struct secrets *secrets,
                       struct koodrive_answer *a) {
        const char *message = "";

        if (!json_object_is_type(root, json_type_object))
                return;
        read_code(root, secrets, a->code, sizeof(a->code));
        if (!get_string(root, "msg", &message))
                (void) get_string(root, "error_msg", &message);
        copy_text(a->message, sizeof(a->message), message, secrets);
}

static void say_why(long http_status, struct koodrive_answer *a) {
        (void) snprintf(a->why, sizeof(a->why), "%s (HTTP %ld%s%s%s%s)", a->meaning.text,
                        http_status, *a->code ? ", code " : "", a->code, *a->message ? ": " : "",
                        a->message);
}

static usec_t unit_of(const char *text) {
        static const struct {
                const char *name;
                usec_t span;
        } units[] = {
                {"second", USEC_SEC},
                {"minute", USEC_MINUTE},
                {"hour", USEC_HOUR},
                {"day", USEC_DAY},
        };

        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (str_after(text, units[i].name))
                        return units[i].span;
        return 0;
}

/* "limit:20,time:1 second": the gateway's limit and its period. Returns the period, or -1. */
static usec_t read_window(const char *text) {
        const char *limit = strstr(text, "limit:"), *at = limit ? strstr(limit, "time:") : NULL;
        long count;
        char *end;

        if (!at)
                return -1;
        count = strtol(at + strlen("time:"), &end, 10);
        if (count < 1 || count > 1000 || *end != ' ' || unit_of(end + 1) == 0)
                return -1;
        return count * unit_of(end + 1);
}

/* Of "X-Apig-Ratelimit-Api: remain:0,limit:100,time:1 minute" and its like, the longest wait. */
static usec_t read_rate_headers(const struct http_answer *http) {
        usec_t window = -1;

        for (size_t i = 0; i < http->n_headers; i++)
                if (strncasecmp(http->headers[i].name, "X-Apig-Ratelimit-", 17) == 0 &&
                    str_after(http->headers[i].value, "remain:0,"))
                        window = MAX(window, read_window(http->headers[i].value));
        return window;
}

static usec_t sane_date(time_t date) {
        return date < DATE_MIN || date > DATE_MAX ? -1 : (usec_t) date * USEC_SEC;
}

/* "signature expired, signature time:...,server time:20230527T020608Z" */
static void read_stamp_refusal(struct koodrive_answer *a) {
        const char *at = strstr(a->message, "server time:");
        struct tm tm = {};

        a->stamp_refused = strstr(a->message, "signature expired");
        if (a->stamp_refused && at && strptime(at + strlen("server time:"), "%Y%m%dT%H%M%SZ", &tm))
                a->server_time = sane_date(timegm(&tm));
}
/*
 * Whether there are only so many values in it. An empty object is two bytes of text and
 * nearly a kilobyte in memory: a limit of length alone would let through 250 times as much.
 */
static bool is_modest(const char *json, size_t length) {
        size_t containers = 0, values = 0;
        bool quoted = false;

        for (size_t i = 0; i < length; i++) {
                if (quoted && json[i] == '\\')
                        i++;
                else if (json[i] == '"')
                        quoted = !quoted;
                else if (!quoted && (json[i] == '{' || json[i] == '['))
                        containers++;
                else if (!quoted && json[i] == ',')
                        values++;
        }
        return containers <= CONTAINERS_MAX && values <= VALUES_MAX;
}

static json_object *parse(const struct http_answer *http, json_tokener *tokener) {
        json_object *root;

        /* json-c's own check lets overlong forms, surrogates and a NUL behind the document pass. */
        if (http->body_length == 0 || http->body_length > KOODRIVE_ANSWER_MAX ||
            !is_modest(http->body, http->body_length) ||
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

static usec_t read_date(const char *text) {
        return text ? sane_date(curl_getdate(text, NULL)) : -1;
}

/* No answer at all, or none that could be read: no table is needed for that. */
static struct koodrive_meaning meaning_of_failure(const struct http_answer *http) {
        switch (http->outcome) {
        case HTTP_MALFORMED:
                return (struct koodrive_meaning){.class = KOODRIVE_TRANSIENT,
                                                 .text = "the answer cannot be read"};
        case HTTP_UNTRUSTED:
                return (struct koodrive_meaning){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server is not trusted",
                        .advice = "set CAFile= if the server's certificate is to be trusted",
                };
        case HTTP_UNTRUSTED_DATE:
                return (struct koodrive_meaning){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is not valid at this time",
                        .advice = "check this machine's clock; if it is right, the server, or "
                                  "the proxy that ends the encryption, needs a new certificate",
                };
        case HTTP_UNTRUSTED_NAME:
                return (struct koodrive_meaning){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is another host's",
                        .advice = "check the host in Endpoint=",
                };
        case HTTP_CA_FILE_UNUSABLE:
                return (struct koodrive_meaning){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "CAFile= cannot be read",
                        .advice = "let CAFile= name a file of certificates (PEM) that the "
                                  "daemon's user can read",
                };
        default:
                return (struct koodrive_meaning){.class = KOODRIVE_UNREACHABLE,
                                                 .text = "there is no answer"};
        }
}

static void read_failure(const struct http_answer *http, const struct secrets *secrets,
                         struct koodrive_answer *a) {
        if (http->connect_status > 0) {
                if (http->connect_status == 407)
                        a->meaning = koodrive_classify(407, "");
                else
                        a->meaning = (struct koodrive_meaning){
                                .class = KOODRIVE_UNREACHABLE,
                                .text = "the proxy refused the connection",
                        };
                say_why(http->connect_status, a);
                return;
        }
        a->meaning = meaning_of_failure(http);
        copy_text(a->why, sizeof(a->why), http->error, secrets);
}

/*
 * What all answers have in common. Returns the body, which is NULL when there is none;
 * the class is KOODRIVE_TRANSIENT when nothing speaks against the answer.
 */
static json_object *read_common(const struct http_answer *http, const struct secrets *secrets,
                                json_tokener *tokener, usec_t now, struct koodrive_answer *a) {
        json_object *root;

        *a = (struct koodrive_answer){
                .http_status = http->status,
                .date = read_date(http_header(http, "Date")),
                .retry_after = -1,
                .window = -1,
                .server_time = -1,
                .progress = -1,
        };
        if (http->outcome != HTTP_ANSWERED) {
                read_failure(http, secrets, a);
                return NULL;
        }
        root = parse(http, tokener);
        read_fault(root, secrets, a);
        a->meaning = koodrive_classify(http->status, a->code);
        say_why(http->status, a);
        if (a->meaning.class == KOODRIVE_THROTTLED) {
                a->retry_after = read_retry_after(http_header(http, "Retry-After"), now);
                a->window = MAX(read_window(a->message), read_rate_headers(http));
        }
        if (a->meaning.class == KOODRIVE_UNAUTHORIZED ||
            a->meaning.suspicion == KOODRIVE_SUSPECT_CREDENTIAL)
                read_stamp_refusal(a);
        return root;
}

static bool is_success(const struct http_answer *http, const struct koodrive_answer *a) {
        return http->outcome == HTTP_ANSWERED && http->status >= 200 && http->status <= 299 &&
               !*a->code;
}

static void fault(struct koodrive_answer *a, const char *text) {
        a->meaning = (struct koodrive_meaning){.class = KOODRIVE_TRANSIENT, .text = text};
        (void) snprintf(a->why, sizeof(a->why), "%s", text);
}

static bool holds_secret(const char *text, size_t length, const struct secrets *secrets) {
        for (size_t i = 0; i < ARRAY_LEN(secrets->list); i++)
                if (!str_empty(secrets->list[i]) &&
                    memmem(text, length, secrets->list[i], strlen(secrets->list[i])))
                        return true;
        return false;
}

static int look_for_secret(json_object *value, int flags, json_object *parent, const char *key,
                           size_t *index, void *userdata) {
        bool is_string = json_object_is_type(value, json_type_string);
        const char *text = "";

        (void) flags;
        (void) parent;
        (void) index;
        if (is_string || json_object_is_type(value, json_type_int))
                text = json_object_get_string(value);
        if (holds_secret(text,
                         is_string ? (size_t) json_object_get_string_len(value) : strlen(text),
                         userdata) ||
            (key && holds_secret(key, strlen(key), userdata)))
                return JSON_C_VISIT_RETURN_ERROR;
        return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Hooks get the answer as it is, and must not get what was sent with it. */
static bool repeats_secrets(json_object *root, const struct secrets *secrets) {
        struct secrets copy = *secrets; /* json_c_visit() takes no pointer to const */

        return json_c_visit(root, 0, look_for_secret, &copy) < 0;
}

void koodrive_answer_read(const struct http_answer *http, const struct koodrive_query *query,
                          json_tokener *tokener, usec_t now, struct koodrive_answer *ret) {
        const struct secrets secrets = secrets_of(&query->who, query->kdstoken);
        const char *status_key = NULL;
        json_object *root, *job;

        root = read_common(http, &secrets, tokener, now, ret);
        job = json_object_is_type(root, json_type_object) ? find_job(root, &status_key) : NULL;

        if (is_success(http, ret)) {
                if (!root) {
                        fault(ret, "an answer that is no JSON, or holds too many values");
                } else if (job && is_other_id(job, "taskId", query->task_id)) {
                        fault(ret, "an answer about another task");
                } else if (job) {
                        ret->meaning = (struct koodrive_meaning){.class = KOODRIVE_TASK};
                        *ret->why = *ret->message = '\0';
                        read_job(job, status_key, ret);
                }
        }
        if (json_object_is_type(root, json_type_object) && !repeats_secrets(root, &secrets))
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
        const struct secrets secrets = secrets_of(who, secret);
        json_object *root, *session;
        int64_t seconds;

        *ret = (struct koodrive_session){.lifetime = -1};
        root = read_common(http, &secrets, tokener, now, &ret->answer);
        if (!is_success(http, &ret->answer)) {
                json_object_put(root);
                return;
        }

        session = find_session(root, &ret->token);
        if (session) {
                ret->answer.meaning = (struct koodrive_meaning){.class = KOODRIVE_TASK};
                ret->refresh_token = get_secret(session, "refreshToken");
                if (get_integer(session, "expiresIn", &seconds) && seconds > 0 &&
                    seconds <= LIFETIME_MAX)
                        ret->lifetime = seconds * USEC_SEC;
        } else {
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
        json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);

        if (tokener)
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        return tokener;
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
