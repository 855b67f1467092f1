#include "koowatchd/loop/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <time.h>

#include "common/url.h"
#include "koowatchd/loop/content-coding.h"
#include "koowatchd/loop/http-connections.h"
#include "koowatchd/loop/proxy.h"

#define CONNECT_TIMEOUT_MS 10000L
#define TOTAL_TIMEOUT_MS 30000L
#define KEPT_BODY (64 * 1024) /* a pooled transfer keeps no larger buffer */

struct http_transfer {
        struct http *http;
        struct http_pool *pool;     /* NULL: not given to libcurl */
        struct http_transfer *next; /* http::active or http::idle */
        CURL *easy;
        struct curl_slist *headers;
        /* Outlive the request, for the next one; url is what parsed stands for. */
        char *url, *ca_file;
        CURLU *parsed;
        bool is_set_up; /* easy has the options of url and ca_file, and no proxy's */
        char *proxy;    /* as the request names it, for its password */
        char *body;     /* the answer's */
        size_t length, size;
        bool too_long;
        unsigned attempts; /* connections that the request was about to go out on */
        CURLcode refused;  /* why it was not given to libcurl */
        char error[CURL_ERROR_SIZE];
        http_done_fn on_done;
        void *userdata;
};

struct http {
        struct ev_loop *loop;
        size_t max_answer;
        long version; /* of HTTP, the highest that this libcurl has */
        bool proxy_in_environment;
        ev_timer refusals;
        struct http_connections *connections;
        struct http_transfer *active, *idle;
};

/*
 * libcurl repeats a request by itself where a kept connection has ended or an HTTP/2 stream
 * was refused, up to five times at once; the callers' rate knows nothing of that.
 */
static int before_request(void *userdata, char *peer, char *own, int peer_port, int own_port) {
        struct http_transfer *t = userdata;

        (void) peer;
        (void) own;
        (void) peer_port;
        (void) own_port;
        return t->attempts++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *data, size_t one, size_t n, void *userdata) {
        struct http_transfer *t = userdata;

        (void) one;
        if (n > t->http->max_answer - t->length) {
                t->too_long = true;
                return 0;
        }
        if (t->length + n + 1 > t->size) {
                size_t size = MAX(t->length + n + 1, 2 * t->size);
                char *body = realloc(t->body, size);

                if (!body)
                        return 0;
                t->body = body;
                t->size = size;
        }
        memcpy(t->body + t->length, data, n);
        t->length += n;
        t->body[t->length] = '\0';
        return n;
}

static void transfer_free(struct http_transfer *t) {
        if (t->easy)
                curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->headers);
        curl_url_cleanup(t->parsed);
        free(t->url);
        free(t->ca_file);
        secret_free(t->proxy);
        free(t->body);
        free(t);
}
DEFINE_CLEANUP(struct http_transfer *, transfer_free)

static int transfer_take(struct http *h, struct http_transfer **ret) {
        CLEANUP(transfer_freep) struct http_transfer *t = h->idle;

        if (t) {
                h->idle = t->next;
        } else {
                t = calloc(1, sizeof(*t));
                if (!t)
                        return -ENOMEM;
                t->easy = curl_easy_init();
                if (!t->easy)
                        return -ENOMEM;
        }
        t->http = h;
        t->next = NULL;
        *ret = STEAL_PTR(t);
        return 0;
}

/* Takes a transfer out of the multi handle and back into the pool, without what was sent. */
static void transfer_recycle(struct http_transfer *t) {
        struct http *h = t->http;
        struct http_transfer **at = &h->active;

        while (*at != t)
                at = &(*at)->next;
        *at = t->next;

        if (t->pool) {
                http_pool_remove(t->pool, t->easy);
                t->pool = NULL;
        }
        if (t->is_set_up) {
                (void) curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
                (void) curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, NULL);
        } else {
                curl_easy_reset(t->easy);
        }
        secret_free(STEAL_PTR(t->proxy));
        curl_slist_free_all(STEAL_PTR(t->headers));
        if (t->size > KEPT_BODY) {
                free(STEAL_PTR(t->body));
                t->size = 0;
        }
        t->length = 0;
        t->too_long = false;
        t->attempts = 0;
        t->refused = CURLE_OK;
        t->next = h->idle;
        h->idle = t;
}

