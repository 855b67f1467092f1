#pragma once
/*
 * Failure: why a command could not be carried out, for people and for programs
 *
 * The code is a word that scripts may compare; the text is a sentence.
 */
#include "common/util.h"

struct failure {
        /*
         * NotFound, Exists, Invalid, NotAllowed, Unavailable as on the bus; NotRunning, Usage,
         * Failed. Static.
         */
        const char *code;
        char *text; /* NULL: memory was short */
};

/* Takes the place of what was there. Returns -1, for a return in the same line. */
int failure_set(struct failure *failure, const char *code, const char *format, ...)
        PRINTF_LIKE(3, 4);

void failure_clear(struct failure *failure);

/* Whether the code is this one. */
bool failure_is(const struct failure *failure, const char *code);
