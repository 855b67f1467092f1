#include "koowatchd/task/hook-check.h"

#include <errno.h>

#include "common/hook-file.h"
#include "common/hookdir.h"

static char *check_one(const char *directories, const char *name) {
        CLEANUP(freep) char *problem = NULL;

        int r = hook_find_named(directories, name, &problem);

        if (r == -ENOENT)
                return str_printf("Hook=%s does not exist", name);
        if (r == 0 || !problem)
                return NULL;
        return str_printf("Hook=%s would not run: %s", name, problem);
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
                        CLEANUP(freep) char *why = NULL;

                        if (hook_file_check(list.hooks[k].path, true, &why) < 0 && why)
                                fn(userdata, list.hooks[k].path, why);
                }
        }
}
