/* When a file that has changed may be read: two looks, a rename, or at first its age. */
#include <errno.h>

#include "koowatchd/account/settling.h"
#include "unit/support.h"

#define NOW (1000 * USEC_SEC)
#define WALL (1747708152 * USEC_SEC)
#define SETTLED (500 * USEC_MSEC)

struct fixture {
        struct settling settling;
        struct file_state file;
        usec_t now, wall;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->now = NOW;
        f->wall = WALL;
        f->file = (struct file_state){.device = 1, .inode = 2, .size = 3};
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        free(*state);
        return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void pass(struct fixture *f, usec_t span) {
        f->now += span;
        f->wall += span;
}

static void written_at(struct fixture *f, usec_t wall) {
        f->file.modified = (struct timespec){wall / USEC_SEC, wall % USEC_SEC * 1000};
        f->file.changed = f->file.modified;
        f->file.size++;
}

static usec_t look(struct fixture *f) {
        return settling_look(&f->settling, &f->file, false, f->now, f->wall);
}

static void assert_settles_in(struct fixture *f, usec_t span) {
        assert_int_equal(look(f), f->now + span);
}

/* It may be read, and is not wanted any more then. */
static void assert_is_read(struct fixture *f) {
        assert_true(look(f) <= f->now);
        settling_read(&f->settling, &f->file, f->now, f->wall);
        assert_int_equal(look(f), USEC_INFINITY);
}

static void test_first_by_age(void **state) {
        struct fixture *f = *state;

        written_at(f, WALL - SETTLED + 1);
        assert_settles_in(f, SETTLED);
        pass(f, 1);
        assert_is_read(f);
}

static void test_first_without_a_file(void **state) {
        struct fixture *f = *state;

        f->file = (struct file_state){.error = ENOENT};
        assert_is_read(f);
}

static void test_first_is_whole(void **state) {
        struct fixture *f = *state;

        written_at(f, WALL);
        assert_int_equal(settling_look(&f->settling, &f->file, true, f->now, f->wall), f->now);
        settling_read(&f->settling, &f->file, f->now, f->wall);
        written_at(f, WALL - USEC_MINUTE);
        assert_int_equal(settling_look(&f->settling, &f->file, true, f->now, f->wall),
                         f->now + SETTLED);
}

/* A clock that stands, goes back or is behind the file's keeps nobody waiting. */
static void test_strange_clocks(void **state) {
        static const usec_t ahead[] = {0, USEC_SEC, USEC_DAY};

        for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
                struct fixture *f = *state;

                f->settling = (struct settling){};
                f->wall = WALL;
                written_at(f, WALL + ahead[i]);
                assert_settles_in(f, SETTLED);
                f->now += SETTLED - 1;
                f->wall -= USEC_HOUR;
                assert_settles_in(f, 1);
                f->now++;
                assert_true(look(f) <= f->now);
        }
}

/* Two looks that find the same: no time of the file's is believed, it may be another clock's. */
static void test_later_by_two_looks(void **state) {
        struct fixture *f = *state;

        written_at(f, WALL - USEC_HOUR);
        assert_is_read(f);
        written_at(f, WALL - USEC_MINUTE);
        assert_settles_in(f, SETTLED);
        pass(f, SETTLED - 1);
        assert_settles_in(f, 1);
        pass(f, 1);
        assert_is_read(f);
}

static void test_whatever_differs_starts_anew(void **state) {
        struct fixture *f = *state;

        written_at(f, WALL - USEC_HOUR);
        assert_is_read(f);
        for (int i = 0; i < 6; i++) {
                f->file.device += i == 0;
                f->file.inode += i == 1;
                f->file.size += i == 2;
                f->file.modified.tv_nsec += i == 3;
                f->file.changed.tv_nsec += i == 4;
                f->file.error = i == 5 ? ENOENT : 0;
                assert_settles_in(f, SETTLED);
                pass(f, SETTLED - 1);
        }
        f->file.error = 0;
        assert_settles_in(f, SETTLED);
        pass(f, SETTLED);
        assert_is_read(f);
}

/* What comes back before it was read is what is known. */
static void test_back_to_what_was_read(void **state) {
        struct fixture *f = *state;
        struct file_state before;

        written_at(f, WALL - USEC_HOUR);
        assert_is_read(f);
        before = f->file;
        f->file = (struct file_state){.error = ENOENT};
        assert_settles_in(f, SETTLED);
        f->file = before;
        assert_int_equal(look(f), USEC_INFINITY);
}

static void test_renamed(void **state) {
        struct fixture *f = *state;

        written_at(f, WALL - USEC_HOUR);
        assert_is_read(f);
        written_at(f, WALL);
        settling_renamed(&f->settling, &f->file);
        assert_true(look(f) <= f->now);
        written_at(f, WALL + 1); /* and written to before it was read */
        assert_settles_in(f, SETTLED);
}

/* A write within the same tick of a coarse clock leaves the times as they were. */
static void test_read_while_young(void **state) {
        struct fixture *f = *state;

        written_at(f, WALL);
        settling_renamed(&f->settling, &f->file);
        assert_is_read(f);
        pass(f, 2 * USEC_SEC - 1);
        assert_int_equal(look(f), USEC_INFINITY);
        pass(f, 1);
        assert_is_read(f);
        pass(f, USEC_DAY);
        assert_int_equal(look(f), USEC_INFINITY);
}

static void test_passing_error(void **state) {
        struct fixture *f = *state;

        f->file = (struct file_state){.error = EIO};
        for (int i = 0; i < 3; i++) {
                assert_true(look(f) <= f->now);
                settling_read(&f->settling, &f->file, f->now, f->wall);
                pass(f, USEC_SEC);
        }
}

/* A sidecar that touches it, or a file system on which it is always new. */
static void test_one_that_does_not_rest(void **state) {
        struct fixture *f = *state;

        for (int i = 0; i < 100; i++) {
                written_at(f, f->wall);
                assert_true(look(f) > f->now);
                pass(f, 100 * USEC_MSEC);
        }
        written_at(f, f->wall);
        assert_true(look(f) <= f->now);
        settling_read(&f->settling, &f->file, f->now, f->wall);
        written_at(f, f->wall + 1);
        assert_settles_in(f, SETTLED); /* and so on */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_first_by_age),           TEST(test_first_without_a_file),
                TEST(test_first_is_whole),         TEST(test_strange_clocks),
                TEST(test_later_by_two_looks),     TEST(test_whatever_differs_starts_anew),
                TEST(test_back_to_what_was_read),  TEST(test_renamed),
                TEST(test_read_while_young),       TEST(test_passing_error),
                TEST(test_one_that_does_not_rest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
