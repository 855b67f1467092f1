#include "unit/fake-http.h"

#include <errno.h>
#include <strings.h>
#include <sys/queue.h>

#include "unit/short-memory.h"

struct http_transfer {
        TAILQ_ENTRY(http_transfer) others;
        struct http *http;
        unsigned number;
        char *failure;
        http_done_fn on_done;
        void *userdata;
};

struct http {
        TAILQ_HEAD(transfers, http_transfer) waiting; /* oldest first */
        unsigned posted;
        bool fails; /* the next http_post() */
};

int http_new(struct ev_loop *loop, size_t max_answer, struct http **ret) {
        (void) loop;
        (void) max_answer;
        *ret = calloc(1, sizeof(**ret));
        if (!*ret)
                return -ENOMEM;
        TAILQ_INIT(&(*ret)->waiting);
        return 0;
}

void http_free(struct http *http) {
        if (http && !TAILQ_EMPTY(&http->waiting))
                abort(); /* a request of which nobody knows any more */
        free(http);
}

int http_fail(struct http *http, const char *why, http_done_fn on_done, void *userdata,
              struct http_transfer **ret) {
        struct http_transfer *t = sure_calloc(sizeof(*t));

        t->failure = why ? strcpy(sure_calloc(strlen(why) + 1), why) : NULL;
        t->http = http;
        t->number = http->posted++;
        t->on_done = on_done;
        t->userdata = userdata;
        TAILQ_INSERT_TAIL(&http->waiting, t, others);
        *ret = t;
        return 0;
}

int http_post(struct http *http, const struct http_request *request, http_done_fn on_done,
              void *userdata, struct http_transfer **ret) {
        (void) request;
        if (http->fails) {
                http->fails = false;
                return -ENOMEM;
        }
        return http_fail(http, NULL, on_done, userdata, ret);
}

static void transfer_end(struct http_transfer *t) {
        TAILQ_REMOVE(&t->http->waiting, t, others);
        free(t->failure);
        free(t);
}

void http_cancel(struct http_transfer *t) {
        if (t)
                transfer_end(t);
}

/* Weak: whoever also links the real one has it from there. */
__attribute__((weak)) const char *http_header(const struct http_answer *answer, const char *name) {
        for (size_t i = 0; i < answer->n_headers; i++)
                if (strcasecmp(answer->headers[i].name, name) == 0)
                        return answer->headers[i].value;
        return NULL;
}

static struct http_transfer *transfer_find(const struct http *http, unsigned number) {
        struct http_transfer *t;

        TAILQ_FOREACH(t, &http->waiting, others)
        if (t->number == number)
                return t;
        return NULL;
}

unsigned fake_http_posted(const struct http *http) {
        return http->posted;
}

unsigned fake_http_waiting(const struct http *http) {
        struct http_transfer *t;
        unsigned n = 0;

        TAILQ_FOREACH(t, &http->waiting, others)
        n++;
        return n;
}

bool fake_http_waits(const struct http *http, unsigned number) {
        return transfer_find(http, number);
}

unsigned fake_http_oldest(const struct http *http) {
        if (TAILQ_EMPTY(&http->waiting))
                abort();
        return TAILQ_FIRST(&http->waiting)->number;
}

void fake_http_fail_next(struct http *http) {
        http->fails = true;
}

const char *fake_http_failure(const struct http *http, unsigned number) {
        return transfer_find(http, number)->failure;
}

void fake_http_answer(struct http *http, unsigned number, const struct http_answer *answer) {
        struct http_transfer *t = transfer_find(http, number);

        if (!t)
                abort();
        t->on_done(t->userdata, answer);
        transfer_end(t);
}
