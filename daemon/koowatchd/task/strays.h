#pragma once
/*
 * Strays: files in task directories whose names are not those of task files
 *
 * Most likely somebody waits for them to be read. Each is reported once, and only when it has
 * stayed for a while: programs write under one name and rename to another.
 */
#include <stdbool.h>

#include "common/util.h"

#define STRAYS_MAX 32 /* files that are remembered; there may be any number of them */

struct strays {
        struct stray {
                char *path; /* NULL: free */
                bool reported;
        } list[STRAYS_MAX];
};

/* Whether the file (not hidden, not what editors and package managers leave) is one. */
bool stray_is(const char *path);
/* "not a task file ..., rename it to photos.task"; the caller frees it. NULL: no memory. */
char *stray_describe(const char *path);

/* It was seen. */
void strays_note(struct strays *strays, const char *path);
/* Logs those that are still there, and forgets those that are not. */
void strays_report(struct strays *strays);
void strays_clear(struct strays *strays);
