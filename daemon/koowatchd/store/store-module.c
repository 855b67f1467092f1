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

/* The module's function of that name; NULL: *ret_error and *ret_problem say why. */
static void *find_function(const char *name, const char *function, int *ret_error,
                           char **ret_problem) {
        CLEANUP(freep) char *path = find_module(name);
        void *module, *found;

        if (!path || access(path, R_OK) < 0) {
                *ret_error = path ? -errno : -ENOMEM;
                if (path)
                        *ret_problem = str_printf("%s: %s; install the package koowatch-%s", path,
                                                  strerror(errno), name);
                return NULL;
        }
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!module) {
                const char *why = dlerror();

                *ret_error = -ELIBACC;
                *ret_problem = str_printf("cannot load it: %s", why ? why : path);
                return NULL;
        }
        found = dlsym(module, function);
        *ret_error = found ? 0 : -ELIBBAD;
        if (!found)
                *ret_problem = str_printf("%s: it is no module of koowatchd", path);
        return found;
}

int store_module_check(const char *name, const char *connection, char **ret_problem) {
        store_module_check_fn check_connection;
        int r;

        *(void **) &check_connection = find_function(name, STORE_MODULE_CHECK, &r, ret_problem);
        return check_connection ? check_connection(connection, ret_problem) : r;
}

int store_module_open(const char *name, struct store_module_settings *settings, struct store **ret,
                      char **ret_name, char **ret_problem) {
        store_module_open_fn open_store;
        int r;

        *(void **) &open_store = find_function(name, STORE_MODULE_OPEN, &r, ret_problem);
        settings->version = KOOWATCH_VERSION;
        return open_store ? open_store(settings, ret, ret_name, ret_problem) : r;
}
