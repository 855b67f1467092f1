#pragma once
/*
 * Hook directories: which programs an event runs
 *
 * HOOKS/<event>.d/ in each of the configured directories, the first being the
 * highest. A name in a higher directory hides the same name further down, and an
 * empty file or a link to /dev/null there masks it. Dot files and what editors and
 * package managers leave behind are no hooks. The order is that of the names' bytes.
 *
 * Shared by the daemon, which only asks whether there is anything to run, and the
 * runner. Whether a file may be run is for hook-file.h.
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
        char *problem; /* "DIR cannot be read: ...": there may be more hooks, or masks; or NULL */
};

/*
 * Lists the hooks of "<event>.d" ("finished.d", "named.d"). directories is the
 * colon-separated setting. A directory that does not exist has none; one that
 * cannot be read is noted in the list. Returns 0 or a negative errno.
 */
int hookdir_list(const char *directories, const char *subdirectory, struct hook_list *ret);

void hook_list_clear(struct hook_list *list);

/*
 * Finds one hook by its bare name with the same hiding and masking. Returns 0; -ENOENT: it is
 * missing or masked; -ENOMEM; or another negative errno: a directory cannot be looked into, so
 * that what hides or masks it is not known. *ret_problem is then a clause, owned by the caller.
 */
int hookdir_find(const char *directories, const char *subdirectory, const char *name,
                 char **ret_path, char **ret_problem);

/*
 * Whether a task that asks for the hook by its name gets it, as far as can be seen from here:
 * whether its owner is one that the runner trusts is for the runner to say. Returns 0 when it
 * does; else as hookdir_find() and hook_file_check(), with *ret_problem a clause ("no such hook
 * in named.d of DIRS", "/etc/koowatch/hooks/named.d/fetch: it is not executable").
 */
int hook_find_named(const char *directories, const char *name, char **ret_problem);

/* Whether hookdir_list() would find any. Errors count as yes: the runner will tell of them. */
bool hookdir_has_any(const char *directories, const char *subdirectory);

/* Whether name can name a hook: UTF-8, no slash, no leading dot, no left-over's ending. */
bool hook_name_is_valid(const char *name);
