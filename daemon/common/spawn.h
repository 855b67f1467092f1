#pragma once
/*
 * Starting a program as a process of its own
 *
 * It is in a process group of its own, has no signal blocked or ignored, and gets three
 * descriptors and an environment; nothing else is handed down.
 */
#include <sys/types.h>

/* All borrowed for the call. */
struct spawn {
        const char *path;
        const char *const *arguments;  /* the first is the program's name; NULL-terminated */
        char *const *environment;      /* "NAME=value", NULL-terminated */
        int input, output, error;      /* become 0, 1 and 2 */
        const char *working_directory; /* NULL: the caller's */
};

/* Returns 0, or a negative errno where it could not be executed. */
int spawn_process(const struct spawn *spawn, pid_t *ret);
