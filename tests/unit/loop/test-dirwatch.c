/* Directories that appear, go and are replaced, in one of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/log.h"
#include "koowatchd/loop/dirwatch.h"
#include "unit/capture.h"
#include "unit/loop-until.h"

struct fixture {
        char top[DIRECTORY_MAX];
        struct ev_loop *loop;
        struct dirwatch *watch;
};

/* What a directory has told. */
struct told {
        unsigned names, all; /* all: "read it all again" */
        char last[32];       /* name */
        uint32_t mask;       /* of that */
};

/* ---- the kernel's, which may be short of something ---- */

static bool no_instances, no_watches;

int inotify_init1(int flags) {
        if (no_instances) {
                errno = EMFILE;
                return -1;
        }
        return (int) syscall(SYS_inotify_init1, flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask) {
        if (no_watches) {
                errno = ENOSPC;
                return -1;
        }
        return (int) syscall(SYS_inotify_add_watch, fd, path, mask);
}

static void on_change(void *userdata, const char *name, uint32_t mask) {
        struct told *t = userdata;

        if (!name) {
                t->all++;
                return;
        }
        t->names++;
        t->mask = mask;
        (void) snprintf(t->last, sizeof(t->last), "%s", name);
}

static char *path_of(const struct fixture *f, const char *name) {
        char *path = str_printf("%s/%s", f->top, name);

        assert_non_null(path);
        return path;
}

static void make(const struct fixture *f, const char *name) {
        CLEANUP(freep) char *path = path_of(f, name);

        assert_int_equal(make_directories(path, 0755), 0);
}

static void put(const struct fixture *f, const char *name) {
        CLEANUP(freep) char *path = path_of(f, name);
        CLEANUP(closep) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
}

static void move(const struct fixture *f, const char *from, const char *to) {
        CLEANUP(freep) char *old = path_of(f, from);
        CLEANUP(freep) char *new = path_of(f, to);

        assert_int_equal(rename(old, new), 0);
}

static void delete (const struct fixture *f, const char *name) {
        CLEANUP(freep) char *path = path_of(f, name);

        assert_int_equal(remove(path), 0);
}

static struct dirwatch_dir *watch(const struct fixture *f, const char *name, struct told *told) {
        CLEANUP(freep) char *path = path_of(f, name);
        struct dirwatch_dir *dir;

        *told = (struct told){};
        assert_int_equal(dirwatch_add(f->watch, path, 0, on_change, told, &dir), 0);
        return dir;
}

/* A file in the directory is told of, by its name: it is watched. */
static void expect_watched(struct fixture *f, const char *directory, struct told *told) {
        CLEANUP(freep) char *name = str_printf("%s/probe", directory);

        loop_turn(f->loop);
        *told = (struct told){};
        put(f, name);
        LOOP_UNTIL(f->loop, told->names > 0);
        loop_turn(f->loop);
        assert_string_equal(told->last, "probe");
        assert_int_equal(told->all, 0);
        delete (f, name);
        loop_turn(f->loop);
        *told = (struct told){};
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->top);
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        assert_int_equal(dirwatch_new(f->loop, &f->watch), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        dirwatch_free(f->watch);
        ev_loop_destroy(f->loop);
        directory_remove(f->top);
        free(f);
        return 0;
}

static void test_what_happens_to_an_entry(void **state) {
        struct fixture *f = *state;
        struct told told;

        make(f, "d");
        (void) watch(f, "d", &told);
        loop_turn(f->loop);
        assert_int_equal(told.names + told.all, 0); /* nothing has changed yet */

        put(f, "d/.new");
        LOOP_UNTIL(f->loop, told.names >= 2);
        assert_string_equal(told.last, ".new");
        assert_true(told.mask & IN_CLOSE_WRITE);
        move(f, "d/.new", "d/a.task");
        LOOP_UNTIL(f->loop, streq(told.last, "a.task"));
        assert_true(told.mask & IN_MOVED_TO);
        delete (f, "d/a.task");
        LOOP_UNTIL(f->loop, told.mask & IN_DELETE);
        assert_string_equal(told.last, "a.task");
        make(f, "d/sub");
        LOOP_UNTIL(f->loop, told.mask & IN_ISDIR);
        assert_string_equal(told.last, "sub");
        assert_int_equal(told.all, 0);
}

/* Its mode, say: whether it can be read may have changed. */
static void test_what_happens_to_the_directory_itself(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = path_of(f, "d");
        struct told told;

        make(f, "d");
        (void) watch(f, "d", &told);
        assert_int_equal(chmod(path, 0700), 0);
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "d", &told);
}

