#include "koowatchd/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <strings.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 10000L
#define TOTAL_TIMEOUT_MS 30000L
#define KEPT_BODY (64 * 1024) /* a pooled transfer keeps no larger buffer */

struct http_transfer {
        struct http *http;
        struct http_transfer *next; /* http::active or http::idle */
        CURL *easy;
        struct curl_slist *headers;
        char *body; /* the answer's */
        size_t length, size;
        bool too_long;
        char error[CURL_ERROR_SIZE];
        http_done_fn on_done;
        void *userdata;
};

struct http {
        struct ev_loop *loop;
        CURLM *multi;
        size_t max_answer;
        ev_timer timer;
        double deadline; /* what curl asked for, on monotonic(); 0: nothing */
        struct http_transfer *active, *idle;
};

struct http_socket {
        ev_io io;
        struct http *http;
};

static void collect(struct http *h);

/* The clock that curl's own timeouts run on, in seconds. */
static double monotonic(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void on_socket_ready(struct ev_loop *loop, ev_io *io, int revents) {
        struct http *h = container_of(io, struct http_socket, io)->http;
        int running;

        (void) loop;
        (void) curl_multi_socket_action(h->multi, io->fd,
                                        ((revents & EV_READ) ? CURL_CSELECT_IN : 0) |
                                                ((revents & EV_WRITE) ? CURL_CSELECT_OUT : 0),
                                        &running);
        collect(h);
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *userdata,
                            void *socket_data) {
        struct http *h = userdata;
        struct http_socket *s = socket_data;

        (void) easy;

        if (what == CURL_POLL_REMOVE) {
                if (s) {
                        ev_io_stop(h->loop, &s->io);
                        (void) curl_multi_assign(h->multi, fd, NULL);
                        free(s);
                }
                return 0;
        }

        if (!s) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return -1;
                s->http = h;
                ev_init(&s->io, on_socket_ready);
                (void) curl_multi_assign(h->multi, fd, s);
        }
        ev_io_stop(h->loop, &s->io);
        ev_io_set(&s->io, fd,
                  ((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0));
        ev_io_start(h->loop, &s->io);
        return 0;
}

/* The one place that sets the timer. curl names a deadline once: it is kept until it has passed. */
static void arm(struct http *h) {
        ev_timer_stop(h->loop, &h->timer);
        if (h->deadline > 0) {
                ev_now_update(h->loop);
                ev_timer_set(&h->timer, fmax(h->deadline - monotonic(), 0.), 0.);
                ev_timer_start(h->loop, &h->timer);
        }
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents) {
        struct http *h = container_of(timer, struct http, timer);
        int running;

        (void) loop;
        (void) revents;

        if (monotonic() < h->deadline) {
                arm(h);
                return;
        }
        h->deadline = 0;
        (void) curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        collect(h);
}

static int on_timeout_change(CURLM *multi, long timeout_ms, void *userdata) {
        struct http *h = userdata;

        (void) multi;
        h->deadline = timeout_ms < 0 ? 0 : monotonic() + (double) timeout_ms / 1000.;
        arm(h);
        return 0;
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

/* Takes a transfer out of the multi handle and back into the pool, blank. */
static void transfer_recycle(struct http_transfer *t) {
        struct http *h = t->http;
        struct http_transfer **at = &h->active;

        while (*at != t)
                at = &(*at)->next;
        *at = t->next;

        (void) curl_multi_remove_handle(h->multi, t->easy);
        curl_easy_reset(t->easy);
        curl_slist_free_all(STEAL_PTR(t->headers));
        if (t->size > KEPT_BODY) {
                free(STEAL_PTR(t->body));
                t->size = 0;
        }
        t->length = 0;
        t->too_long = false;
        t->next = h->idle;
        h->idle = t;
}

const char *http_header(const struct http_answer *answer, const char *name) {
        for (size_t i = 0; i < answer->n_headers; i++)
                if (strcasecmp(answer->headers[i].name, name) == 0)
                        return answer->headers[i].value;
        return NULL;
}

static size_t get_headers(CURL *easy, struct http_header *ret) {
        struct curl_header *h = NULL;
        size_t n = 0;

        while (n < HTTP_HEADERS_MAX && (h = curl_easy_nextheader(easy, CURLH_HEADER, -1, h)))
                ret[n++] = (struct http_header){h->name, h->value};
        return n;
}

static enum http_outcome outcome_of(const struct http_transfer *t, CURLcode code) {
        if (code == CURLE_OK)
                return HTTP_ANSWERED;
        switch (code) {
        case CURLE_FILESIZE_EXCEEDED:
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_BAD_CONTENT_ENCODING:
                return HTTP_MALFORMED;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
                return HTTP_UNTRUSTED;
        default:
                return t->too_long ? HTTP_MALFORMED : HTTP_UNREACHABLE;
        }
}

static void finish(struct http_transfer *t, CURLcode code) {
        struct http_answer answer = {.outcome = outcome_of(t, code)};
        http_done_fn on_done = t->on_done;
        struct http_header headers[HTTP_HEADERS_MAX];
        void *userdata = t->userdata;
        curl_off_t usec = 0;

        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &answer.status);
        (void) curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &usec);
        answer.seconds = (double) usec / 1e6;
        answer.body = t->body ? t->body : "";
        answer.body_length = t->length;
        answer.headers = headers;
        answer.n_headers = get_headers(t->easy, headers);
        if (answer.outcome != HTTP_ANSWERED)
                answer.error = t->too_long || code == CURLE_FILESIZE_EXCEEDED
                                       ? "the answer is longer than allowed"
                               : t->error[0] ? t->error
                                             : curl_easy_strerror(code);
        on_done(userdata, &answer);
        transfer_recycle(t);
}

