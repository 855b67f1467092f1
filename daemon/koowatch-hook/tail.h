#pragma once
/*
 * Tail: the last of what a hook has printed
 *
 * It goes to the daemon with the hook's end and is shown beside it, also where the log has
 * dropped what was too much.
 */
#include <stdbool.h>
#include <stddef.h>

#define TAIL_MAX ((size_t) 2048)

/* Starts zeroed. */
struct tail {
        size_t length;
        bool is_cut;
        char text[2 * TAIL_MAX];
};

void tail_add(struct tail *tail, const char *data, size_t length);

/*
 * Writes at most TAIL_MAX bytes and a NUL: whole lines where the last one is not too long for
 * that, without a newline at the end. It is valid UTF-8, with '?' for each byte that is not.
 */
void tail_write(const struct tail *tail, char ret[TAIL_MAX + 1]);
