/*
 * Hook directories: hiding, masking, order
 *
 * Each test works in a temporary directory of its own, with two hook directories
 * in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/hook-file.h"
#include "common/hookdir.h"
#include "unit/support.h"

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

        char *problem = NULL;

        assert_int_equal(hookdir_find(f->directories, "finished.d", name, &path, &problem), 0);
        assert_null(problem);
        assert_string_equal(path + strlen(f->root) + 1, expected);
}

static void assert_not_found(const struct fixture *f, const char *name) {
        CLEANUP(freep) char *problem = NULL;
        char *path = NULL;

        assert_int_equal(hookdir_find(f->directories, "finished.d", name, &path, &problem),
                         -ENOENT);
        assert_null(path);
        assert_non_null(problem);
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
        static const char *const names[] = {
                ".hidden",
                "10-a~",
                "10-a.dpkg-old",
                "10-a.rpmnew",
                "10-a.dpkg-dist",
                "10-a.rpmsave",
                "10-a.bak",
                "10-a.BAK",
                "10-a.bak.2",
                "10-a.bak-2026",
                "10-a.orig",
                "10-a.save",
                "10-a.ucf-old",
                "10-a.ucf-new",
                "10-a.old",
                "10-a.new",
                "10-a.swp",
                "10-a.tmp",
                "10-a.rej",
                "10-a.pacnew",
                "10-a.pacsave",
                "10-a.pacorig",
                "10-a.part",
                "10-a.copy",
                "#10-a#",
                "10-a.sh.bak",
                "10-a.disabled",
                "10-a.swo",
                "a.bak",
                "~",
                "#",
                "10-a.bak.1_2",
        };
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
        assert_true(hook_name_is_valid("20-old"));
        assert_true(hook_name_is_valid("mail-2"));
        assert_true(hook_name_is_valid("42"));
        assert_true(hook_name_is_valid("bak"));
        assert_true(hook_name_is_valid("#10-a"));
        assert_true(hook_name_is_valid("10-a#"));
        assert_true(hook_name_is_valid("10~a"));
        assert_true(hook_name_is_valid("_.-"));
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
        CLEANUP(freep) char *why = NULL;

        make_hook(f, "low/finished.d/10-a");
        make_link(f, "nowhere", "high/finished.d/10-a");

        assert_hooks(f, "high/finished.d/10-a");
        assert_found(f, "10-a", "high/finished.d/10-a");

        in_root(f, "high/finished.d/10-a", path);
        assert_int_equal(hook_file_check(path, false, &why), -ENOENT);
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
        assert_non_null(strstr(list.problem, "high/stalled.d cannot be read: Not a directory"));
        assert_true(hookdir_has_any(f->directories, "stalled.d"));

        hook_list_clear(&list);
        assert_int_equal(hookdir_list(f->directories, "finished.d", &list), 0);
        assert_int_equal(list.count, 1);
        assert_null(list.problem);
}

/* Whether there is a mask in the higher directory cannot be seen. */
static void test_a_named_hook_is_not_found_past_an_unreadable_directory(void **state) {
        const struct fixture *f = *state;
        CLEANUP(freep) char *problem = NULL;
        char *path = NULL;

        make_file(f, "high/named.d", "not a directory", 0644);
        make_dir(f, "low/named.d", 0755);
        make_hook(f, "low/named.d/fetch");
        assert_int_equal(hookdir_find(f->directories, "named.d", "fetch", &path, &problem),
                         -ENOTDIR);
        assert_non_null(strstr(problem, "high/named.d/fetch"));
        assert_null(path);
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
        assert_problem(f, "masked", -ENOENT, "high/named.d/masked masks it");
        assert_problem(f, "data", -ENOEXEC, "low/named.d/data");
        assert_problem(f, "data", -ENOEXEC, "is not executable");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void test_cleared_twice(void **state) {
        struct fixture *f = *state;
        struct hook_list list = {0};

        make_hook(f, "high/finished.d/10-a");
        assert_int_equal(hookdir_list(f->directories, "finished.d", &list), 0);
        assert_int_equal(list.count, 1);
        hook_list_clear(&list);
        assert_int_equal(list.count, 0);
        hook_list_clear(&list);
}

/* Of devices /dev/null alone masks: another one is a hook, which is refused when it is opened. */
static void test_other_devices_do_not_mask(void **state) {
        struct fixture *f = *state;

        make_hook(f, "low/finished.d/10-a");
        make_link(f, "/dev/zero", "high/finished.d/10-a");
        assert_hooks(f, "high/finished.d/10-a");
}

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
                TEST(test_a_named_hook_is_not_found_past_an_unreadable_directory),
                TEST(test_what_is_wrong_with_a_named_hook),
                TEST(test_cleared_twice),
                TEST(test_other_devices_do_not_mask),
        };

        return cmocka_run_group_tests_name("hook directories", tests, NULL, NULL);
}
