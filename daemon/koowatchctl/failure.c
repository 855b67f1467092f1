#include "koowatchctl/failure.h"

#include <stdarg.h>

int failure_set(struct failure *failure, const char *code, const char *format, ...) {
        va_list arguments;
        char *text = NULL;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);

        free(failure->text); /* which may be among the arguments */
        failure->code = code;
        failure->text = text;
        return -1;
}

void failure_clear(struct failure *failure) {
        free(failure->text);
        *failure = (struct failure){};
}

bool failure_is(const struct failure *failure, const char *code) {
        return failure->code && streq(failure->code, code);
}
