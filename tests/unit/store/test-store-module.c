/* Store module: one that cannot be loaded is told with what to do about it. */
#include <dlfcn.h>
#include <errno.h>

#include "koowatchd/store/store-module.h"
#include "unit/support.h"

static void test_one_that_is_not_there(void **state) {
        struct store_module_settings settings = {};
        CLEANUP(freep) char *problem = NULL, *name = NULL;
        struct store *store = NULL;

        (void) state;
        assert_int_equal(store_module_open("nowhere", &settings, &store, &name, &problem), -ENOENT);
        assert_null(store);
        assert_string_equal(problem,
                            KOOWATCH_MODULEDIR "/store-nowhere.so: No such file or directory; "
                                               "install the package koowatch-nowhere");
}

/* Beside the program, as in a build tree. */
static void put_beside(const char *name, const char *target, char ret[static 4096]) {
        ssize_t n = readlink("/proc/self/exe", ret, 4000);

        assert_true(n > 0);
        ret[n] = '\0';
        (void) snprintf(strrchr(ret, '/'), 64, "/%s", name);
        (void) unlink(ret);
        assert_int_equal(symlink(target, ret), 0);
}

static void test_what_is_no_module(void **state) {
        struct {
                const char *target;
                int error;
                const char *problem;
        } cases[] = {
                {"/proc/self/exe", -ELIBACC, "cannot load it: "},
                {"/etc/passwd", -ELIBACC, "cannot load it: "},
                {NULL, -ELIBBAD, "/"},
        };
        char path[4096];
        Dl_info library;

        (void) state;
        assert_true(dladdr((void *) _cmocka_run_group_tests, &library) != 0);
        cases[2].target = library.dli_fname; /* one of another purpose */
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct store_module_settings settings = {};
                CLEANUP(freep) char *problem = NULL, *name = NULL;
                struct store *store = NULL;

                put_beside("store-no-module.so", cases[i].target, path);
                assert_int_equal(store_module_open("no-module", &settings, &store, &name, &problem),
                                 cases[i].error);
                assert_non_null(str_after(problem, cases[i].problem));
                assert_int_equal(unlink(path), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_that_is_not_there),
                cmocka_unit_test(test_what_is_no_module),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
