#pragma once
/*
 * Child: another program of koowatch, run to its end, its output read line by line
 */
#include "koowatchctl/failure.h"

/* A line without its end, borrowed. */
typedef void (*child_line_fn)(void *userdata, const char *line);

struct child {
        const char *const *arguments; /* the first is the program's path; NULL-terminated */
        const char *user;  /* who it runs as when we are root, if there is such a user; or NULL */
        const char *input; /* what it reads; NULL: nothing */
        child_line_fn on_line;
        void *userdata;
};

/* Returns its exit status (128 and more: a signal), or -1. */
int child_run(const struct child *child, struct failure *failure);

/*
 * The path of a program that is installed with this one: beside it in a build folder, else in
 * directory; NULL: beside it. The caller owns it.
 */
char *child_find(const char *name, const char *directory);

/* Hands on each line that comes from a descriptor, until its end. */
void child_read_lines(int fd, child_line_fn on_line, void *userdata);
