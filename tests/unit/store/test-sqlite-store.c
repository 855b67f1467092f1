/*
 * SQLite's own part of the store: its file, and what can happen to that. What every backend
 * must do is in test-store.c, which SQLite has to pass as well.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/store/store-batch.h"
#include "unit/store/sqlite-fixture.h"

#define WALL (1747708152 * USEC_SEC)

static const struct store_key photos = {"default", "share-1", "task-1"};
static const struct store_key music = {"default", "share-1", "task-2"};

/* SQLite's, which has memory for so many more texts; negative: for all. */
static int texts_left = -1;

const unsigned char *sqlite3_column_text(sqlite3_stmt *q, int column) {
        static const unsigned char *(*original)(sqlite3_stmt * q, int column);

        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "sqlite3_column_text");
        if (texts_left == 0)
                return NULL;
        texts_left -= texts_left > 0;
        return original(q, column);
}

static int set_up(void **state) {
        texts_left = -1;
        return sqlite_set_up(state);
}

static void reopen(struct sqlite_fixture *f) {
        assert_int_equal(sqlite_reopen(f), 0);
}

/* Expects that the store, which is closed, cannot be opened. */
static void expect_refused(struct sqlite_fixture *f, int expected) {
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), expected);
        assert_non_null(f->sync.store);
        assert_true(strlen(store_error(f->sync.store)) > 0);
        sqlite_close_store(f);
}

/* By another program, as it were. */
static void execute(const struct sqlite_fixture *f, const char *commands) {
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, commands, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int query_number(const struct sqlite_fixture *f, const char *query) {
        sqlite3_stmt *q = NULL;
        sqlite3 *db = NULL;
        int number;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, query, -1, &q, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        number = sqlite3_column_int(q, 0);
        assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        return number;
}

static void put_task(struct sqlite_fixture *f, const struct store_key *key) {
        const struct store_task task = {.registered = WALL,
                                        .boot = 7,
                                        .booted = 8,
                                        .confirmed = true,
                                        .inode = 5,
                                        .refused = WALL + 1,
                                        .refusals = 3};

        sync_put_task(&f->sync, key, key->task_id, &task);
}

static void put_event(struct sqlite_fixture *f, const char *event_id) {
        sync_put_event(&f->sync, event_id, "{}", WALL);
}

static struct store_task find_task(struct sqlite_fixture *f, const struct store_key *key) {
        struct store_task task;

        assert_int_equal(sync_find_task(&f->sync, key, &task), 1);
        return task;
}

static void assert_unknown(struct sqlite_fixture *f, const struct store_key *key) {
        struct store_task task;

        assert_int_equal(sync_find_task(&f->sync, key, &task), 0);
}

static void assert_pending(struct sqlite_fixture *f, const char *expected) {
        CLEANUP(freep) char *text = NULL;

        assert_int_equal(sync_each_pending(&f->sync, &text), 0);
        assert_string_equal(text, expected);
}

/* ---- transactions ---- */

/* Writes a task, an event, another task. */
static int write_three(struct sqlite_fixture *f) {
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        assert_int_equal(store_batch_put_task(batch, &photos, "photos", &(struct store_task){}), 0);
        assert_int_equal(store_batch_put_event(batch, "e1", "{}", NULL, WALL), 0);
        assert_int_equal(store_batch_put_task(batch, &music, "music", &(struct store_task){}), 0);
        return sync_write(&f->sync, batch);
}

/*
 * A write in the midst of it fails: none is made, and nothing is left open that would hinder
 * the next. Some failures end the transaction (ROLLBACK), some do not (ABORT, FAIL).
 */
static void test_a_batch_is_written_as_a_whole(void **state) {
        static const char *const failures[] = {"ABORT", "FAIL", "ROLLBACK"};
        struct sqlite_fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
                CLEANUP(freep)
                char *trigger = str_printf("CREATE TRIGGER refuse BEFORE INSERT ON event "
                                           "BEGIN SELECT RAISE(%s, 'not today'); END",
                                           failures[i]);

                execute(f, trigger);
                assert_int_equal(write_three(f), -EIO);
                assert_non_null(strstr(store_error(f->sync.store), "not today"));
                assert_unknown(f, &photos);
                assert_unknown(f, &music);
                assert_pending(f, "");
                execute(f, "DROP TRIGGER refuse");
        }
        assert_int_equal(write_three(f), 0);
        reopen(f);
        (void) find_task(f, &photos);
        (void) find_task(f, &music);
        assert_int_equal(query_number(f, "SELECT count(*) FROM event"), 1);
}

