#pragma once
/*
 * Directory sync: that a file has gone from a directory is on disk
 *
 * A file that a power failure brings back, of a task that the store has forgotten, would be a
 * registration once more.
 */
#include <stdbool.h>

struct directory_sync {
        bool is_needed;  /* a file may have gone since the last one */
        bool has_failed; /* and that was logged */
};

/* Does it, where it is needed and as far as the file system can; what else fails is logged once. */
void directory_sync(struct directory_sync *sync, const char *path);
