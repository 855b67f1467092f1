#pragma once
/*
 * State directory: made, locked for this process, and its store opened
 */
struct store;

struct state_directory {
        int fd; /* holds the lock; -1: none */
        char *store_path;
        struct store *store;
};

/* Returns 0 or a negative errno, with the reason logged. *ret is to be closed in any case. */
int state_directory_open(const char *path, struct state_directory *ret);
void state_directory_close(struct state_directory *state);