/* Another process is writing: nothing is lost, and it continues when that has ended. */
static void test_locked(void **state) {
        struct sqlite_fixture *f = *state;
        struct store_batch *empty = store_batch_new();
        sqlite3 *other = NULL;

        assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(write_three(f), -EBUSY);
        assert_true(strlen(store_error(f->sync.store)) > 0);
        assert_unknown(f, &photos);
        /* What is empty needs no transaction. */
        assert_non_null(empty);
        assert_int_equal(sync_write(&f->sync, empty), 0);

        assert_int_equal(sqlite3_close(other), SQLITE_OK);
        assert_int_equal(write_three(f), 0);
        (void) find_task(f, &photos);
}

static unsigned until_kept; /* unlocks until one fails; 0: none does */

static int keep_lock(int fd, int command, struct flock *lock) {
        if (command == F_SETLK && lock->l_type == F_UNLCK && until_kept > 0 && --until_kept == 0) {
                errno = ENOLCK;
                return -1;
        }
        return fcntl(fd, command, lock);
}

static int no_sleep(sqlite3_vfs *vfs, int microseconds) {
        (void) vfs;
        return microseconds;
}

/* A lock that could not be given back is in the way of nobody for long, not even of its holder. */
static void test_a_lock_that_is_not_given_back(void **state) {
        struct sqlite_fixture *f = *state;
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
        int (*sleep_before)(sqlite3_vfs *, int) = vfs->xSleep;
        unsigned failures = 0;

        (void) vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr) keep_lock);
        vfs->xSleep = no_sleep;
        for (unsigned n = 1; until_kept == 0; n++) {
                until_kept = n;
                for (int i = 0; i < 10 && until_kept > 0; i++)
                        failures += write_three(f) < 0;
                if (until_kept > 0) /* there were fewer */
                        break;
                failures += write_three(f) < 0; /* the lock is in its way: opened anew after it */
                assert_int_equal(write_three(f), 0);
                (void) find_task(f, &photos);
        }
        until_kept = 0;
        vfs->xSleep = sleep_before;
        (void) vfs->xSetSystemCall(vfs, "fcntl", NULL);
        assert_true(failures > 0);
}

static ssize_t no_space(int fd, const void *data, size_t length, off_t at) {
        (void) fd;
        (void) data;
        (void) length;
        (void) at;
        errno = ENOSPC;
        return -1;
}

static void fill_disk(bool full) {
        static const char *const calls[] = {"pwrite", "pwrite64"};
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

        for (size_t i = 0; i < ARRAY_LEN(calls); i++)
                (void) vfs->xSetSystemCall(vfs, calls[i],
                                           full ? (sqlite3_syscall_ptr) no_space : NULL);
}

/* The shared memory beside a database that was closed must be made even to read it. */
static void test_full_disk(void **state) {
        struct sqlite_fixture *f = *state;

        put_task(f, &photos);
        sqlite_close_store(f);
        fill_disk(true);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), -ENOSPC);
        assert_non_null(strstr(store_error(f->sync.store), "No space left on device"));
        fill_disk(false);
        reopen(f);

        fill_disk(true);
        assert_int_equal(write_three(f), -ENOSPC);
        assert_non_null(strstr(store_error(f->sync.store), "No space left on device"));
        fill_disk(false);
        assert_int_equal(find_task(f, &photos).refusals, 3);
        assert_unknown(f, &music);
        assert_int_equal(write_three(f), 0);
        (void) find_task(f, &music);
}

