/*
 * One hook's file: what is refused, along its whole path, and why it could not run
 *
 * Each test works in a temporary directory of its own, in /tmp, which is sticky.
 * Ownership by a third user can only be tried as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/hook-file.h"
#include "unit/support.h"

#define OTHER_USER 4242

static char root[DIRECTORY_MAX];
static bool is_noexec;

/* Instead of libc's: a mount is root's alone. */
int fstatvfs(int fd, struct statvfs *fs) {
        (void) fd;
        *fs = (struct statvfs){.f_flag = is_noexec ? ST_NOEXEC : 0};
        return 0;
}

static char *in_root(const char *relative) {
        char *path = str_printf("%s/%s", root, relative);

        assert_non_null(path);
        return path;
}

static void make_dir(const char *relative, mode_t mode) {
        CLEANUP(freep) char *path = in_root(relative);

        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void make_file(const char *relative, const char *text, mode_t mode) {
        CLEANUP(freep) char *path = in_root(relative);
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
}

static void make_hook(const char *relative) {
        make_file(relative, "#!/bin/sh\n", 0755);
}

static void make_link(const char *target, const char *relative) {
        CLEANUP(freep) char *path = in_root(relative);

        assert_int_equal(symlink(target, path), 0);
}

static void give_away(const char *relative) {
        CLEANUP(freep) char *path = in_root(relative);

        assert_int_equal(lchown(path, OTHER_USER, OTHER_USER), 0);
}

static int setup(void **state) {
        (void) state;
        directory_make(root);
        make_dir("good", 0755);
        return 0;
}

static int teardown(void **state) {
        (void) state;
        directory_remove(root);
        return 0;
}

static void assert_accepted(const char *relative) {
        CLEANUP(freep) char *path = in_root(relative);
        CLEANUP(freep) char *why = NULL;

        if (hook_file_check(path, false, &why) < 0)
                fail_msg("%s: %s", relative, why);
}

static void assert_refused(const char *relative, int error, const char *expected) {
        CLEANUP(freep) char *path = in_root(relative);
        CLEANUP(freep) char *why = NULL;

        assert_int_equal(hook_file_check(path, false, &why), error);
        assert_non_null(why);
        if (!strstr(why, expected))
                fail_msg("%s: %s, not %s", relative, why, expected);
}

static void test_accepted(void **state) {
        CLEANUP(freep) char *whole = in_root("elsewhere/target");

        (void) state;
        make_hook("good/all");
        make_file("good/owner", "#!/bin/sh\n", 0700);
        make_dir("elsewhere", 0755);
        make_hook("elsewhere/target");
        make_link("../elsewhere/target", "good/link");
        make_link("good", "directory");
        make_link(whole, "good/absolute");

        assert_accepted("good/all");
        assert_accepted("good/owner");
        assert_accepted("good/link");
        assert_accepted("good/absolute");
        assert_accepted("directory/../directory//all");
}

static void test_refused_for_its_mode(void **state) {
        (void) state;
        make_file("good/group", "#!/bin/sh\n", 0775);
        make_file("good/others", "#!/bin/sh\n", 0757);
        make_file("good/set-uid", "#!/bin/sh\n", 04755);
        make_file("good/set-gid", "#!/bin/sh\n", 02755);
        make_link("group", "good/link");

        assert_refused("good/group", -EPERM, "it is writable by group or others");
        assert_refused("good/others", -EPERM, "it is writable by group or others");
        assert_refused("good/set-uid", -EPERM, "it is set-user-id or set-group-id");
        assert_refused("good/set-gid", -EPERM, "it is set-user-id or set-group-id");
        assert_refused("good/link", -EPERM, "it is writable by group or others");
}

static void test_refused_for_its_mount(void **state) {
        CLEANUP(freep) char *path = in_root("good/hook"), *why = NULL;

        (void) state;
        make_hook("good/hook");
        is_noexec = true;
        assert_refused("good/hook", -EPERM, "its file system is mounted noexec");
        assert_int_equal(hook_file_check(path, true, &why), 0); /* the runner has other mounts */
        is_noexec = false;
        assert_accepted("good/hook");
}

static void test_no_hook_at_all(void **state) {
        CLEANUP(freep) char *fifo = in_root("good/fifo");

        (void) state;
        make_file("good/data", "#!/bin/sh\n", 0644);
        make_dir("good/directory", 0755);
        assert_int_equal(mkfifo(fifo, 0755), 0);

        assert_refused("good/data", -ENOEXEC, "it is not executable");
        assert_refused("good/directory", -ENOEXEC, "it is not a regular file");
        assert_refused("good/fifo", -ENOEXEC, "it is not a regular file");
}

static void test_refused_for_its_directory(void **state) {
        (void) state;
        make_dir("group", 0775);
        make_dir("others", 0757);
        make_dir("sticky", 01777);
        make_hook("group/hook");
        make_hook("others/hook");
        make_hook("sticky/hook");

        assert_refused("group/hook", -EPERM, "/group is writable by group or others");
        assert_refused("others/hook", -EPERM, "/others is writable by group or others");
        assert_refused("sticky/hook", -EPERM, "/sticky is writable by group or others");
}

static void test_refused_for_what_leads_to_it(void **state) {
        (void) state;
        make_dir("group", 0775);
        make_dir("group/inner", 0755);
        make_hook("group/inner/hook");
        make_link("../group/inner/hook", "good/link");
        make_link("group/inner", "inner");
        make_dir("sticky", 01777);
        make_dir("sticky/inner", 0755);
        make_hook("sticky/inner/hook");

        assert_refused("group/inner/hook", -EPERM, "/group is writable by group or others");
        assert_refused("good/link", -EPERM, "/group is writable by group or others");
        assert_refused("inner/hook", -EPERM, "/group is writable by group or others");
        assert_accepted("sticky/inner/hook");
}

static void test_links_without_an_end(void **state) {
        (void) state;
        make_link("nowhere", "good/dangling");
        make_link("loop", "good/loop");

        assert_refused("good/dangling", -ENOENT, "the link's target cannot be opened");
        assert_refused("good/loop", -ELOOP, "it cannot be opened");
}

static void test_refused_for_an_owner(void **state) {
        (void) state;
        make_hook("good/foreign");
        give_away("good/foreign");
        make_dir("theirs", 0755);
        make_hook("theirs/hook");
        give_away("theirs");
        make_dir("sticky", 01777);
        make_link("../good", "sticky/link");
        make_hook("good/hook");
        give_away("sticky/link");

        assert_refused("good/foreign", -EPERM, "owned by neither root nor the runner's user");
        assert_refused("theirs/hook", -EPERM, "/theirs is owned by neither root nor");
        assert_refused("sticky/link/hook", -EPERM, "/sticky is writable by group or others");
}

static void test_any_owner_will_do_for_a_first_look(void **state) {
        CLEANUP(freep) char *path = in_root("good/foreign");
        char *why = NULL;

        (void) state;
        make_hook("good/foreign");
        give_away("good/foreign");
        assert_int_equal(hook_file_check(path, true, &why), 0);
        assert_null(why);
}

static void assert_error(const char *path, int error) {
        CLEANUP(freep) char *why = NULL;

        assert_int_equal(hook_file_check(path, false, &why), error);
        assert_non_null(why);
}

static void test_paths(void **state) {
        char *why = NULL;

        (void) state;
        assert_int_equal(hook_file_check("/usr/bin/env", false, &why), 0);
        assert_error("hook", -EINVAL);
        assert_error("/usr/", -ENOEXEC);
        assert_error("/", -ENOEXEC);
        assert_error("/no/such/hook", -ENOENT);
}

static void assert_explained(const char *text, int error, const char *expected) {
        CLEANUP(freep) char *path = in_root("hook");
        CLEANUP(freep) char *why = NULL;

        make_file("hook", text, 0755);
        why = hook_file_explain(path, error);
        assert_non_null(why);
        if (!strstr(why, expected))
                fail_msg("%s: %s, not %s", text, why, expected);
        assert_int_equal(unlink(path), 0);
}

static void test_why_it_did_not_run(void **state) {
        (void) state;
        assert_explained("#!/no/such/sh\n", ENOENT, "interpreter /no/such/sh does not exist");
        assert_explained("#! /no/such/sh -e\n", ENOENT, "interpreter /no/such/sh does not exist");
        assert_explained("#!/etc/passwd\n", EACCES, "interpreter /etc/passwd cannot be executed");
        assert_explained("#!/bin/sh\r\necho\r\n", ENOENT, "carriage return");
        assert_explained("#!\necho\n", ENOEXEC, "has no interpreter");
        assert_explained("echo hello\n", ENOEXEC, "a line such as #!/bin/sh");
        assert_explained("\xEF\xBB\xBF#!/bin/sh\n", ENOEXEC, "byte order mark");
        assert_explained("\177ELFx", ENOEXEC, "not a program for this machine");
        assert_explained("\177ELFx", ENOENT, "loader");
        assert_explained("#!/bin/sh\n", E2BIG, strerror(E2BIG));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What keeps it from being executed, where the error alone does not say it. */
static void test_explained_by_what_it_is(void **state) {
        char directory[DIRECTORY_MAX];
        CLEANUP(freep) char *path = NULL, *denied = NULL, *nothing = NULL, *other = NULL;

        (void) state;
        directory_make(directory);
        path = str_printf("%s/hook", directory);
        assert_int_equal(replace_file(path, "#!/bin/sh\n", 10, 0600), 0);
        denied = hook_file_explain(path, EACCES);
        assert_non_null(strstr(denied, ", which runs the hooks, may not execute it"));
        nothing = hook_file_explain(directory, ENOEXEC);
        assert_non_null(strstr(nothing, "it is neither a program nor a script"));
        other = hook_file_explain(path, ENOMEM);
        assert_string_equal(other, "it cannot be executed: Cannot allocate memory");
        directory_remove(directory);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                TEST(test_accepted),
                TEST(test_refused_for_its_mode),
                TEST(test_refused_for_its_mount),
                TEST(test_no_hook_at_all),
                TEST(test_refused_for_its_directory),
                TEST(test_refused_for_what_leads_to_it),
                TEST(test_links_without_an_end),
                TEST(test_paths),
                TEST(test_why_it_did_not_run),
                /* The last ones: for root alone. */
                TEST(test_refused_for_an_owner),
                TEST(test_any_owner_will_do_for_a_first_look),
                TEST(test_explained_by_what_it_is),
        };
        size_t count = ARRAY_LEN(tests);

        /* To leave them out is all there is: meson takes a test that cmocka skips for a failed
         * one. */
        if (geteuid() != 0)
                count -= 2;
        return _cmocka_run_group_tests("hook files", tests, count, NULL, NULL);
}
