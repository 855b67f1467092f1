#include "koowatchd/koodrive/request.h"

#include <errno.h>
#include <json-c/json.h>
#include <strings.h>
#include <time.h>

#include "common/json.h"
#include "koowatchd/koodrive/signature.h"

#define PATH_TASK "/koodrive/ose/v1/share/taskDetail"
#define PATH_REFRESH_CARRIER "/koodrive/ose/v1/auth/refreshToken"
#define PATH_REFRESH_SESSION "/koodrive/ose/v1/session/refresh"

#define HEADERS_MAX 8 /* but for Authorization */
#define HOST_MAX 320  /* a host of 253 characters, or an address in brackets, and a port */
#define DATE_LENGTH 16

/* The headers of a request before they are text; values are borrowed. */
struct header_list {
        struct signature_header list[HEADERS_MAX];
        size_t count;
};

static void add(struct header_list *h, const char *name, const char *value) {
        if (!str_empty(value))
                h->list[h->count++] = (struct signature_header){name, value};
}

static const struct signature_header *find(const struct header_list *h, const char *name,
                                           size_t length) {
        for (size_t i = 0; i < h->count; i++)
                if (strlen(h->list[i].name) == length &&
                    strncasecmp(h->list[i].name, name, length) == 0)
                        return &h->list[i];
        return NULL;
}

/* What libcurl sends as Host: the port only where it is not the scheme's own. */
static int host_of(const char *endpoint, char ret[HOST_MAX]) {
        const char *host = strstr(endpoint, "://"), *usual;
        size_t length;

        if (!host)
                return -EINVAL;
        host += strlen("://");
        length = strcspn(host, "/");
        if (length >= HOST_MAX)
                return -EINVAL;
        memcpy(ret, host, length);
        ret[length] = '\0';
        usual = str_after(endpoint, "https:") ? ":443" : ":80";
        if (str_ends_with(ret, usual))
                ret[length - strlen(usual)] = '\0';
        return 0;
}

/* Picks the headers that are to be signed. */
static int select_headers(const char *names, const struct header_list *all,
                          struct header_list *ret) {
        for (size_t length; *names; names += length + (names[length] == ';')) {
                const struct signature_header *header;

                length = strcspn(names, ";");
                header = find(all, names, length);
                if (!header || ret->count == HEADERS_MAX)
                        return -EINVAL;
                ret->list[ret->count++] = *header;
        }
        return 0;
}

static int sign(const struct koodrive_identity *who, const char *url, const char *body,
                struct header_list headers, const char *date, char **ret) {
        const char *host = strstr(url, "://");
        struct header_list selected = {};
        char host_value[HOST_MAX];
        int r;

        r = host_of(who->endpoint, host_value);
        if (r < 0 || !host)
                return -EINVAL;
        add(&headers, "host", host_value);
        r = select_headers(who->signed_headers, &headers, &selected);
        if (r < 0)
                return r;
        return signature_authorize(
                &(struct signature_request){
                        .method = "POST",
                        .path = strchr(host + strlen("://"), '/'),
                        .headers = selected.list,
                        .n_headers = selected.count,
                        .body = body,
                        .body_length = strlen(body),
                        .date = who->string_to_sign == STRING_TO_SIGN_WITH_DATE ? date : NULL,
                },
                who->app_id, who->app_secret, ret);
}

/* Puts the headers into the request as text. Returns false when memory is short. */
static bool write_headers(struct koodrive_request *r, const struct header_list *h,
                          const char *authorization) {
        r->headers[0] = str_join("Authorization", ": ", authorization);
        if (!r->headers[0])
                return false;
        for (size_t i = 0; i < h->count; i++) {
                r->headers[i + 1] = str_join(h->list[i].name, ": ", h->list[i].value);
                if (!r->headers[i + 1])
                        return false;
        }
        return true;
}

