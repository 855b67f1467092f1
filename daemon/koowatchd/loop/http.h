#pragma once
/*
 * HTTP: POST requests with libcurl, driven by libev
 *
 * Knows nothing of KooDrive. Connections are kept open between requests; easy
 * handles are pooled. TLS is 1.2 at least and always verified, HTTP/2 is taken
 * where a server offers it over TLS, redirects are never followed. Whatever the
 * other side does ends in one call of the request's callback, with an answer or
 * with what kept it from coming. A request goes out once: what libcurl would send
 * again by itself is HTTP_DROPPED, because a limit of rate counts what is sent. When
 * one has timed out, no later one uses a connection from before that.
 */
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"
#include "koowatchd/loop/http-answer.h"

struct http;
struct http_transfer;

/* All is copied but for url, ca_file and proxy's strings, which libcurl copies. */
struct http_request {
        const char *url;
        const char *const *headers; /* "Name: value", NULL-terminated */
        const char *body;
        size_t body_length;
        const char *ca_file; /* NULL: the system's */
        const char *proxy;   /* NULL: the environment's, but none to this very machine */
};

/* The last thing that a transfer does; new requests may be made from inside. */
typedef void (*http_done_fn)(void *userdata, const struct http_answer *answer);

/*
 * max_answer: bytes of body at most, packed and unpacked. Timeouts are those of one request.
 * Returns 0 or a negative errno.
 */
int http_new(struct ev_loop *loop, size_t max_answer, struct http **ret);
/* Ends all transfers without calling back. Accepts NULL. */
void http_free(struct http *http);
DEFINE_CLEANUP(struct http *, http_free)

/* How many connections may stay open between requests: as many as are ever in flight. */
void http_set_max_connections(struct http *http, unsigned max);

/*
 * Starts a request. on_done is called from the loop, never from inside this call, also for
 * settings that libcurl refuses (HTTP_UNREACHABLE). Returns 0 or -ENOMEM.
 */
int http_post(struct http *http, const struct http_request *request, http_done_fn on_done,
              void *userdata, struct http_transfer **ret);

/* The same for a request that could not be made: ends as HTTP_UNREACHABLE, in these words. */
int http_fail(struct http *http, const char *why, http_done_fn on_done, void *userdata,
              struct http_transfer **ret);

/* Ends a transfer without calling back. Accepts NULL. */
void http_cancel(struct http_transfer *transfer);