/* A file without a name takes all that is written to it, and nobody finds it again. */
static void test_moved_away(void **state) {
        static const char *const suffixes[] = {"", "-wal"};
        struct sqlite_fixture *f = *state;

        put_task(f, &photos);
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
                CLEANUP(freep) char *path = str_printf("%s%s", f->path, suffixes[i]);
                CLEANUP(freep) char *aside = str_printf("%s.aside", f->path);

                assert_int_equal(rename(path, aside), 0);
                assert_int_equal(write_three(f), -ESTALE);
                assert_non_null(strstr(store_error(f->sync.store), "moved away"));
                assert_unknown(f, &music);
                assert_int_equal(rename(aside, path), 0);
        }
        assert_int_equal(write_three(f), 0);
        reopen(f);
        (void) find_task(f, &music);
}

/* ---- opening ---- */

static void test_path_cannot_be_opened(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/missing/state.db", f->directory);
        CLEANUP(store_closep) struct store *store = NULL;

        assert_int_equal(sqlite_store_open(path, NULL, &store), -ENOENT);
        assert_non_null(store);
        assert_true(strlen(store_error(store)) > 0);
}

static void test_later_version(void **state) {
        struct sqlite_fixture *f = *state;

        put_task(f, &photos);
        sqlite_close_store(f);
        execute(f, "PRAGMA user_version = 2");
        expect_refused(f, -EPROTO);
        expect_refused(f, -EPROTO);

        /* It has not been touched. */
        execute(f, "PRAGMA user_version = 1");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        (void) find_task(f, &photos);
}

static void overwrite(const struct sqlite_fixture *f, off_t at, const char *bytes, size_t length) {
        CLEANUP(closep) int fd = open(f->path, O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, bytes, length, at), length);
}

static void test_no_database(void **state) {
        struct sqlite_fixture *f = *state;

        sqlite_close_store(f);
        overwrite(f, 0, "this is no database at all", 26);
        expect_refused(f, -EUCLEAN);
}

static void test_damaged_page(void **state) {
        static char garbage[3000];
        struct sqlite_fixture *f = *state;

        memset(garbage, 0xa5, sizeof(garbage));
        sqlite_close_store(f);
        overwrite(f, 100, garbage, sizeof(garbage));
        expect_refused(f, -EUCLEAN);
}

static void test_truncated(void **state) {
        struct sqlite_fixture *f = *state;

        sqlite_close_store(f);
        assert_int_equal(truncate(f->path, 2000), 0);
        expect_refused(f, -EUCLEAN);
}

/* Empty is what a crash before the first commit leaves. */
static void test_empty_file(void **state) {
        struct sqlite_fixture *f = *state;

        sqlite_close_store(f);
        assert_int_equal(truncate(f->path, 0), 0);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        put_task(f, &photos);
        (void) find_task(f, &photos);
}

/* Tables of another program's are left alone. */
static void test_foreign_database(void **state) {
        struct sqlite_fixture *f = *state;

        sqlite_close_store(f);
        execute(f, "DROP TABLE task; CREATE TABLE task (title TEXT); PRAGMA user_version = 0");
        expect_refused(f, -EIO);
        expect_refused(f, -EIO);
        assert_int_equal(query_number(f, "SELECT count(*) FROM pragma_table_info('task')"), 1);
}

/* ---- other versions of koowatchd ---- */

