#pragma once
/*
 * An HTTP answer out of an input: a line with the status, the outcome and the proxy's status, one
 * a header, an empty line, and the body, which is unpacked as loop/http.c unpacks it
 */
#include "fuzz/fuzz.h"
#include "koowatchd/koodrive/body.h"
#include "koowatchd/loop/content-coding.h"
#include "koowatchd/loop/http-answer.h"

#define INPUT_HEADERS_MAX 8

struct http_input {
        struct http_answer answer;
        struct http_header headers[INPUT_HEADERS_MAX];
        char *lines[INPUT_HEADERS_MAX];
        char *error, *body;
};

static inline void input_unpack(struct http_input *in) {
        const char *why = NULL;
        size_t length = 0;
        char *body = NULL;
        int r = content_decode(http_header(&in->answer, "Content-Encoding"), in->body,
                               in->answer.body_length, KOODRIVE_ANSWER_MAX, &body, &length, &why);

        REQUIRE(r == 0 || r == 1 || (r < 0 && why && *why));
        if (r < 0) {
                in->answer.outcome = HTTP_MALFORMED;
                in->answer.error = why;
        } else if (r == 1) {
                REQUIRE(length <= KOODRIVE_ANSWER_MAX && body[length] == '\0');
                free(in->body);
                in->body = body;
                in->answer.body_length = length;
        }
}

static inline void input_headers(struct http_input *in, struct bytes *b) {
        while (in->answer.n_headers < INPUT_HEADERS_MAX) {
                size_t n = in->answer.n_headers, length;
                char *line = take_until(b, '\n', &length), *colon = strchr(line, ':');

                in->lines[n] = line;
                if (!*line)
                        return;
                if (colon)
                        *colon = '\0';
                in->headers[n].name = line;
                in->headers[n].value = colon ? colon + 1 + strspn(colon + 1, " ") : "";
                in->answer.n_headers++;
        }
}

static inline void http_input_read(const uint8_t *data, size_t size, struct http_input *in) {
        struct bytes b = {data, size};
        size_t length;
        char *at;

        *in = (struct http_input){};
        in->error = take_until(&b, '\n', &length); /* the whole line, where there is an error */
        in->answer.headers = in->headers;
        in->answer.status = (long) (strtoul(in->error, &at, 10) % 1000);
        in->answer.outcome = strtoul(at, &at, 10) % (HTTP_MALFORMED + 1);
        in->answer.connect_status = (long) (strtoul(at, NULL, 10) % 1000);
        in->answer.error = in->answer.outcome == HTTP_ANSWERED ? NULL : in->error;
        input_headers(in, &b);
        in->body = take_rest(&b, &in->answer.body_length);
        if (in->answer.outcome == HTTP_ANSWERED)
                input_unpack(in);
        in->answer.body = in->body;
}

static inline void http_input_clear(struct http_input *in) {
        for (size_t i = 0; i < INPUT_HEADERS_MAX; i++)
                free(in->lines[i]);
        free(in->error);
        free(in->body);
}