static void test_one_that_appears(void **state) {
        struct fixture *f = *state;
        struct told told;

        (void) watch(f, "d", &told);
        put(f, "other"); /* beside it: no news */
        loop_turn(f->loop);
        assert_int_equal(told.names + told.all, 0);
        make(f, "d");
        LOOP_UNTIL(f->loop, told.all > 0);
        assert_int_equal(told.names, 0);
        expect_watched(f, "d", &told);
}

static void test_one_whose_ancestors_appear_one_by_one(void **state) {
        static const char *const levels[] = {"a", "a/b", "a/b/c"};
        struct fixture *f = *state;
        struct told told;

        (void) watch(f, "a/b/c/d", &told);
        for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
                make(f, levels[i]);
                loop_turn(f->loop);
                assert_int_equal(told.all + told.names, 0);
        }
        make(f, "a/b/c/d");
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "a/b/c/d", &told);
}

static void test_one_whose_ancestors_appear_at_once(void **state) {
        struct fixture *f = *state;
        struct told told;

        (void) watch(f, "a/b/c/d", &told);
        make(f, "a/b/c/d");
        put(f, "a/b/c/d/early"); /* before anybody looks */
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "a/b/c/d", &told);
}

static void test_one_that_is_moved_into_place_with_its_parents(void **state) {
        struct fixture *f = *state;
        struct told told;

        make(f, "made/b/d");
        (void) watch(f, "a/b/d", &told);
        move(f, "made", "a");
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "a/b/d", &told);
}

static void test_one_that_goes_and_comes_back(void **state) {
        struct fixture *f = *state;
        struct told told;

        make(f, "a/d");
        (void) watch(f, "a/d", &told);
        delete (f, "a/d");
        LOOP_UNTIL(f->loop, told.all > 0);
        told = (struct told){};
        delete (f, "a");
        loop_turn(f->loop);
        assert_int_equal(told.all + told.names, 0); /* it was gone before */
        make(f, "a/d");
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "a/d", &told);
}

static void test_one_that_is_replaced(void **state) {
        struct fixture *f = *state;
        struct told told;

        make(f, "d");
        make(f, "new");
        (void) watch(f, "d", &told);
        move(f, "d", "old");
        move(f, "new", "d");
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "d", &told);
        put(f, "old/x"); /* is of no interest any more */
        loop_turn(f->loop);
        assert_int_equal(told.names + told.all, 0);
}

static void test_a_file_in_its_place(void **state) {
        struct fixture *f = *state;
        struct told told;

        put(f, "d");
        (void) watch(f, "d", &told);
        loop_turn(f->loop);
        assert_int_equal(told.names + told.all, 0);
        delete (f, "d");
        make(f, "d");
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "d", &told);
}

static void test_a_file_in_place_of_its_parent(void **state) {
        struct fixture *f = *state;
        struct told told;

        put(f, "a");
        (void) watch(f, "a/d", &told);
        delete (f, "a");
        make(f, "a/d");
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "a/d", &told);
}

static void test_through_a_symbolic_link(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *link = path_of(f, "link");
        struct told told;

        make(f, "one");
        make(f, "two");
        assert_int_equal(symlink("one", link), 0);
        (void) watch(f, "link", &told);
        expect_watched(f, "one", &told);
        assert_int_equal(unlink(link), 0);
        assert_int_equal(symlink("two", link), 0);
        dirwatch_refresh(f->watch); /* no event tells of it */
        expect_watched(f, "two", &told);
        put(f, "one/x");
        loop_turn(f->loop);
        assert_int_equal(told.names + told.all, 0);
}

static void test_an_ancestor_is_renamed(void **state) {
        struct fixture *f = *state;
        struct told told;

        make(f, "a/b/d");
        (void) watch(f, "a/b/d", &told);
        move(f, "a", "z");
        make(f, "a/b/d");
        dirwatch_refresh(f->watch);
        expect_watched(f, "a/b/d", &told);
}

/* They share a descriptor of the kernel's, and each is told of its own. */
static void test_two_for_the_same_directory(void **state) {
        struct fixture *f = *state;
        struct told one, two, below;
        struct dirwatch_dir *first;

        make(f, "d");
        first = watch(f, "d", &one);
        (void) watch(f, "d", &two);
        (void) watch(f, "d/below", &below); /* waited for in d */
        put(f, "d/x");
        LOOP_UNTIL(f->loop, one.names > 0 && two.names > 0);
        assert_int_equal(below.names + below.all, 0);
        dirwatch_remove(f->watch, first);
        one = (struct told){};
        expect_watched(f, "d", &two);
        assert_int_equal(one.names + one.all, 0);
        make(f, "d/below");
        LOOP_UNTIL(f->loop, below.all > 0);
        expect_watched(f, "d/below", &below);
}

