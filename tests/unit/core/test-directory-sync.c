/* A directory is synced before the store forgets a task whose file has gone from it. */
#include <errno.h>

#include "common/log.h"
#include "unit/capture.h"
#include "unit/core-fixture.h"

#define SEC USEC_SEC

static char synced[1024]; /* "low " for each directory, "low! " if t1 was forgotten already */
static int sync_error;
static bool t1_was_there; /* its file, in state, at the first sync */
static struct core *of;

static bool is_known(struct core *c, const char *task_id) {
        const struct store_task *row = core_row(c, task_id);

        return row && !row->gone;
}

/* Instead of libc's, in this program. */
int fsync(int fd) {
        CLEANUP(freep) char *link = str_printf("/proc/self/fd/%d", fd);
        char path[256] = "";
        size_t n = strlen(synced);

        assert_non_null(link);
        assert_true(readlink(link, path, sizeof(path) - 1) > 0);
        if (n == 0)
                t1_was_there = core_has(of, "state", "t1");
        (void) snprintf(synced + n, sizeof(synced) - n, "%s%s ", strrchr(path, '/') + 1,
                        is_known(of, "t1") ? "" : "!");
        if (sync_error == 0)
                return 0;
        errno = sync_error;
        return -1;
}

static void assert_synced(const char *expected) {
        assert_string_equal(synced, expected);
        synced[0] = '\0';
}

static int set_up(void **state) {
        struct core *c = core_new();

        of = c;
        sync_error = 0;
        synced[0] = '\0';
        fake_store_set_immediate(c->store, true);
        core_start(c);
        *state = c;
        return 0;
}

static void put(struct core *c, const char *directory, const char *task_id) {
        core_put(c, directory, task_id, task_id);
        core_scan(c);
        core_pass(c, 3 * SEC);
}

