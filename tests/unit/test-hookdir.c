/*
 * Hook directories: hiding, masking, order, and what is refused
 *
 * Each test works in a temporary directory of its own, with two hook directories
 * in it. Ownership by a third user can only be tried as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

/* cmocka.h needs what the others declare. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/hookdir.h"

#define OTHER_USER 4242

struct fixture {
        char root[64];
        char directories[256]; /* "ROOT/high:ROOT/low" */
};

static void in_root(const struct fixture *f, const char *relative, char path[static PATH_MAX]) {
        assert_in_range(snprintf(path, PATH_MAX, "%s/%s", f->root, relative), 1, PATH_MAX - 1);
}

static void make_dir(const struct fixture *f, const char *relative, mode_t mode) {
        char path[PATH_MAX];

        in_root(f, relative, path);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void make_file(const struct fixture *f, const char *relative, const char *text,
                      mode_t mode) {
        char path[PATH_MAX];
        int fd;

        in_root(f, relative, path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(close(fd), 0);
}

static void make_hook(const struct fixture *f, const char *relative) {
        make_file(f, relative, "#!/bin/sh\n", 0755);
}

static void make_link(const struct fixture *f, const char *target, const char *relative) {
        char path[PATH_MAX];

        in_root(f, relative, path);
        assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void) snprintf(f->root, sizeof(f->root), "/tmp/test-hookdir-XXXXXX");
        assert_non_null(mkdtemp(f->root));
        (void) snprintf(f->directories, sizeof(f->directories), "%s/high:%s/low", f->root, f->root);

        make_dir(f, "high", 0755);
        make_dir(f, "low", 0755);
        make_dir(f, "high/finished.d", 0755);
        make_dir(f, "low/finished.d", 0755);

        *state = f;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static int teardown(void **state) {
        struct fixture *f = *state;
        int r = nftw(f->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);

        free(f);
        return r;
}

/* The paths below the root, joined by blanks. */
static void assert_hooks(const struct fixture *f, const char *expected) {
        CLEANUP(hook_list_clear) struct hook_list list = {0};
        char found[1024] = "";
        size_t n = 0;

        assert_int_equal(hookdir_list(f->directories, "finished.d", &list), 0);
        for (size_t i = 0; i < list.count; i++) {
                const char *relative = str_after(list.hooks[i].path, f->root);

                assert_non_null(relative);
                assert_true(str_ends_with(relative, list.hooks[i].name));
                n += (size_t) snprintf(found + n, sizeof(found) - n, "%s%s", i ? " " : "",
                                       relative + 1);
        }

        assert_string_equal(found, expected);
        assert_int_equal(hookdir_has_any(f->directories, "finished.d"), list.count > 0);
}

static void assert_found(const struct fixture *f, const char *name, const char *expected) {
        CLEANUP(freep) char *path = NULL;

        assert_int_equal(hookdir_find(f->directories, "finished.d", name, &path), 0);
        assert_string_equal(path + strlen(f->root) + 1, expected);
}

static void assert_not_found(const struct fixture *f, const char *name) {
        char *path = NULL;

        assert_int_equal(hookdir_find(f->directories, "finished.d", name, &path), -ENOENT);
        assert_null(path);
}

static void test_order_is_that_of_the_bytes(void **state) {
        make_hook(*state, "low/finished.d/9-last");
        make_hook(*state, "high/finished.d/20-b");
        make_hook(*state, "low/finished.d/10-a");
        make_hook(*state, "high/finished.d/Z");
        make_hook(*state, "low/finished.d/a");

        assert_hooks(*state, "low/finished.d/10-a high/finished.d/20-b low/finished.d/9-last "
                             "high/finished.d/Z low/finished.d/a");
}

static void test_higher_hides_lower(void **state) {
        make_hook(*state, "low/finished.d/10-a");
        make_hook(*state, "high/finished.d/10-a");

        assert_hooks(*state, "high/finished.d/10-a");
        assert_found(*state, "10-a", "high/finished.d/10-a");
}

static void test_masks(void **state) {
        make_hook(*state, "low/finished.d/10-null");
        make_link(*state, "/dev/null", "high/finished.d/10-null");
        make_hook(*state, "low/finished.d/20-empty");
        make_file(*state, "high/finished.d/20-empty", "", 0644);
        make_hook(*state, "low/finished.d/30-stays");
        make_link(*state, "/dev/null", "low/finished.d/40-alone");

        assert_hooks(*state, "low/finished.d/30-stays");
        assert_not_found(*state, "10-null");
        assert_not_found(*state, "20-empty");
        assert_found(*state, "30-stays", "low/finished.d/30-stays");
}

static void test_mask_below_hides_nothing(void **state) {
        make_hook(*state, "high/finished.d/10-a");
        make_file(*state, "low/finished.d/10-a", "", 0644);

        assert_hooks(*state, "high/finished.d/10-a");
}

static void test_leftovers_are_no_hooks(void **state) {
        static const char *const names[] = {".hidden",     "10-a~",          "10-a.dpkg-old",
                                            "10-a.rpmnew", "10-a.dpkg-dist", "10-a.rpmsave"};
        char path[128];

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                (void) snprintf(path, sizeof(path), "high/finished.d/%s", names[i]);
                make_hook(*state, path);
                assert_false(hook_name_is_valid(names[i]));
                assert_not_found(*state, names[i]);
        }

        assert_hooks(*state, "");
}

static void test_names(void **state) {
        (void) state;
        assert_true(hook_name_is_valid("10-mail"));
        assert_true(hook_name_is_valid("mail.sh"));
        assert_true(hook_name_is_valid("gr\xC3\xBC\xC3\x9F"));
        assert_false(hook_name_is_valid(""));
        assert_false(hook_name_is_valid("."));
        assert_false(hook_name_is_valid(".."));
        assert_false(hook_name_is_valid("../finished.d/x"));
        assert_false(hook_name_is_valid("a/b"));
        assert_false(hook_name_is_valid("\xFF"));
}

static void test_dangling_link_hides_and_is_refused(void **state) {
        const struct fixture *f = *state;
        char path[PATH_MAX];
        const char *why = NULL;

        make_hook(f, "low/finished.d/10-a");
        make_link(f, "nowhere", "high/finished.d/10-a");

        assert_hooks(f, "high/finished.d/10-a");
        assert_found(f, "10-a", "high/finished.d/10-a");

        in_root(f, "high/finished.d/10-a", path);
        assert_int_equal(hook_open_checked(path, &why), -ENOENT);
        assert_non_null(why);
}

static void test_missing_directories(void **state) {
        CLEANUP(hook_list_clear) struct hook_list list = {0};
        const struct fixture *f = *state;

        assert_int_equal(hookdir_list(f->directories, "stalled.d", &list), 0);
        assert_int_equal(list.count, 0);
        assert_false(hookdir_has_any(f->directories, "stalled.d"));
        assert_int_equal(hookdir_list("", "finished.d", &list), 0);
        assert_int_equal(list.count, 0);
        assert_int_equal(hookdir_list(":::", "finished.d", &list), 0);
        assert_int_equal(list.count, 0);
}

static void test_unreadable_directory(void **state) {
        const struct fixture *f = *state;
        CLEANUP(hook_list_clear) struct hook_list list = {0};

        make_hook(f, "low/finished.d/10-a");
        make_file(f, "high/stalled.d", "not a directory", 0644);

        assert_int_equal(hookdir_list(f->directories, "stalled.d", &list), 0);
        assert_int_equal(list.count, 0);
        assert_true(list.unreadable);
        assert_true(hookdir_has_any(f->directories, "stalled.d"));

        assert_int_equal(hookdir_list(f->directories, "finished.d", &list), 0);
        assert_int_equal(list.count, 1);
        assert_false(list.unreadable);
}

static void assert_accepted(const struct fixture *f, const char *relative) {
        const char *why = "";
        char path[PATH_MAX];
        CLEANUP(closep) int fd = -1;

        in_root(f, relative, path);
        fd = hook_open_checked(path, &why);
        if (fd < 0)
                fail_msg("%s: %s", relative, why);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void assert_refused(const struct fixture *f, const char *relative, const char *expected) {
        const char *why = NULL;
        char path[PATH_MAX];

        in_root(f, relative, path);
        assert_int_equal(hook_open_checked(path, &why), -EPERM);
        assert_string_equal(why, expected);
}

static void test_accepted(void **state) {
        make_file(*state, "high/finished.d/all", "#!/bin/sh\n", 0755);
        make_file(*state, "high/finished.d/owner", "#!/bin/sh\n", 0700);
        make_file(*state, "low/elsewhere", "#!/bin/sh\n", 0755);
        make_link(*state, "../../low/elsewhere", "high/finished.d/link");

        assert_accepted(*state, "high/finished.d/all");
        assert_accepted(*state, "high/finished.d/owner");
        assert_accepted(*state, "high/finished.d/link");
}

static void test_refused_for_its_mode(void **state) {
        make_file(*state, "high/finished.d/group", "#!/bin/sh\n", 0775);
        make_file(*state, "high/finished.d/others", "#!/bin/sh\n", 0757);
        make_file(*state, "high/finished.d/set-uid", "#!/bin/sh\n", 04755);
        make_file(*state, "high/finished.d/set-gid", "#!/bin/sh\n", 02755);
        make_file(*state, "high/finished.d/data", "#!/bin/sh\n", 0644);
        make_link(*state, "group", "high/finished.d/link");

        assert_refused(*state, "high/finished.d/group", "it is writable by group or others");
        assert_refused(*state, "high/finished.d/others", "it is writable by group or others");
        assert_refused(*state, "high/finished.d/set-uid", "it is set-user-id or set-group-id");
        assert_refused(*state, "high/finished.d/set-gid", "it is set-user-id or set-group-id");
        assert_refused(*state, "high/finished.d/data", "it is not executable");
        assert_refused(*state, "high/finished.d/link", "it is writable by group or others");
}

static void test_refused_for_its_kind(void **state) {
        const struct fixture *f = *state;
        char path[PATH_MAX];

        make_dir(f, "high/finished.d/directory", 0755);
        in_root(f, "high/finished.d/fifo", path);
        assert_int_equal(mkfifo(path, 0755), 0);
        assert_int_equal(chmod(path, 0755), 0);

        assert_refused(f, "high/finished.d/directory", "it is not a regular file");
        assert_refused(f, "high/finished.d/fifo", "it is not a regular file");
}

static void test_refused_for_its_directory(void **state) {
        static const char expected[] = "its directory is writable by group or others";

        make_dir(*state, "group.d", 0775);
        make_dir(*state, "others.d", 0757);
        make_dir(*state, "sticky.d", 01777);
        make_hook(*state, "group.d/hook");
        make_hook(*state, "others.d/hook");
        make_hook(*state, "sticky.d/hook");

        assert_refused(*state, "group.d/hook", expected);
        assert_refused(*state, "others.d/hook", expected);
        assert_refused(*state, "sticky.d/hook", expected);
}

static void test_refused_for_its_owner(void **state) {
        const struct fixture *f = *state;
        char path[PATH_MAX];

        make_hook(f, "high/finished.d/foreign");
        in_root(f, "high/finished.d/foreign", path);
        assert_int_equal(chown(path, OTHER_USER, OTHER_USER), 0);
        make_dir(f, "foreign.d", 0755);
        make_hook(f, "foreign.d/hook");
        in_root(f, "foreign.d", path);
        assert_int_equal(chown(path, OTHER_USER, OTHER_USER), 0);

        assert_refused(f, "high/finished.d/foreign",
                       "it is owned by neither root nor the runner's user");
        assert_refused(f, "foreign.d/hook",
                       "its directory is owned by neither root nor the runner's user");
}

static void test_root_s_files_pass_for_anybody(void **state) {
        const char *why = NULL;
        CLEANUP(closep) int fd = -1;

        (void) state;
        fd = hook_open_checked("/usr/bin/env", &why);
        assert_true(fd >= 0);
}

static void test_paths_that_name_no_file(void **state) {
        const char *why = NULL;

        (void) state;
        assert_int_equal(hook_open_checked("hook", &why), -EINVAL);
        assert_int_equal(hook_open_checked("/usr/", &why), -EINVAL);
        assert_int_equal(hook_open_checked("/no/such/hook", &why), -ENOENT);
        assert_string_equal(why, "its directory cannot be opened");
}

static void assert_problem(const struct fixture *f, const char *name, int error,
                           const char *expected) {
        CLEANUP(freep) char *problem = NULL;

        assert_int_equal(hook_find_named(f->directories, name, &problem), error);
        assert_non_null(problem);
        assert_non_null(strstr(problem, expected));
}

static void test_what_is_wrong_with_a_named_hook(void **state) {
        const struct fixture *f = *state;
        char *problem = NULL;

        make_dir(f, "low/named.d", 0755);
        make_dir(f, "high/named.d", 0755);
        make_hook(f, "low/named.d/fine");
        make_file(f, "low/named.d/data", "#!/bin/sh\n", 0644);
        make_hook(f, "low/named.d/masked");
        make_link(f, "/dev/null", "high/named.d/masked");

        assert_int_equal(hook_find_named(f->directories, "fine", &problem), 0);
        assert_null(problem);
        assert_problem(f, "missing", -ENOENT, f->directories);
        assert_problem(f, "masked", -ENOENT, "no such hook");
        assert_problem(f, "data", -EPERM, "low/named.d/data");
        assert_problem(f, "data", -EPERM, "is not executable");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                TEST(test_order_is_that_of_the_bytes),
                TEST(test_higher_hides_lower),
                TEST(test_masks),
                TEST(test_mask_below_hides_nothing),
                TEST(test_leftovers_are_no_hooks),
                TEST(test_names),
                TEST(test_dangling_link_hides_and_is_refused),
                TEST(test_missing_directories),
                TEST(test_unreadable_directory),
                TEST(test_what_is_wrong_with_a_named_hook),
                TEST(test_accepted),
                TEST(test_refused_for_its_mode),
                TEST(test_refused_for_its_kind),
                TEST(test_refused_for_its_directory),
                TEST(test_root_s_files_pass_for_anybody),
                TEST(test_paths_that_name_no_file),
                TEST(test_refused_for_its_owner), /* the last: for root alone */
        };
        size_t count = ARRAY_LEN(tests);

        /* To leave it out is all there is: meson takes a test that cmocka skips for a failed one.
         */
        if (geteuid() != 0)
                count--;
        return _cmocka_run_group_tests("hook directories", tests, count, NULL, NULL);
}
