#pragma once
/*
 * Hook directories: which programs an event runs
 *
 * HOOKS/<event>.d/ in each of the configured directories, the first being the
 * highest. A name in a higher directory hides the same name further down, and an
 * empty file or a link to /dev/null there masks it. Dot files, *~, *.dpkg-* and
 * *.rpm* are no hooks. The order is that of the names' bytes.
 *
 * Shared by the daemon, which only asks whether there is anything to run, and the
 * runner, which also checks and opens what it is going to run.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"

struct hook {
        char *name; /* "10-mail" */
        char *path; /* "/etc/koowatch/hooks/finished.d/10-mail" */
};

struct hook_list {
        struct hook *hooks;
        size_t count;
        bool unreadable; /* a directory could not be read: there may be more */
};

/*
 * Lists the hooks of "<event>.d" ("finished.d", "named.d"). directories is the
 * colon-separated setting. A directory that does not exist has none; one that
 * cannot be read is a warning in the log, and noted in the list. Returns 0 or a negative errno.
 */
int hookdir_list(const char *directories, const char *subdirectory, struct hook_list *ret);

void hook_list_clear(struct hook_list *list);

/* Finds one hook by its bare name with the same hiding and masking; 0, -ENOENT or -ENOMEM. */
int hookdir_find(const char *directories, const char *subdirectory, const char *name, char **ret);

/*
 * Whether a task that asks for the hook by its name gets it, as far as can be seen from here:
 * whether its owner is one that the runner trusts is for the runner to say. Returns 0 when it
 * does; -ENOENT when it is missing or masked, -EPERM when it would be refused, or another
 * negative errno when it cannot be looked at: each with *ret_problem a clause about it, owned by
 * the caller ("/etc/koowatch/hooks/named.d/fetch is not executable"); -ENOMEM has none.
 */
int hook_find_named(const char *directories, const char *name, char **ret_problem);

/* Whether hookdir_list() would find any. Errors count as yes: the runner will tell of them. */
bool hookdir_has_any(const char *directories, const char *subdirectory);

/* Whether name can name a hook: UTF-8, no slash, no leading dot, no left-over's ending. */
bool hook_name_is_valid(const char *name);

/*
 * Opens what is at path and checks it, the directory first and the file through
 * it: a regular file, executable by someone, not set-id, neither it nor its
 * directory writable by group or others, both owned by root or by the calling
 * user (in a sticky world-writable directory nothing passes). Returns a
 * descriptor (O_PATH), or a negative errno with *ret_why a static sentence.
 */
int hook_open_checked(const char *path, const char **ret_why);
