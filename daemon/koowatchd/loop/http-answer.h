#pragma once
/*
 * HTTP answers: what came back of a request, as facts
 *
 * Pure, and free of the adapter's types, so that whoever reads answers needs no event loop.
 */
#include <stdbool.h>
#include <stddef.h>

enum http_outcome {
        HTTP_ANSWERED,
        HTTP_UNREACHABLE, /* no connection, no TLS, no complete answer, or too late */
        HTTP_DROPPED,     /* a kept connection ended, or the server refused the stream: ask again */
        HTTP_UNTRUSTED,   /* nobody trusted vouches for the server's certificate */
        HTTP_UNTRUSTED_DATE,   /* the certificate is not valid yet, or no longer */
        HTTP_UNTRUSTED_NAME,   /* the certificate is another host's */
        HTTP_CA_FILE_UNUSABLE, /* ca_file cannot be read, or holds no certificate */
        HTTP_MALFORMED,        /* no HTTP, an answer over the limit, or broken compression */
};

struct http_header {
        const char *name, *value;
};

/* All is borrowed from the transfer, for the call that hands it over. */
struct http_answer {
        enum http_outcome outcome;
        const char *error; /* in words, unless HTTP_ANSWERED; never with a proxy's password */
        long status;       /* 0 when there is none */
        /* What a proxy has refused the tunnel to an https server with; else 0. */
        long connect_status;
        const char *body; /* unpacked, NUL-terminated, may hold NULs before that */
        size_t body_length;
        const struct http_header *headers; /* those after HTTP_HEADERS_MAX are left out */
        size_t n_headers;
        double seconds; /* from the call until now */
};

#define HTTP_HEADERS_MAX 64

/* The first header of that name, in any case; NULL: there is none. */
const char *http_header(const struct http_answer *answer, const char *name);

/* Whether there is an answer, and its status is a 2xx. */
bool http_answer_is_ok(const struct http_answer *answer);
