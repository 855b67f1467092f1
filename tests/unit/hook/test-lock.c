/* The lock of an event, in a directory of the test's own. */
#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "koowatch-hook/lock.h"
#include "unit/hook/hook-support.h"

static char top[DIRECTORY_MAX], directory[DIRECTORY_MAX + 8], file[DIRECTORY_MAX + 24];

static int set_up(void **state) {
        (void) state;
        directory_make(top);
        (void) snprintf(directory, sizeof(directory), "%s/locks", top);
        (void) snprintf(file, sizeof(file), "%s/id-1.lock", directory);
        return setenv("RUNTIME_DIRECTORY", directory, 1);
}

static int tear_down(void **state) {
        (void) state;
        directory_remove(top);
        return 0;
}

static int take(struct lock *lock) {
        const char *why = NULL;

        return lock_take("id-1", lock, &why);
}

static void test_one_holder_at_a_time(void **state) {
        struct lock one = LOCK_NULL, two = LOCK_NULL, other = LOCK_NULL;
        const char *why;
        struct stat st;

        (void) state;
        assert_int_equal(take(&one), 0); /* the directory is made */
        assert_int_equal(stat(directory, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(take(&two), -EBUSY);
        assert_null(two.name);
        assert_int_equal(lock_take("id-2", &other, &why), 0); /* another event's */

        lock_release(&one);
        assert_int_equal(access(file, F_OK), -1);
        assert_int_equal(take(&two), 0);
        lock_release(&two);
        lock_release(&other);
        lock_release(&other); /* is left alone */
}

static void test_a_file_that_was_left_behind(void **state) {
        struct lock lock = LOCK_NULL;
        int fd;

        (void) state;
        assert_int_equal(mkdir(directory, 0700), 0);
        fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void) close(fd);
        assert_int_equal(take(&lock), 0);
        lock_release(&lock);
}

/* It was opened before its holder removed it: to lock that one is to lock nothing. */
static void test_a_file_without_a_name_is_no_lock(void **state) {
        struct lock one = LOCK_NULL, two = LOCK_NULL;
        CLEANUP(closep) int late = -1;

        (void) state;
        assert_int_equal(take(&one), 0);
        late = open(file, O_RDWR | O_CLOEXEC);
        assert_true(late >= 0);
        lock_release(&one);
        assert_int_equal(flock(late, LOCK_EX | LOCK_NB), 0);
        assert_int_equal(take(&two), 0);
        lock_release(&two);
}

static void test_directories_that_are_not_used(void **state) {
        struct lock lock = LOCK_NULL;
        const char *why = NULL;

        (void) state;
        assert_int_equal(symlink(top, directory), 0);
        assert_true(take(&lock) < 0);
        assert_int_equal(unlink(directory), 0);

        assert_int_equal(mkdir(directory, 0700), 0);
        assert_int_equal(chmod(directory, 0770), 0);
        assert_int_equal(lock_take("id-1", &lock, &why), -EPERM);
        assert_non_null(strstr(why, "not writable by others"));
        assert_int_equal(chmod(directory, 0755), 0);
        assert_int_equal(take(&lock), 0);
        lock_release(&lock);

        if (geteuid() == 0) {
                assert_int_equal(chown(directory, 4242, 4242), 0);
                assert_int_equal(take(&lock), -EPERM);
        }
        assert_null(lock.name);
}

static void test_the_first_of_several_directories(void **state) {
        CLEANUP(freep) char *list = str_printf("%s:/nonexistent", directory);
        struct lock lock = LOCK_NULL;

        (void) state;
        assert_int_equal(setenv("RUNTIME_DIRECTORY", list, 1), 0);
        assert_int_equal(take(&lock), 0);
        assert_int_equal(access(file, F_OK), 0);
        lock_release(&lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_one_holder_at_a_time),
                TEST(test_a_file_that_was_left_behind),
                TEST(test_a_file_without_a_name_is_no_lock),
                TEST(test_directories_that_are_not_used),
                TEST(test_the_first_of_several_directories),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