/* A dump that was restored has the tables, but neither version nor, maybe, all indexes. */
static void test_restored_from_a_dump(void **state) {
        struct sqlite_fixture *f = *state;

        put_task(f, &photos);
        put_event(f, "e1");
        sqlite_close_store(f);
        execute(f, "PRAGMA user_version = 0; DROP INDEX event_open; DROP INDEX task_gone;"
                   "DROP INDEX event_untold");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        reopen(f);
        (void) find_task(f, &photos);
        assert_pending(f, "e1:0:0:1747708152000000:0:- ");
        assert_int_equal(query_number(f, "PRAGMA user_version"), 1);
}

static void assert_previous_has(const struct sqlite_fixture *f, const char *column, bool expected) {
        CLEANUP(freep) char *path = str_printf("%s.previous", f->path);
        CLEANUP(freep) char *sql = NULL;
        sqlite3 *db = NULL;

        sql = str_printf("SELECT %s, event_id FROM event WHERE event_id = 'e1'", column);
        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL),
                         expected ? SQLITE_OK : SQLITE_ERROR);
        assert_int_equal(sqlite3_exec(db, "SELECT attempts FROM event", NULL, NULL, NULL),
                         SQLITE_OK);
        (void) sqlite3_close(db);
}

/* Once, and of what there was; one that is not changed is not copied. */
static void test_a_copy_is_kept_of_an_earlier_versions(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *kept = str_printf("%s.previous", f->path);
        CLEANUP(freep) char *new = str_printf("%s.previous.new", f->path);

        put_event(f, "e1");
        reopen(f);
        assert_int_equal(access(kept, F_OK), -1);
        sqlite_close_store(f);
        execute(f, "ALTER TABLE event DROP COLUMN samples");
        assert_int_equal(mkdir(new, 0700), 0); /* it cannot be kept: nothing is changed */
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), -EISDIR);
        assert_non_null(strstr(store_error(f->sync.store), kept));
        sqlite_close_store(f);
        assert_int_equal(query_number(f, "SELECT count(*) FROM pragma_table_info('event') "
                                         "WHERE name = 'samples'"),
                         0);
        assert_int_equal(rmdir(new), 0);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_previous_has(f, "samples", false);
        assert_int_equal(access(new, F_OK), -1);
        put_event(f, "e2");
        reopen(f);
        assert_previous_has(f, "samples", false);
        sqlite_close_store(f);
        execute(f, "ALTER TABLE event DROP COLUMN futile");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_previous_has(f, "samples", true);
        assert_previous_has(f, "futile", false);
}

static unsigned busy_calls;

static void count_busy(void) {
        busy_calls++;
}

/* A service manager that hears nothing for 90 s ends the start. */
static void test_an_upgrade_says_that_it_is_busy(void **state) {
        struct sqlite_fixture *f = *state;

        put_event(f, "e1");
        sqlite_close_store(f);
        execute(f, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
                   "INSERT INTO event(event_id, body, finished) SELECT 'n' || i, '{}', 1 FROM n");
        busy_calls = 0;
        assert_int_equal(sqlite_store_open(f->path, count_busy, &f->sync.store), 0);
        assert_int_equal(busy_calls, 0);
        sqlite_close_store(f);
        execute(f, "ALTER TABLE event DROP COLUMN samples");
        assert_int_equal(sqlite_store_open(f->path, count_busy, &f->sync.store), 0);
        assert_true(busy_calls > 0);
        busy_calls = 0;
        put_event(f, "e2"); /* the pointer that it was given is none any more */
        assert_int_equal(busy_calls, 0);
}

/* Of an older database, all attempts count; and it can be opened again and again. */
static void test_a_database_without_the_futile_attempts(void **state) {
        struct sqlite_fixture *f = *state;

        put_event(f, "e1");
        sqlite_close_store(f);
        execute(f, "UPDATE event SET attempts = 5; ALTER TABLE event DROP COLUMN futile");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_pending(f, "e1:5:5:1747708152000000:0:- ");
        reopen(f);
        assert_pending(f, "e1:5:5:1747708152000000:0:- ");
}