/* date: X-Date's value, or NULL. Takes over body. */
static int build(const struct koodrive_identity *who, const char *path, char *body,
                 const char *date, const char *session_id, const unsigned char *trace_seed,
                 struct koodrive_request *ret) {
        CLEANUP(secret_freep) char *signature = NULL;
        struct koodrive_request r = {.body = body};
        struct header_list h = {};
        int error = -ENOMEM;

        hex_encode(trace_seed, KOODRIVE_TRACE_SEED_LENGTH, r.trace_id);
        r.url = str_join(who->endpoint, "", path);
        if (!r.url || !body)
                goto fail;

        add(&h, "Content-Type", *body ? "application/json" : NULL);
        add(&h, "X-Date", date);
        add(&h, "X-Traceid", r.trace_id);
        add(&h, "X-User-Id", who->user_id);
        add(&h, "X-Hw-Agentname", who->agent_name);
        add(&h, "X-Session-Id", session_id);

        if (!who->authorization) {
                error = sign(who, r.url, body, h, date, &signature);
                if (error < 0)
                        goto fail;
        }
        if (!write_headers(&r, &h, signature ? signature : who->authorization)) {
                error = -ENOMEM;
                goto fail;
        }
        *ret = r;
        return 0;

fail:
        koodrive_request_clear(&r);
        return error;
}

/* A JSON object of these strings, a NULL value being left out; NULL when memory is short. */
static char *build_body(const char *const (*pairs)[2], size_t n) {
        json_object *body = json_object_new_object();
        const char *plain = NULL;
        bool complete = body;
        char *text;

        for (size_t i = 0; complete && i < n; i++) {
                json_object *value = pairs[i][1] ? json_object_new_string(pairs[i][1]) : NULL;

                if (!pairs[i][1])
                        continue;
                complete = value && json_object_object_add(body, pairs[i][0], value) == 0;
                if (!complete)
                        json_object_put(value);
        }
        if (complete)
                plain = json_text(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        text = plain ? strdup(plain) : NULL;
        json_object_put(body);
        return text;
}

/* What JSON writes as it is. */
static bool is_plain(const char *text) {
        return !text || name_is_valid(text, 0, SIZE_MAX, "-._+/=", false);
}

/* Each poll has one: what needs no escaping is put together without json-c. */
static char *task_body(const struct koodrive_query *q) {
        const char *const pairs[][2] = {
                {"taskId", q->task_id},
                {"shareId", q->share_id},
                {"kdstoken", q->kdstoken},
        };

        if (!q->task_id || !q->share_id || !is_plain(q->task_id) || !is_plain(q->share_id) ||
            !is_plain(q->kdstoken))
                return build_body(pairs, ARRAY_LEN(pairs));
        return str_join("{\"taskId\":\"", q->task_id, "\",\"shareId\":\"", q->share_id,
                        q->kdstoken ? "\",\"kdstoken\":\"" : "", q->kdstoken ? q->kdstoken : "",
                        "\"}");
}

int koodrive_request_task(const struct koodrive_query *q, struct koodrive_request *ret) {
        time_t seconds = (time_t) (q->date / USEC_SEC);
        char date[DATE_LENGTH + 1];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm) == 0)
                return -EINVAL;
        return build(&q->who, PATH_TASK, task_body(q), date, NULL, q->trace_seed, ret);
}

int koodrive_request_refresh(const struct koodrive_identity *who, enum refresh_kind kind,
                             const char *secret, const unsigned char *trace_seed,
                             struct koodrive_request *ret) {
        const char *const pairs[][2] = {{"refreshToken", secret}};

        if (kind == REFRESH_SESSION)
                return build(who, PATH_REFRESH_SESSION, strdup(""), NULL, secret, trace_seed, ret);
        return build(who, PATH_REFRESH_CARRIER, build_body(pairs, ARRAY_LEN(pairs)), NULL, NULL,
                     trace_seed, ret);
}

void koodrive_request_clear(struct koodrive_request *r) {
        for (size_t i = 0; i < ARRAY_LEN(r->headers); i++)
                secret_free(r->headers[i]);
        secret_free(r->body);
        free(r->url);
        *r = (struct koodrive_request){};
}
