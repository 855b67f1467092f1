/* A database that is damaged: when that is noticed, and where it goes then. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "koowatchd/store/sqlite-damage.h"
#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/store/store-batch.h"
#include "unit/store/sqlite-fixture.h"

#define WALL (1747708152 * USEC_SEC) /* 2025-05-20 02:29:12 UTC */
#define STAMP "20250520T022912Z"
#define PAGE 4096

/* Events of so many bytes in all, of the size that fills a page. */
static void fill(const struct sqlite_fixture *f, unsigned bytes) {
        static char body[PAGE];
        struct store_batch *batch = store_batch_new();
        char id[16];

        assert_non_null(batch);
        memset(body, 'x', sizeof(body) - 1);
        for (unsigned i = 0; i < bytes / PAGE; i++) {
                (void) snprintf(id, sizeof(id), "event%u", i);
                assert_int_equal(store_batch_put_event(batch, id, body, NULL, WALL), 0);
        }
        assert_int_equal(sync_write(&f->sync, batch), 0);
}

/* All pages behind so many, of the database that is closed. */
static void damage(const struct sqlite_fixture *f, unsigned from) {
        static char garbage[PAGE];
        CLEANUP(closep) int fd = open(f->path, O_WRONLY | O_CLOEXEC);
        struct stat st;

        memset(garbage, 0xa5, sizeof(garbage));
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        for (off_t at = (off_t) from * PAGE; at < st.st_size; at += PAGE)
                assert_int_equal(pwrite(fd, garbage, PAGE, at), PAGE);
}

static bool exists(const struct sqlite_fixture *f, const char *suffix) {
        CLEANUP(freep) char *path = str_printf("%s%s", f->path, suffix);

        assert_non_null(path);
        return access(path, F_OK) == 0;
}

static void put(const struct sqlite_fixture *f, const char *suffix) {
        CLEANUP(freep) char *path = str_printf("%s%s", f->path, suffix);
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
}

static void move_aside(const struct sqlite_fixture *f) {
        CLEANUP(freep) char *aside = NULL;

        assert_int_equal(sqlite_damage_move_aside(f->path, WALL, &aside), 0);
        assert_true(str_ends_with(aside, "/state.db.damaged-" STAMP));
}

/* ---- tests ---- */

static void test_a_small_one_is_checked_at_each_opening(void **state) {
        struct sqlite_fixture *f = *state;

        fill(f, 20 * PAGE);
        sqlite_close_store(f);
        damage(f, 10); /* nothing that is read by an opening alone */
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), -EUCLEAN);
        assert_true(strlen(store_error(f->sync.store)) > 0);
}

/* It would take seconds. */
static void test_a_large_one_is_checked_when_it_is_suspected(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *text = NULL;

        fill(f, 5 * 1024 * 1024);
        sqlite_close_store(f);
        damage(f, 20);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_false(store_is_damaged(f->sync.store));
        assert_false(exists(f, ".suspect"));

        assert_int_equal(sync_each_pending(&f->sync, &text), -EUCLEAN);
        assert_true(store_is_damaged(f->sync.store));
        assert_true(exists(f, ".suspect"));
        assert_int_equal(sqlite_reopen(f), -EUCLEAN);
        assert_int_equal(sqlite_reopen(f), -EUCLEAN);

        sqlite_close_store(f);
        move_aside(f);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_false(store_is_damaged(f->sync.store));
        assert_false(exists(f, ".suspect"));
}

static void test_a_suspicion_without_reason(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *body = NULL;

        fill(f, 5 * 1024 * 1024);
        sqlite_damage_suspect(f->path);
        assert_int_equal(sqlite_reopen(f), 0);
        assert_false(exists(f, ".suspect"));
        assert_int_equal(sync_get_event(&f->sync, "event7", &body), 0);
}

static void test_its_companions_go_with_it(void **state) {
        struct sqlite_fixture *f = *state;

        sqlite_close_store(f);
        put(f, "-wal");
        put(f, "-shm");
        move_aside(f);
        assert_false(exists(f, ""));
        assert_false(exists(f, "-wal"));
        assert_false(exists(f, "-shm"));
        assert_true(exists(f, ".damaged-" STAMP));
        assert_true(exists(f, ".damaged-" STAMP "-wal"));
        assert_true(exists(f, ".damaged-" STAMP "-shm"));
}

/* What was written last is in the log; it goes to whoever examines it. */
static void test_the_log_of_a_damaged_one_is_kept(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *text = NULL;

        fill(f, 5 * 1024 * 1024);
        sqlite_close_store(f);
        damage(f, 20);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        sync_put_task(&f->sync, &(struct store_key){"default", "1", "2"}, "photos",
                      &(struct store_task){});
        assert_int_equal(sync_each_pending(&f->sync, &text), -EUCLEAN);
        sqlite_close_store(f);
        assert_true(exists(f, "-wal"));
}

static void test_it_cannot_be_moved(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *to = str_printf("%s.damaged-" STAMP, f->path), *aside = NULL;

        sqlite_close_store(f);
        assert_int_equal(mkdir(to, 0700), 0);
        assert_int_equal(sqlite_damage_move_aside(f->path, WALL, &aside), -EISDIR);
        assert_null(aside);
        assert_true(exists(f, ""));
}

/* ---- reads that fail ---- */

static int reads_left; /* before one fails */

static ssize_t read_at(int fd, void *data, size_t length, off_t at) {
        if (reads_left-- == 0) {
                errno = EIO;
                return -1;
        }
        return pread(fd, data, length, at);
}

static void let_reads_fail(bool fail) {
        static const char *const calls[] = {"pread", "pread64"};
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

        for (size_t i = 0; i < ARRAY_LEN(calls); i++)
                (void) vfs->xSetSystemCall(vfs, calls[i],
                                           fail ? (sqlite3_syscall_ptr) read_at : NULL);
}

/* A disk that fails now and then says nothing of what is on it. */
static void test_a_failed_read_is_no_damage(void **state) {
        struct sqlite_fixture *f = *state;
        unsigned failed = 0;
        int nth = 0;

        fill(f, 20 * PAGE);
        sqlite_close_store(f);
        let_reads_fail(true);
        do {
                int r;

                sqlite_damage_suspect(f->path);
                reads_left = nth++;
                r = sqlite_store_open(f->path, NULL, &f->sync.store);
                assert_int_not_equal(r, -EUCLEAN);
                assert_false(store_is_damaged(f->sync.store));
                sqlite_close_store(f);
                failed += reads_left < 0;
        } while (reads_left < 0);
        let_reads_fail(false);
        assert_true(failed > 10);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, sqlite_set_up, sqlite_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_small_one_is_checked_at_each_opening),
                TEST(test_a_large_one_is_checked_when_it_is_suspected),
                TEST(test_a_suspicion_without_reason),
                TEST(test_its_companions_go_with_it),
                TEST(test_the_log_of_a_damaged_one_is_kept),
                TEST(test_it_cannot_be_moved),
                TEST(test_a_failed_read_is_no_damage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