static void test_removed_ones_tell_nothing(void **state) {
        struct fixture *f = *state;
        struct dirwatch_dir *dir;
        struct told told;

        make(f, "d");
        dir = watch(f, "d", &told);
        put(f, "d/x"); /* the event is in the queue */
        dirwatch_remove(f->watch, dir);
        dirwatch_remove(f->watch, NULL);
        loop_turn(f->loop);
        assert_int_equal(told.names + told.all, 0);
}

/* A path that is longer than any, of which the log has been told; it is nobody's error. */
static void test_a_path_that_cannot_be(void **state) {
        struct fixture *f = *state;
        char path[5000];
        struct dirwatch_dir *dir;
        struct told told = {}, other;

        memset(path, 'a', sizeof(path) - 1);
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(dirwatch_add(f->watch, path, 0, on_change, &told, &dir), 0);
        dirwatch_refresh(f->watch);
        make(f, "d");
        (void) watch(f, "d", &other);
        expect_watched(f, "d", &other);
        assert_int_equal(told.names + told.all, 0);
}

/* More events than the kernel keeps: all is to be read again, and it is watched on. */
static void test_lost_events(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *limit = NULL;
        struct told told;
        size_t length;
        long most = 0;

        if (read_path("/proc/sys/fs/inotify/max_queued_events", 32, &limit, &length) == 0)
                most = strtol(limit, NULL, 10);
        if (most <= 0 || most > 100000)
                skip();
        make(f, "d");
        put(f, "d/a");
        (void) watch(f, "d", &told);
        for (long i = 0; i <= most / 2; i++) { /* two different ones: the same again is merged */
                move(f, "d/a", "d/b");
                move(f, "d/b", "d/a");
        }
        LOOP_UNTIL(f->loop, told.all > 0);
        expect_watched(f, "d", &told);
}

/* How many lines the log gets while two directories are watched; until then, nothing happens. */
static unsigned watch_two(const struct fixture *f, struct told told[2]) {
        CLEANUP(freep) char *log = NULL;
        unsigned lines = 0;
        struct capture capture;

        make(f, "d");
        make(f, "e");
        log_set_level(LEVEL_WARNING);
        capture_begin(&capture);
        (void) watch(f, "d", &told[0]);
        (void) watch(f, "e", &told[1]);
        dirwatch_refresh(f->watch);
        log = capture_end(&capture);
        log_set_level(LEVEL_ERROR);
        for (const char *at = log; (at = strchr(at, '\n')); at++)
                lines++;
        put(f, "d/a");
        loop_turn(f->loop);
        assert_int_equal(told[0].names + told[0].all, 0);
        return lines;
}

static void expect_both_watched(struct fixture *f, struct told told[2]) {
        dirwatch_refresh(f->watch);
        expect_watched(f, "d", &told[0]);
        expect_watched(f, "e", &told[1]);
}

static void test_too_few_watches(void **state) {
        struct fixture *f = *state;
        struct told told[2];

        no_watches = true;
        assert_int_equal(watch_two(f, told), 1);
        no_watches = false;
        expect_both_watched(f, told);
}

static void test_too_few_instances(void **state) {
        struct fixture *f = *state;
        struct told told[2];

        dirwatch_free(STEAL_PTR(f->watch));
        no_instances = true;
        assert_int_equal(dirwatch_new(f->loop, &f->watch), 0);
        assert_int_equal(watch_two(f, told), 0); /* the warning came before */
        no_instances = false;
        expect_both_watched(f, told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_what_happens_to_an_entry),
                TEST(test_what_happens_to_the_directory_itself),
                TEST(test_one_that_appears),
                TEST(test_one_whose_ancestors_appear_one_by_one),
                TEST(test_one_whose_ancestors_appear_at_once),
                TEST(test_one_that_is_moved_into_place_with_its_parents),
                TEST(test_one_that_goes_and_comes_back),
                TEST(test_one_that_is_replaced),
                TEST(test_a_file_in_its_place),
                TEST(test_a_file_in_place_of_its_parent),
                TEST(test_through_a_symbolic_link),
                TEST(test_an_ancestor_is_renamed),
                TEST(test_two_for_the_same_directory),
                TEST(test_removed_ones_tell_nothing),
                TEST(test_a_path_that_cannot_be),
                TEST(test_lost_events),
                TEST(test_too_few_watches),
                TEST(test_too_few_instances),
        };

        log_set_level(LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