static size_t get_headers(CURL *easy, struct http_header *ret) {
        struct curl_header *h = NULL;
        size_t n = 0;

        while (n < HTTP_HEADERS_MAX && (h = curl_easy_nextheader(easy, CURLH_HEADER, -1, h)))
                ret[n++] = (struct http_header){h->name, h->value};
        return n;
}

/* Whether a kept connection ended, or a stream was refused, before anything was answered. */
static bool was_dropped(const struct http_transfer *t, CURLcode code) {
        long status = 0, connects = 1;

        if (t->attempts > 1)
                return code == CURLE_ABORTED_BY_CALLBACK;
        if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING &&
            code != CURLE_HTTP2 && code != CURLE_HTTP2_STREAM)
                return false;
        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
        return t->attempts == 1 && status == 0 && connects == 0;
}

static enum http_outcome outcome_of_certificate(const struct http_transfer *t) {
        long verdict = X509_V_OK;

        (void) curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
        switch (verdict) {
        case X509_V_OK: /* the chain is in order: libcurl itself compares the name, ... */
        case X509_V_ERR_UNSPECIFIED: /* ... before it asks for this */
                return HTTP_UNTRUSTED_NAME;
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return HTTP_UNTRUSTED_DATE;
        default:
                return HTTP_UNTRUSTED;
        }
}

static enum http_outcome outcome_of(const struct http_transfer *t, CURLcode code) {
        if (code == CURLE_OK)
                return HTTP_ANSWERED;
        if (was_dropped(t, code))
                return HTTP_DROPPED;
        if (t->refused)
                return HTTP_UNREACHABLE;
        switch (code) {
        case CURLE_FILESIZE_EXCEEDED:
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_BAD_CONTENT_ENCODING:
                return HTTP_MALFORMED;
        case CURLE_PEER_FAILED_VERIFICATION:
                return outcome_of_certificate(t);
        case CURLE_SSL_ISSUER_ERROR:
                return HTTP_UNTRUSTED;
        case CURLE_SSL_CACERT_BADFILE:
                return HTTP_CA_FILE_UNUSABLE;
        default:
                return t->too_long ? HTTP_MALFORMED : HTTP_UNREACHABLE;
        }
}

static const char *error_of(const struct http_transfer *t, CURLcode code) {
        if (t->too_long || code == CURLE_FILESIZE_EXCEEDED)
                return "the answer is too long";
        if (t->attempts > 1 && code == CURLE_ABORTED_BY_CALLBACK)
                return "the connection or stream was closed before the answer";
        if (code == CURLE_OUT_OF_MEMORY) /* also libcurl's word for a header over its limit */
                return "out of memory, or the answer's headers are too long";
        if (!t->error[0] || proxy_shows_secret(t->proxy, t->error))
                return curl_easy_strerror(code);
        return t->error;
}

/* What comes next takes no connection that has fallen silent: libcurl itself would keep it. */
static void retire_connections(const struct http_transfer *t, CURLcode code) {
        if (code == CURLE_OPERATION_TIMEDOUT && t->attempts > 0)
                http_pool_retire(t->pool);
}

/* Returns what the caller frees when the answer has been read: its body, if that was packed. */
static char *unpack(const struct http_transfer *t, struct http_answer *answer) {
        char *body = NULL;
        const char *why;

        if (answer->outcome == HTTP_ANSWERED &&
            content_decode(http_header(answer, "Content-Encoding"), answer->body,
                           answer->body_length, t->http->max_answer, &body, &answer->body_length,
                           &why) < 0 &&
            answer->status >= 200 && answer->status <= 299) {
                answer->outcome = HTTP_MALFORMED; /* other states say enough by themselves */
                answer->error = why;
        }
        if (body)
                answer->body = body;
        return body;
}

