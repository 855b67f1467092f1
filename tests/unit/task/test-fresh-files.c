/* Fresh files: which are waited for, for how long, and what is told of them. */
#include <fcntl.h>
#include <sys/stat.h>

#include "koowatchd/task/fresh-files.h"
#include "unit/fake-time.h"
#include "unit/support.h"

#define MSEC USEC_MSEC

struct fixture {
        char top[DIRECTORY_MAX];
        struct timers *timers;
        struct fresh_files fresh;
        char told[4096]; /* "NAME " for each that rests */
};

static void on_rest(void *userdata, const char *path) {
        struct fixture *f = userdata;
        size_t n = strlen(f->told);

        assert_true(n + strlen(path) < sizeof(f->told));
        (void) snprintf(f->told + n, sizeof(f->told) - n, "%s ", strrchr(path, '/') + 1);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        time_reset();
        directory_make(f->top);
        assert_int_equal(timers_new(NULL, &f->timers), 0);
        assert_int_equal(fresh_open(&f->fresh, f->timers, on_rest, f), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        fresh_close(&f->fresh);
        assert_int_equal(time_next(f->timers), USEC_INFINITY);
        timers_free(f->timers);
        directory_remove(f->top);
        free(f);
        return 0;
}

static const char *path_of(const struct fixture *f, const char *name) {
        static char path[DIRECTORY_MAX + 64];

        (void) snprintf(path, sizeof(path), "%s/%s", f->top, name);
        return path;
}

/* Whatever was written before: the file is another one. */
static void write_file(const struct fixture *f, const char *name, size_t size) {
        CLEANUP(closep) int fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, (off_t) size), 0);
}

static bool wait_for(struct fixture *f, const char *name) {
        struct stat st = {};

        assert_int_equal(stat(path_of(f, name), &st), 0);
        return fresh_wait(&f->fresh, path_of(f, name), &st);
}

#define assert_told(f, expected)                          \
        do {                                              \
                assert_string_equal((f)->told, expected); \
                (f)->told[0] = '\0';                      \
        } while (0)

static void test_one_that_rests(void **state) {
        struct fixture *f = *state;

        write_file(f, "one", 1);
        assert_true(wait_for(f, "one"));
        time_pass(f->timers, FRESH_TIME - 1);
        assert_told(f, "");
        time_pass(f->timers, 1);
        assert_told(f, "one ");
        time_pass(f->timers, USEC_HOUR);
        assert_told(f, "");
}

/* In the order in which they are due, and one that is seen again has its second once more. */
static void test_several(void **state) {
        static const char *const names[] = {"b", "c", "a"};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                write_file(f, names[i], 1);
                assert_true(wait_for(f, names[i]));
                time_pass(f->timers, 100 * MSEC);
        }
        assert_true(wait_for(f, "b"));
        time_pass(f->timers, 799 * MSEC);
        assert_told(f, "");
        time_pass(f->timers, MSEC);
        assert_told(f, "c ");
        time_pass(f->timers, 100 * MSEC);
        assert_told(f, "a ");
        time_pass(f->timers, 99 * MSEC);
        assert_told(f, "");
        time_pass(f->timers, MSEC);
        assert_told(f, "b ");
}

/* It has changed at each look, nine times; at the tenth it is taken as it is. */
static void test_one_that_does_not_rest(void **state) {
        struct fixture *f = *state;

        write_file(f, "one", 1);
        assert_true(wait_for(f, "one"));
        for (size_t i = 1; i < FRESH_TRIES; i++) {
                write_file(f, "one", 1 + i);
                time_pass(f->timers, FRESH_TIME);
                assert_told(f, "");
        }
        write_file(f, "one", 1 + FRESH_TRIES);
        time_pass(f->timers, FRESH_TIME);
        assert_told(f, "one ");
}

static void test_one_that_goes(void **state) {
        struct fixture *f = *state;

        write_file(f, "one", 1);
        assert_true(wait_for(f, "one"));
        assert_int_equal(unlink(path_of(f, "one")), 0);
        time_pass(f->timers, USEC_MINUTE);
        assert_told(f, "");
        assert_int_equal(f->fresh.count, 0);
}

