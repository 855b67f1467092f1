#include "koowatchd/store/store-module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>

/* The caller frees it; NULL when memory is short. */
static char *find_module(const char *name) {
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        CLEANUP(freep) char *beside = NULL;
        char *slash;

        if (n > 0) {
                self[n] = '\0';
                slash = strrchr(self, '/');
                if (slash)
                        *slash = '\0';
                beside = str_printf("%s/store-%s.so", self, name);
                if (beside && access(beside, R_OK) == 0)
                        return STEAL_PTR(beside);
        }
        return str_printf("%s/store-%s.so", KOOWATCH_MODULEDIR, name);
}

int store_module_open(const char *name, struct store_module_settings *settings, struct store **ret,
                      char **ret_name, char **ret_problem) {
        CLEANUP(freep) char *path = find_module(name);
        store_module_open_fn open_store;
        void *module;

        if (!path)
                return -ENOMEM;
        if (access(path, R_OK) < 0) {
                int error = -errno;

                *ret_problem = str_printf("%s: %s; install the package koowatch-%s", path,
                                          strerror(-error), name);
                return error;
        }
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!module) {
                const char *why = dlerror();

                *ret_problem = str_printf("cannot load it: %s", why ? why : path);
                return -ELIBACC;
        }
        *(void **) &open_store = dlsym(module, STORE_MODULE_OPEN);
        if (!open_store) {
                *ret_problem = str_printf("%s: it is no module of koowatchd", path);
                return -ELIBBAD;
        }
        settings->version = KOOWATCH_VERSION;
        return open_store(settings, ret, ret_name, ret_problem);
}
