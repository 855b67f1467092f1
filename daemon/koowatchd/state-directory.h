#pragma once
/*
 * State directory: made, locked for this process, and its store opened
 */
#include <stdbool.h>

struct store;

struct state_directory {
        int fd;           /* holds the lock; -1: none */
        char *store_name; /* as messages call it: a path, where it is a file */
        struct store *store;
};

/* What to do about an error of the store, to be put behind a message: "; free ...", or "". */
const char *store_advice(int error);

/*
 * has_store: outcomes are kept there; else the store is somebody else's to open. Returns 0 or a
 * negative errno, with the reason logged. *ret is to be closed in any case.
 */
int state_directory_open(const char *path, bool has_store, struct state_directory *ret);
void state_directory_close(struct state_directory *state);