/* What an earlier version has committed it has told. */
static void test_a_database_that_does_not_know_what_was_told(void **state) {
        struct sqlite_fixture *f = *state;

        put_event(f, "e1");
        sqlite_close_store(f);
        execute(f, "DROP INDEX event_untold; ALTER TABLE event DROP COLUMN told");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_pending(f, "e1:0:0:1747708152000000:0:-:told ");
        put_event(f, "e2");
        assert_pending(f, "e1:0:0:1747708152000000:0:-:told e2:0:0:1747708152000000:0:- ");
        assert_int_equal(query_number(f, "SELECT count(*) FROM sqlite_master WHERE name = "
                                         "'event_untold'"),
                         1);
}

/* One of the two may be missing: power can fail at any time. */
static void test_a_database_without_the_refusals(void **state) {
        static const char *const lost[] = {
                "ALTER TABLE task DROP COLUMN refusals",
                "ALTER TABLE task DROP COLUMN refused",
                "ALTER TABLE task DROP COLUMN refusals; ALTER TABLE task DROP COLUMN refused",
        };
        static const unsigned refusals[] = {0, 3, 0};
        static const usec_t refused[] = {WALL + 1, 0, 0};
        struct sqlite_fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
                put_task(f, &photos);
                sqlite_close_store(f);
                execute(f, lost[i]);
                assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
                assert_int_equal(find_task(f, &photos).registered, WALL);
                assert_int_equal(find_task(f, &photos).refusals, refusals[i]);
                assert_int_equal(find_task(f, &photos).refused, refused[i]);
                assert_int_equal(query_number(f, "PRAGMA user_version"), 1);
        }
        put_task(f, &photos);
        reopen(f);
        assert_int_equal(find_task(f, &photos).refusals, 3);
}

static void test_a_database_without_the_clock(void **state) {
        struct sqlite_fixture *f = *state;
        struct store_task task;

        put_task(f, &photos);
        sqlite_close_store(f);
        execute(f, "ALTER TABLE task DROP COLUMN boot; ALTER TABLE task DROP COLUMN booted;"
                   "ALTER TABLE task DROP COLUMN confirmed");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        task = find_task(f, &photos);
        assert_int_equal(task.registered, WALL);
        assert_true(task.boot == 0 && task.booted == 0 && !task.confirmed);
        put_task(f, &photos);
        reopen(f);
        task = find_task(f, &photos);
        assert_true(task.boot == 7 && task.booted == 8 && task.confirmed);
}

/* Of a koowatchd that kept no history; and its tables may have come from a dump. */
static void test_history_is_kept_from_now_on(void **state) {
        struct sqlite_fixture *f = *state;
        const struct store_run run = {.hook = "finished.d/a", .status = "done"};
        struct store_batch *batch = store_batch_new();
        CLEANUP(freep) char *before = NULL, *after = NULL, *runs = NULL;

        put_event(f, "e1");
        sqlite_close_store(f);
        execute(f, "DROP TRIGGER event_gone; DROP TABLE hook_run;"
                   "ALTER TABLE event DROP COLUMN samples");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        assert_int_equal(sync_find_event(&f->sync, "e1", &before), 1);
        assert_non_null(strstr(before, ":-:0:0:-"));
        assert_int_equal(store_batch_put_samples(batch, "e1", "[]"), 0);
        assert_int_equal(store_batch_put_run(batch, "e1", &run), 0);
        assert_int_equal(sync_write(&f->sync, batch), 0);
        reopen(f);
        assert_int_equal(sync_find_event(&f->sync, "e1", &after), 1);
        assert_non_null(strstr(after, ":[]:0:0:-"));
        assert_int_equal(sync_each_run(&f->sync, "e1", &runs), 0);
        assert_non_null(str_after(runs, "finished.d/a:"));
        sqlite_close_store(f);
        execute(f, "DELETE FROM event");
        assert_int_equal(query_number(f, "SELECT count(*) FROM hook_run"), 0);
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
}

