#include "koowatchd/hook-check.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/hookdir.h"

#define NAMED "named.d"

/* NULL: nothing. A hook of the runner's own user is good, but who that is is not known here. */
static const char *problem_of(const char *path) {
        const char *why = "it cannot be opened";
        CLEANUP(closep) int fd = hook_open_checked(path, &why);
        struct stat st;

        if (fd >= 0)
                return NULL;
        if (stat(path, &st) == 0 && st.st_uid != 0 && st.st_uid != geteuid())
                return st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) ? NULL : "it is not executable";
        return why;
}

static char *check_one(const char *directories, const char *name) {
        CLEANUP(freep) char *path = NULL;
        const char *why;
        int r = hookdir_find(directories, NAMED, name, &path);

        if (r == -ENOENT)
                return str_printf("Hook=%s is not there", name);
        why = r < 0 ? NULL : problem_of(path);
        return why ? str_printf("Hook=%s would not run: %s: %s", name, path, why) : NULL;
}

char *hook_check_named(const char *directories, const char *hooks) {
        CLEANUP(freep) char *copy = strdup(hooks);
        char *at = copy, *name, *problem = NULL;

        while (!problem && (name = strsep(&at, " ")))
                problem = check_one(directories, name);
        return problem;
}

void hook_check_events(const char *directories,
                       void (*fn)(void *userdata, const char *path, const char *why),
                       void *userdata) {
        static const char *const events[] = {"finished.d", "stalled.d", "account.d"};

        for (size_t i = 0; i < ARRAY_LEN(events); i++) {
                CLEANUP(hook_list_clear) struct hook_list list = {};

                if (hookdir_list(directories, events[i], &list) < 0)
                        continue;
                for (size_t k = 0; k < list.count; k++) {
                        const char *why = problem_of(list.hooks[k].path);

                        if (why)
                                fn(userdata, list.hooks[k].path, why);
                }
        }
}
