#include "koowatchd/task/hook-check.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/hook-file.h"
#include "common/hookdir.h"
#include "common/index.h"

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

static const char *const subdirectories[] = {"finished.d", "stalled.d", "account.d", "named.d"};
#define EVENTS 3 /* of them */

uint64_t hook_check_fingerprint(const char *directories) {
        uint64_t hash = 0;

        for (size_t i = 0; i < ARRAY_LEN(subdirectories); i++) {
                CLEANUP(hook_list_clear) struct hook_list list = {};
                int r = hookdir_list(directories, subdirectories[i], &list);

                hash = hash_number((uint64_t) r ^ list.count, hash);
                if (list.problem)
                        hash = hash_text(list.problem, hash);
                for (size_t k = 0; r == 0 && k < list.count; k++) {
                        struct stat st = {};

                        (void) stat(list.hooks[k].path, &st);
                        hash = hash_text(list.hooks[k].path, hash);
                        hash = hash_number(st.st_ino, hash);
                        hash = hash_number(st.st_dev, hash);
                        hash = hash_number((uint64_t) st.st_size, hash);
                        hash = hash_number((uint64_t) st.st_ctim.tv_sec, hash);
                        hash = hash_number((uint64_t) st.st_ctim.tv_nsec, hash);
                }
        }
        return hash;
}

void hook_check_events(const char *directories,
                       void (*fn)(void *userdata, const char *path, const char *why),
                       void *userdata) {
        for (size_t i = 0; i < EVENTS; i++) {
                CLEANUP(hook_list_clear) struct hook_list list = {};

                if (hookdir_list(directories, subdirectories[i], &list) < 0)
                        continue;
                for (size_t k = 0; k < list.count; k++) {
                        CLEANUP(freep) char *why = NULL;

                        if (hook_file_check(list.hooks[k].path, true, &why) < 0 && why)
                                fn(userdata, list.hooks[k].path, why);
                }
        }
}