/* Word by word the writes of a koowatchd that knows no refusals, clocks or futile attempts. */
static void test_an_older_koowatchd_may_write_to_it(void **state) {
        struct sqlite_fixture *f = *state;
        struct store_task task;

        put_task(f, &photos);
        sqlite_close_store(f);
        execute(f, "INSERT OR REPLACE INTO task (account, share_id, task_id, name, registered, "
                   "inode, mtime_ns, event_id) "
                   "VALUES ('default', 'share-1', 'task-1', 'photos', 9, 8, 7, 'e1');"
                   "INSERT OR REPLACE INTO event (event_id, body, finished) "
                   "VALUES ('e1', '{}', 6);"
                   "UPDATE event SET state = 0, attempts = 2, next = 5, settled = NULL "
                   "WHERE event_id = 'e1'");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        task = find_task(f, &photos);
        assert_int_equal(task.registered, 9);
        assert_string_equal(task.event_id, "e1");
        assert_int_equal(task.delivery, DELIVERY_PENDING);
        assert_int_equal(task.refusals, 0);
        assert_int_equal(task.refused, 0);
        assert_int_equal(task.boot, 0);
        assert_pending(f, "e1:2:2:6:5:-:told ");
}

/* Whoever has written it: the rest of the daemon reckons with what it reads. */
static void test_rows_beyond_all_bounds(void **state) {
        struct sqlite_fixture *f = *state;
        struct store_task task;

        put_task(f, &photos);
        put_task(f, &music);
        put_event(f, "e1");
        put_event(f, "e2");
        sqlite_close_store(f);
        execute(f, "UPDATE task SET registered = -9223372036854775808, booted = -1, refused = 'x', "
                   "refusals = -1, event_id = 'e2' WHERE task_id = 'task-1';"
                   "UPDATE task SET registered = 9223372036854775807, booted = 1e300, "
                   "refused = x'00', refusals = 4294967296 WHERE task_id = 'task-2';"
                   "UPDATE event SET attempts = -1, futile = -9223372036854775808, next = -1, "
                   "finished = -1 WHERE event_id = 'e1';"
                   "UPDATE event SET attempts = 4294967295, futile = 9223372036854775807, "
                   "next = 9223372036854775807, finished = 1e300, state = 4294967296 "
                   "WHERE event_id = 'e2';");
        assert_int_equal(sqlite_store_open(f->path, NULL, &f->sync.store), 0);
        task = find_task(f, &photos);
        assert_true(task.registered == 0 && task.booted == -1 && task.refused == 0);
        assert_int_equal(task.refusals, 0);
        assert_int_equal(task.delivery, DELIVERY_PARKED); /* what it is, nobody knows */
        task = find_task(f, &music);
        assert_true(task.registered == STORE_TIME_MAX && task.booted == STORE_TIME_MAX);
        assert_int_equal(task.refused, 0);
        assert_int_equal(task.refusals, STORE_COUNT_MAX);
        assert_pending(f, "e1:0:0:0:0:- "
                          "e2:1000000:1000000:2305843009213693951:2305843009213693951:-:parked ");
}

/* ---- statements ---- */

/* Each handle that is opened, so that a test can look at the store's own statements. */
static sqlite3 *opened_last;

static int on_open(sqlite3 *db, char **ret_error, const struct sqlite3_api_routines *api) {
        (void) ret_error;
        (void) api;
        opened_last = db;
        return SQLITE_OK;
}