/* Its outcome is delivered. */
static void finish(struct core *c, const char *directory, const char *task_id) {
        put(c, directory, task_id);
        core_answer(c, task_id, 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
}

static void remove_file(struct core *c, const char *directory, const char *name) {
        core_remove(c, directory, name);
        core_scan(c);
        core_pass(c, SEC);
}

/* All are in the beginning: what has gone from them while no daemon ran? */
static void sync_all(struct core *c) {
        put(c, "low", "other");
        put(c, "low", "t1");
        remove_file(c, "low", "other");
        assert_synced("high low state ");
}

static void test_a_file_that_an_administrator_removes(void **state) {
        struct core *c = *state;

        sync_all(c);
        finish(c, "low", "t1");
        assert_synced("");
        remove_file(c, "low", "t1");
        assert_synced("low ");
        assert_false(is_known(c, "t1"));
}

static void test_a_finished_file(void **state) {
        struct core *c = *state;

        sync_all(c);
        remove_file(c, "low", "t1");
        assert_synced("low ");
        finish(c, "state", "t1");
        assert_false(core_has(c, "state", "t1"));
        core_scan(c);
        core_pass(c, SEC);
        assert_synced("state ");
        assert_false(is_known(c, "t1"));
}

/* One that a power failure brings back alone would be a registration of its own. */
static void test_the_duplicates_of_a_finished_file(void **state) {
        struct core *c = *state;

        sync_all(c);
        remove_file(c, "low", "t1");
        put(c, "state", "t1");
        core_put(c, "state", "again", "t1");
        core_scan(c);
        core_pass(c, SEC);
        synced[0] = '\0';
        core_answer(c, "t1", 2);
        core_end_run(HOOK_DONE);
        core_turn(c);
        assert_false(core_has(c, "state", "again") || core_has(c, "state", "t1"));
        assert_ptr_equal(strstr(synced, "state "), synced);
        assert_true(t1_was_there);
}

/* The old name, with its old text, is not on disk any more either. */
static void test_a_file_for_another_task(void **state) {
        struct core *c = *state;

        sync_all(c);
        finish(c, "low", "t1");
        core_put(c, "low", "t1", "t2");
        core_scan(c);
        core_pass(c, SEC);
        assert_synced("low ");
        assert_true(is_known(c, "t2"));
}

static void test_once_a_directory_and_batch(void **state) {
        static const char *const names[] = {"a", "b", "c", "d"};
        struct core *c = *state;

        sync_all(c);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                put(c, i % 2 ? "high" : "low", names[i]);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                core_remove(c, i % 2 ? "high" : "low", names[i]);
        core_scan(c);
        core_pass(c, SEC);
        assert_synced("high low ");
}

static void test_what_went_while_no_daemon_ran(void **state) {
        struct core *c = *state;

        finish(c, "low", "t1");
        core_stop(c);
        core_remove(c, "low", "t1");
        core_start(c);
        core_pass(c, SEC);
        assert_synced("high low state ");
        assert_false(is_known(c, "t1"));
}

static void test_nothing_is_synced_without_need(void **state) {
        struct core *c = *state;

        put(c, "low", "t1");
        finish(c, "low", "t2");
        core_put(c, "low", "zwei", "t2");
        core_scan(c);
        remove_file(c, "low", "t2"); /* with a successor, the task is known as before */
        assert_synced("");
}

static void test_a_directory_that_has_gone(void **state) {
        struct core *c = *state;
        CLEANUP(freep) char *path = str_printf("%s/low", c->directory);

        sync_all(c);
        core_remove(c, "low", "t1");
        core_scan(c);
        assert_int_equal(rmdir(path), 0);
        core_pass(c, SEC);
        assert_synced("");
        assert_false(is_known(c, "t1"));
}

static unsigned count_of(const char *text, const char *part) {
        unsigned n = 0;

        while ((text = strstr(text, part))) {
                text++;
                n++;
        }
        return n;
}

/* It is done all the same. */
static void test_a_sync_that_fails(void **state) {
        static const struct {
                int error;
                unsigned reports;
        } cases[] = {{EINVAL, 0}, {ENOTSUP, 0}, {EROFS, 0}, {EIO, 1}};
        struct core *c = *state;

        sync_all(c);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = NULL;
                struct capture capture;

                sync_error = cases[i].error;
                capture_begin(&capture);
                log_set_level(LEVEL_ERROR);
                for (int j = 0; j < 2; j++) {
                        put(c, "low", "t1");
                        remove_file(c, "low", "t1");
                }
                log_set_level((enum log_level) 0);
                text = capture_end(&capture);
                assert_synced("low low ");
                assert_false(is_known(c, "t1"));
                assert_int_equal(count_of(text, "low: cannot sync ("), cases[i].reports);
        }
}

static int set_up_node(void **state) {
        struct core *c = core_new_node(NULL, "a");

        of = c;
        sync_error = 0;
        synced[0] = '\0';
        fake_store_set_immediate(c->store, true);
        core_start(c);
        fake_store_begin(c->store);
        *state = c;
        return 0;
}

/* It is that node which forgets the task when the store says that the file has gone. */
static void test_a_file_of_an_account_that_another_node_has(void **state) {
        struct core *c = *state;

        put(c, "low", "t1");
        put(c, "low", "t2");
        assert_synced("high! low! state! ");
        remove_file(c, "low", "t1");
        assert_synced("low! ");
        put(c, "low", "t1");
        assert_synced("");
        core_put(c, "low", "t2", "t3");
        core_scan(c);
        assert_synced("low! ");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, core_tear_down)
                TEST(test_a_file_that_an_administrator_removes),
                TEST(test_a_finished_file),
                TEST(test_the_duplicates_of_a_finished_file),
                TEST(test_a_file_for_another_task),
                TEST(test_once_a_directory_and_batch),
                TEST(test_what_went_while_no_daemon_ran),
                TEST(test_nothing_is_synced_without_need),
                TEST(test_a_directory_that_has_gone),
                TEST(test_a_sync_that_fails),
                cmocka_unit_test_setup_teardown(test_a_file_of_an_account_that_another_node_has,
                                                set_up_node, core_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