/* Its writer's end is an event; without one it is forgotten after ten minutes. */
static void test_one_that_is_written(void **state) {
        struct fixture *f = *state;

        write_file(f, "one", 1);
        fresh_write(&f->fresh, path_of(f, "one"));
        assert_true(fresh_is_written(&f->fresh, path_of(f, "one")));
        assert_false(fresh_is_written(&f->fresh, path_of(f, "two")));
        time_pass(f->timers, FRESH_WRITTEN_MAX - 1);
        fresh_write(&f->fresh, path_of(f, "one")); /* no second time */
        assert_true(fresh_is_written(&f->fresh, path_of(f, "one")));
        time_pass(f->timers, 1);
        assert_false(fresh_is_written(&f->fresh, path_of(f, "one")));
        assert_told(f, "");

        fresh_write(&f->fresh, path_of(f, "one"));
        fresh_end(&f->fresh, path_of(f, "one"));
        assert_false(fresh_is_written(&f->fresh, path_of(f, "one")));
        assert_int_equal(time_next(f->timers), USEC_INFINITY);

        assert_true(wait_for(f, "one")); /* it is written while it is waited for */
        assert_false(fresh_is_written(&f->fresh, path_of(f, "one")));
        fresh_write(&f->fresh, path_of(f, "one"));
        assert_int_equal(f->fresh.count, 1);
        time_pass(f->timers, USEC_MINUTE);
        assert_told(f, "");
}

/* Those of that directory alone, which are waited for from now on. */
static void test_lost_events(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *inner = str_printf("%s/inner", f->top);
        CLEANUP(freep) char *beside = str_printf("%s/inner2", f->top);

        assert_int_equal(mkdir(inner, 0700), 0);
        assert_int_equal(mkdir(beside, 0700), 0);
        write_file(f, "inner/one", 1);
        write_file(f, "inner/two", 1);
        write_file(f, "inner/three", 1);
        write_file(f, "inner2/other", 1);
        write_file(f, "above", 1);
        fresh_write(&f->fresh, path_of(f, "above"));
        fresh_write(&f->fresh, path_of(f, "inner/one"));
        fresh_write(&f->fresh, path_of(f, "inner2/other"));
        fresh_write(&f->fresh, path_of(f, "inner/two"));
        assert_true(wait_for(f, "inner/three"));
        time_pass(f->timers, FRESH_TIME / 2);
        fresh_lose_events(&f->fresh, inner);
        assert_true(fresh_is_written(&f->fresh, path_of(f, "above")));
        assert_true(fresh_is_written(&f->fresh, path_of(f, "inner2/other")));
        assert_false(fresh_is_written(&f->fresh, path_of(f, "inner/one")));
        assert_false(fresh_is_written(&f->fresh, path_of(f, "inner/two")));
        time_pass(f->timers, FRESH_TIME / 2);
        assert_told(f, "three ");
        /* At the first look nothing is known of them to compare with. */
        time_pass(f->timers, FRESH_TIME / 2);
        assert_told(f, "");
        time_pass(f->timers, FRESH_TIME);
        assert_true(streq(f->told, "one two ") || streq(f->told, "two one "));
        assert_int_equal(f->fresh.count, 2);
}

static void test_too_many(void **state) {
        struct fixture *f = *state;
        char name[16];

        for (int i = 0; i <= FRESH_MAX; i++) {
                (void) snprintf(name, sizeof(name), "%d", i);
                write_file(f, name, 1);
                assert_int_equal(wait_for(f, name), i < FRESH_MAX);
        }
        assert_true(wait_for(f, "7")); /* one of them, again */
        assert_false(wait_for(f, name));
        time_pass(f->timers, FRESH_TIME);
        assert_int_equal(f->fresh.count, 0);
        assert_true(wait_for(f, name));
}

static void test_without_time(void **state) {
        struct fixture *f = *state;
        struct fresh_files none = {};
        struct stat st = {};

        assert_int_equal(fresh_open(&none, NULL, on_rest, f), 0);
        assert_false(fresh_wait(&none, "/a", &st));
        fresh_write(&none, "/a");
        assert_false(fresh_is_written(&none, "/a"));
        fresh_end(&none, "/a");
        fresh_close(&none);
}

static void test_judgement(void **state) {
        static const struct {
                struct stat st;
                enum fresh_state expected;
        } cases[] = {
                {{.st_mode = S_IFREG, .st_nlink = 1}, FRESH_WRITTEN},
                {{.st_mode = S_IFREG, .st_nlink = 2}, FRESH_WHOLE},
                {{.st_mode = S_IFLNK, .st_nlink = 1}, FRESH_WHOLE},
                {{.st_mode = S_IFREG, .st_nlink = 1, .st_size = 1}, FRESH_WAIT},
                {{.st_mode = S_IFREG, .st_nlink = 1, .st_size = 1, .st_ctim = {0, 1}}, FRESH_WHOLE},
                {{.st_mode = S_IFREG, .st_nlink = 1, .st_size = 1, .st_mtim = {0, 1}}, FRESH_WAIT},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (fresh_judge(&cases[i].st) != cases[i].expected)
                        fail_msg("row %zu", i);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_one_that_rests),
                TEST(test_several),
                TEST(test_one_that_does_not_rest),
                TEST(test_one_that_goes),
                TEST(test_one_that_is_written),
                TEST(test_lost_events),
                TEST(test_too_many),
                TEST(test_without_time),
                cmocka_unit_test(test_judgement),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