static void assert_no_scan_of_events(sqlite3_stmt *statement) {
        CLEANUP(freep) char *explain = str_printf("EXPLAIN QUERY PLAN %s", sqlite3_sql(statement));
        sqlite3_stmt *plan = NULL;

        assert_int_equal(sqlite3_prepare_v2(opened_last, explain, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
                const char *step = (const char *) sqlite3_column_text(plan, 3);

                if (str_after(step, "SCAN event") || str_after(step, "SCAN TABLE event"))
                        fail_msg("%s: %s", sqlite3_sql(statement), step);
        }
        (void) sqlite3_finalize(plan);
}

/* Events have large bodies, and are kept for months: what goes through all blocks the loop. */
static void test_no_statement_goes_through_all_events(void **state) {
        struct sqlite_fixture *f = *state;
        sqlite3_stmt *next = NULL;
        unsigned count = 0;

        assert_int_equal(sqlite3_auto_extension((void (*)(void)) on_open), SQLITE_OK);
        reopen(f);
        sqlite3_reset_auto_extension();
        while ((next = sqlite3_next_stmt(opened_last, next))) {
                assert_no_scan_of_events(next);
                count++;
        }
        assert_true(count > 10);
}

/* No memory for the first text, the second, and so on: no row that lacks one, and no crash. */
static void test_no_memory_for_a_text(void **state) {
        struct sqlite_fixture *f = *state;
        const struct store_task finished = {.registered = WALL, .event_id = "e1"};
        const struct store_delivery settled = {.attempts = 1, .settled = "[]"};
        struct store_task task;
        char *text;

        sync_put_task(&f->sync, &photos, "photos", &finished);
        sync_put_event(&f->sync, "e1", "{}", WALL);
        sync_put_delivery(&f->sync, "e1", &settled);

        texts_left = 0;
        assert_int_equal(sync_find_task(&f->sync, &photos, &task), -ENOMEM);
        assert_true(strlen(store_error(f->sync.store)) > 0);
        assert_int_equal(sync_get_event(&f->sync, "e1", &text), -ENOMEM);
        assert_null(text);
        for (int i = 0; i < 3; i++) {
                texts_left = i;
                assert_int_equal(sync_each_task(&f->sync, &text), -ENOMEM);
                assert_string_equal(text, "");
                free(text);
        }
        for (int i = 0; i < 2; i++) {
                texts_left = i;
                assert_int_equal(sync_each_pending(&f->sync, &text), -ENOMEM);
                assert_string_equal(text, "");
                free(text);
        }

        texts_left = -1;
        assert_int_equal(sync_find_task(&f->sync, &photos, &task), 1);
        assert_string_equal(task.event_id, "e1");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, sqlite_tear_down)

static void expect_failure(const struct sqlite_fixture *f, int r) {
        assert_true(r < 0);
        assert_non_null(strstr(store_error(f->sync.store), "no such table"));
}

/* Its tables are gone, by another program: every operation says so, and none has a result. */
static void test_every_operation_can_fail(void **state) {
        struct sqlite_fixture *f = *state;
        CLEANUP(freep) char *tasks = NULL, *pending = NULL, *body = NULL;
        CLEANUP(freep) char *event = NULL, *events = NULL, *runs = NULL;
        struct store_batch *batch = store_batch_new(), *run = store_batch_new();
        struct store_counts counts;
        struct store_task task;

        sync_put_task(&f->sync, &photos, "photos", &(struct store_task){.registered = WALL});
        execute(f, "DROP TABLE task; DROP TABLE event; DROP TABLE hook_run");
        expect_failure(f, sync_find_task(&f->sync, &photos, &task));
        expect_failure(f, sync_each_task(&f->sync, &tasks));
        expect_failure(f, sync_get_event(&f->sync, "e1", &body));
        assert_null(body);
        expect_failure(f, sync_find_event(&f->sync, "e1", &event));
        assert_null(event);
        expect_failure(f, sync_each_event(&f->sync, INT64_MAX, 1, &events));
        expect_failure(f, sync_each_run(&f->sync, "e1", &runs));
        expect_failure(f, sync_each_pending(&f->sync, &pending));
        expect_failure(f, sync_count(&f->sync, &counts));
        assert_int_equal(store_batch_put_task(batch, &photos, "photos", &task), 0);
        expect_failure(f, sync_write(&f->sync, batch));
        assert_int_equal(
                store_batch_put_run(run, "e1",
                                    &(struct store_run){.hook = "finished.d/a", .status = "done"}),
                0);
        expect_failure(f, sync_write(&f->sync, run));
        assert_false(store_is_damaged(f->sync.store));
}

static int write_one(struct sqlite_fixture *f, int (*add)(struct store_batch *batch)) {
        struct store_batch *batch = store_batch_new();

        assert_int_equal(add(batch), 0);
        return sync_write(&f->sync, batch);
}

static int drop(struct store_batch *batch) {
        return store_batch_drop_task(batch, &photos, WALL);
}

static int miss(struct store_batch *batch) {
        return store_batch_miss_task(batch, &photos, WALL);
}

static int event(struct store_batch *batch) {
        return store_batch_put_event(batch, "e1", "{}", NULL, WALL);
}

static int deliver(struct store_batch *batch) {
        return store_batch_put_delivery(batch, "e1", &(struct store_delivery){});
}

static int prune(struct store_batch *batch) {
        return store_batch_prune(batch, WALL, USEC_DAY);
}

static void test_every_write_can_fail(void **state) {
        static int (*const writes[])(struct store_batch * batch) = {drop, miss, event, deliver,
                                                                    prune};
        struct sqlite_fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(writes); i++)
                assert_int_equal(write_one(f, writes[i]), 0);
        execute(f, "DROP TABLE task; DROP TABLE event");
        for (size_t i = 0; i < ARRAY_LEN(writes); i++)
                expect_failure(f, write_one(f, writes[i]));
}