static void collect(struct http *h) {
        CURLMsg *message;
        int queued;

        while ((message = curl_multi_info_read(h->multi, &queued))) {
                struct http_transfer *t = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
                finish(t, message->data.result);
        }
}

int http_new(struct ev_loop *loop, size_t max_answer, struct http **ret) {
        CLEANUP(freep) struct http *h = NULL;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->loop = loop;
        h->max_answer = max_answer;
        ev_init(&h->timer, on_deadline);
        h->multi = curl_multi_init();
        if (!h->multi)
                return -ENOMEM;
        (void) curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
        (void) curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
        (void) curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
        (void) curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);

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
        (void) curl_multi_cleanup(h->multi);
        ev_timer_stop(h->loop, &h->timer);
        free(h);
}

void http_set_max_connections(struct http *h, unsigned max) {
        /* Later libcurls close idle connections early unless the number is set. */
        (void) curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long) max);
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

static bool set_options(struct http_transfer *t, const struct http_request *q) {
        CURL *e = t->easy;
        CURLcode bad = CURLE_OK;

#define SET(option, value) bad = bad ? bad : curl_easy_setopt(e, option, value)
        SET(CURLOPT_PRIVATE, t);
        SET(CURLOPT_URL, q->url);
        SET(CURLOPT_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_HTTPHEADER, t->headers);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) q->body_length);
        SET(CURLOPT_COPYPOSTFIELDS, q->body);
        SET(CURLOPT_USERAGENT, "koowatch/" KOOWATCH_VERSION);
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver thread that has been given up */
        SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        SET(CURLOPT_PIPEWAIT, str_after(q->url, "https:") ? 1L : 0L);
        SET(CURLOPT_TCP_KEEPALIVE, 1L);
        SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
        SET(CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) t->http->max_answer);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, t);
        SET(CURLOPT_ERRORBUFFER, t->error);
        if (q->ca_file)
                SET(CURLOPT_CAINFO, q->ca_file);
        if (q->proxy)
                SET(CURLOPT_PROXY, q->proxy);
#undef SET
        return bad == CURLE_OK;
}

int http_post(struct http *h, const struct http_request *request, http_done_fn on_done,
              void *userdata, struct http_transfer **ret) {
        struct http_transfer *t;
        int r;

        r = transfer_take(h, &t);
        if (r < 0)
                return r;
        t->on_done = on_done;
        t->userdata = userdata;
        t->error[0] = '\0';
        t->next = h->active;
        h->active = t;

        r = set_headers(t, request->headers);
        if (r == 0 && !set_options(t, request))
                r = -EINVAL;
        if (r == 0 && curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
                r = -ENOMEM;
        if (r < 0) {
                transfer_recycle(t);
                return r;
        }
        *ret = t;
        return 0;
}

void http_cancel(struct http_transfer *t) {
        if (t)
                transfer_recycle(t);
}
