#include "koowatchd/loop/http-answer.h"

#include <strings.h>

const char *http_header(const struct http_answer *answer, const char *name) {
        for (size_t i = 0; i < answer->n_headers; i++)
                if (strcasecmp(answer->headers[i].name, name) == 0)
                        return answer->headers[i].value;
        return NULL;
}

bool http_answer_is_ok(const struct http_answer *answer) {
        return answer->outcome == HTTP_ANSWERED && answer->status >= 200 && answer->status <= 299;
}