/* Others' changes show after it, and its own write ends it: both may come at once at a reload. */
static void test_many_reads_are_one_transaction(void **state) {
        struct sqlite_fixture *f = *state;
        struct store_task task;

        put_task(f, &photos);
        store_begin_reading(f->sync.store);
        assert_int_equal(sync_find_task(&f->sync, &photos, &task), 1);
        execute(f, "DELETE FROM task");
        assert_int_equal(sync_find_task(&f->sync, &photos, &task), 1);
        store_end_reading(f->sync.store);
        assert_int_equal(sync_find_task(&f->sync, &photos, &task), 0);

        store_begin_reading(f->sync.store);
        assert_int_equal(sync_find_task(&f->sync, &photos, &task), 0);
        execute(f, "PRAGMA user_version = 1");
        put_task(f, &photos);
        put_task(f, &music);
        store_end_reading(f->sync.store);
        assert_int_equal(query_number(f, "SELECT count(*) FROM task"), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_no_memory_for_a_text),
                TEST(test_a_batch_is_written_as_a_whole),
                TEST(test_locked),
                TEST(test_a_lock_that_is_not_given_back),
                TEST(test_full_disk),
                TEST(test_moved_away),
                TEST(test_path_cannot_be_opened),
                TEST(test_later_version),
                TEST(test_no_database),
                TEST(test_damaged_page),
                TEST(test_truncated),
                TEST(test_empty_file),
                TEST(test_foreign_database),
                TEST(test_restored_from_a_dump),
                TEST(test_a_copy_is_kept_of_an_earlier_versions),
                TEST(test_an_upgrade_says_that_it_is_busy),
                TEST(test_a_database_without_the_futile_attempts),
                TEST(test_a_database_that_does_not_know_what_was_told),
                TEST(test_a_database_without_the_refusals),
                TEST(test_a_database_without_the_clock),
                TEST(test_history_is_kept_from_now_on),
                TEST(test_an_older_koowatchd_may_write_to_it),
                TEST(test_rows_beyond_all_bounds),
                TEST(test_no_statement_goes_through_all_events),
                TEST(test_many_reads_are_one_transaction),
                TEST(test_every_operation_can_fail),
                TEST(test_every_write_can_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