static void transfer_finish(struct http_transfer *t, CURLcode code) {
        struct http_answer answer = {.outcome = outcome_of(t, code)};
        struct http_header headers[HTTP_HEADERS_MAX];
        CLEANUP(freep) UNUSED char *unpacked = NULL; /* what answer borrows its body from */
        curl_off_t usec = 0;

        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &answer.status);
        (void) curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &usec);
        answer.seconds = (double) usec / 1e6;
        answer.body = t->body ? t->body : "";
        answer.body_length = t->length;
        answer.headers = headers;
        answer.n_headers = get_headers(t->easy, headers);
        unpacked = unpack(t, &answer);
        if (code != CURLE_OK) {
                answer.error = error_of(t, code);
                if (t->attempts == 0)
                        (void) curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE,
                                                 &answer.connect_status);
                if (answer.connect_status <= 299)
                        answer.connect_status = 0;
        }
        t->is_set_up = code == CURLE_OK && !t->proxy;
        retire_connections(t, code);
        t->on_done(t->userdata, &answer);
        transfer_recycle(t);
}

static void on_ended(CURL *easy, CURLcode code) {
        struct http_transfer *t = NULL;

        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
        transfer_finish(t, code);
}

static struct http_transfer *first_refused(const struct http *h) {
        struct http_transfer *t = h->active;

        while (t && !t->refused)
                t = t->next;
        return t;
}

/* Those that are made meanwhile wait for the next turn of the loop. */
static void on_refusals(struct ev_loop *loop, ev_timer *timer, int revents) {
        struct http *h = container_of(timer, struct http, refusals);
        struct http_transfer *t;

        (void) loop;
        (void) revents;
        while (!ev_is_active(timer) && (t = first_refused(h)))
                transfer_finish(t, t->refused);
}

int http_new(struct ev_loop *loop, size_t max_answer, struct http **ret) {
        bool has_http2 = curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2;
        CLEANUP(freep) struct http *h = NULL;
        int r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->loop = loop;
        h->max_answer = max_answer;
        h->version = has_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
        h->proxy_in_environment = proxy_is_in_environment();
        ev_init(&h->refusals, on_refusals);
        r = http_connections_new(loop, on_ended, &h->connections);
        if (r < 0)
                return r;

        *ret = STEAL_PTR(h);
        return 0;
}

void http_free(struct http *h) {
        struct http_transfer *t;

        if (!h)
                return;
        while (h->active)
                transfer_recycle(h->active);
        while ((t = h->idle)) {
                h->idle = t->next;
                transfer_free(t);
        }
        http_connections_free(h->connections);
        ev_timer_stop(h->loop, &h->refusals);
        free(h);
}

void http_set_max_connections(struct http *h, unsigned max) {
        http_connections_set_max(h->connections, max);
}

static int set_headers(struct http_transfer *t, const char *const *headers) {
        for (; *headers; headers++) {
                struct curl_slist *longer = curl_slist_append(t->headers, *headers);

                if (!longer)
                        return -ENOMEM;
                t->headers = longer;
        }
        return 0;
}

/* Parsing costs libcurl a tenth of a request, and most go where the last one went. */
static CURLcode set_url(struct http_transfer *t, const char *url) {
        CURLUcode code;
        CURLU *parsed;

        if (t->url && streq(t->url, url))
                return curl_easy_setopt(t->easy, CURLOPT_CURLU, t->parsed);
        free(STEAL_PTR(t->url));
        curl_url_cleanup(t->parsed);
        t->parsed = parsed = curl_url();
        if (!parsed)
                return CURLE_OUT_OF_MEMORY;
        code = curl_url_set(parsed, CURLUPART_URL, url, 0);
        if (code != CURLUE_OK)
                return code == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_URL_MALFORMAT;
        if (str_replace(&t->url, url) < 0)
                return CURLE_OUT_OF_MEMORY;
        return curl_easy_setopt(t->easy, CURLOPT_CURLU, parsed);
}

#define SET(option, value) bad = bad ? bad : curl_easy_setopt(t->easy, option, value)

