#pragma once
/*
 * Directory watch: what happens in directories, whether they exist yet or not
 *
 * One inotify instance for all. A directory that is missing is waited for by
 * watching its nearest ancestor, and one that is replaced is taken up again. The
 * module tells that something happened; it reads no file and keeps no names.
 *
 * It is a fast path: whoever is told looks at times by itself. So a lack of instances or watches
 * is a warning in the log, and dirwatch_refresh() tries again.
 */
#include <ev.h>
#include <stdint.h>
#include <sys/inotify.h>

#include "common/util.h"

struct dirwatch;
struct dirwatch_dir;

/*
 * name: the entry concerned, with the IN_* mask; NULL: anything may have changed
 * (the directory appeared, went or was replaced, or events were lost), read it all
 * again. Directories must not be added or removed from inside the call.
 */
typedef void (*dirwatch_fn)(void *userdata, const char *name, uint32_t mask);

/* Returns 0 or -ENOMEM. */
int dirwatch_new(struct ev_loop *loop, struct dirwatch **ret);
/* Frees the directories too. Accepts NULL. */
void dirwatch_free(struct dirwatch *watch);
DEFINE_CLEANUP(struct dirwatch *, dirwatch_free)

/*
 * Watches path (copied), where that can be done. more: events (IN_MODIFY) beside those of names,
 * owners and modes, and of files that are closed. Returns 0 or -ENOMEM.
 */
int dirwatch_add(struct dirwatch *watch, const char *path, uint32_t more, dirwatch_fn fn,
                 void *userdata, struct dirwatch_dir **ret);
void dirwatch_remove(struct dirwatch *watch, struct dirwatch_dir *dir);

/* Looks again where each path leads, for what no event tells (an ancestor was renamed). */
void dirwatch_refresh(struct dirwatch *watch);