/* What goes for each request to the same server. */
static CURLcode set_up(struct http_transfer *t, const struct http_request *q) {
        int is_local = !q->proxy && t->http->proxy_in_environment ? url_is_loopback(q->url) : 0;
        CURLcode bad = is_local < 0 ? CURLE_OUT_OF_MEMORY : set_url(t, q->url);

        if (str_replace(&t->ca_file, q->ca_file) < 0)
                return CURLE_OUT_OF_MEMORY;
        SET(CURLOPT_PRIVATE, t);
        SET(CURLOPT_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_USERAGENT, "koowatch/" KOOWATCH_VERSION);
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver thread that has been given up */
        SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        SET(CURLOPT_HTTP_VERSION, t->http->version);
        SET(CURLOPT_PIPEWAIT, str_after(q->url, "https:") ? 1L : 0L);
        SET(CURLOPT_TCP_KEEPALIVE, 1L);
        SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
        SET(CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) t->http->max_answer);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, t);
        SET(CURLOPT_ERRORBUFFER, t->error);
        SET(CURLOPT_PREREQFUNCTION, before_request);
        SET(CURLOPT_PREREQDATA, t);
        if (q->ca_file) {
                SET(CURLOPT_CAINFO, q->ca_file);
                SET(CURLOPT_CAPATH, NULL);         /* the system's, which would be added */
                SET(CURLOPT_CA_CACHE_TIMEOUT, 0L); /* the file may be put right any time */
        }
        if (q->proxy)
                SET(CURLOPT_PROXY, q->proxy);
        else if (is_local || !t->http->proxy_in_environment)
                SET(CURLOPT_NOPROXY, "*"); /* in clear, the token is for this machine alone */
        return bad;
}

static bool is_set_up_for(const struct http_transfer *t, const struct http_request *q) {
        return t->is_set_up && !q->proxy && streq(t->url, q->url) &&
               (t->ca_file && q->ca_file ? streq(t->ca_file, q->ca_file)
                                         : !t->ca_file && !q->ca_file);
}

static CURLcode set_options(struct http_transfer *t, const struct http_request *q) {
        CURLcode bad = CURLE_OK;

        if (!is_set_up_for(t, q)) {
                curl_easy_reset(t->easy);
                bad = set_up(t, q);
        }
        t->is_set_up = false; /* for the next one only when this one ends well */
        SET(CURLOPT_HTTPHEADER, t->headers);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) q->body_length);
        SET(CURLOPT_COPYPOSTFIELDS, q->body);
        return bad;
}
#undef SET

/* Makes it end from the loop, in the words that are in t->error. */
static void transfer_refuse(struct http_transfer *t, CURLcode code) {
        t->refused = code;
        ev_timer_set(&t->http->refusals, 0., 0.);
        ev_timer_start(t->http->loop, &t->http->refusals);
}

static int transfer_start(struct http *h, http_done_fn on_done, void *userdata,
                          struct http_transfer **ret) {
        struct http_transfer *t;
        int r = transfer_take(h, &t);

        if (r < 0)
                return r;
        t->on_done = on_done;
        t->userdata = userdata;
        t->error[0] = '\0';
        t->next = h->active;
        h->active = t;
        *ret = t;
        return 0;
}

/* Hands it to libcurl. */
static int transfer_go(struct http_transfer *t, const struct http_request *request) {
        CURLcode code;
        int r;

        r = set_headers(t, request->headers);
        if (r < 0)
                return r;
        if (request->proxy) {
                r = str_replace(&t->proxy, request->proxy);
                if (r < 0)
                        return r;
        }
        code = set_options(t, request);
        if (code == CURLE_OUT_OF_MEMORY)
                return -ENOMEM;
        if (code != CURLE_OK) {
                (void) snprintf(t->error, sizeof(t->error),
                                "libcurl did not accept the request: %s", curl_easy_strerror(code));
                transfer_refuse(t, code);
                return 0;
        }
        return http_connections_add(t->http->connections, t->easy, &t->pool);
}

int http_post(struct http *h, const struct http_request *request, http_done_fn on_done,
              void *userdata, struct http_transfer **ret) {
        struct http_transfer *t;
        int r = transfer_start(h, on_done, userdata, &t);

        if (r < 0)
                return r;
        r = transfer_go(t, request);
        if (r < 0) {
                transfer_recycle(t);
                return r;
        }
        *ret = t;
        return 0;
}

int http_fail(struct http *h, const char *why, http_done_fn on_done, void *userdata,
              struct http_transfer **ret) {
        int r = transfer_start(h, on_done, userdata, ret);

        if (r < 0)
                return r;
        (void) snprintf((*ret)->error, sizeof((*ret)->error), "%s", why);
        transfer_refuse(*ret, CURLE_BAD_FUNCTION_ARGUMENT);
        return 0;
}

void http_cancel(struct http_transfer *t) {
        if (t)
                transfer_recycle(t);
}
