/* The store, in a directory of its own, closed and opened again where that matters. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "koowatchd/store/store.h"
#include "unit/support.h"

#define WALL (1747708152 * USEC_SEC)
#define HISTORY (90 * USEC_DAY)

struct fixture {
        char directory[DIRECTORY_MAX];
        char path[DIRECTORY_MAX + 16];
        struct store *store;
};

static const struct store_key photos = {"default", "share-1", "task-1"};
static const struct store_key music = {"default", "share-1", "task-2"};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->path, sizeof(f->path), "%s/state.db", f->directory);
        assert_int_equal(store_open(f->path, &f->store), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        store_close(f->store);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void reopen(struct fixture *f) {
        store_close(f->store);
        assert_int_equal(store_open(f->path, &f->store), 0);
}

/* Registers, or marks as finished under event_id. */
static void put_task(struct fixture *f, const struct store_key *key, const char *event_id) {
        struct store_task task = {.registered = WALL, .inode = UINT64_MAX - 1, .mtime_ns = 123};

        (void) snprintf(task.event_id, sizeof(task.event_id), "%s", event_id);
        assert_int_equal(store_put_task(f->store, key, key->task_id, &task), 0);
}

static struct store_task find_task(struct fixture *f, const struct store_key *key) {
        struct store_task task = {};

        assert_int_equal(store_find_task(f->store, key, &task), 1);
        return task;
}

static void assert_unknown(struct fixture *f, const struct store_key *key) {
        struct store_task task = {};

        assert_int_equal(store_find_task(f->store, key, &task), 0);
}

/* Calls make a text: an entry each, in their order, a blank behind it. */

static void on_task(void *userdata, const struct store_key *key, const char *name) {
        (void) fprintf(userdata, "%s/%s/%s:%s ", key->account, key->share_id, key->task_id, name);
}

static void on_pending(void *userdata, const char *event_id, const struct store_delivery *d) {
        assert_int_equal(d->state, DELIVERY_PENDING);
        (void) fprintf(userdata, "%s:%u:%jd:%s ", event_id, d->attempts, (intmax_t) d->next,
                       d->settled ? d->settled : "-");
}

static void on_futile(void *userdata, const char *event_id, const struct store_delivery *d) {
        (void) event_id;
        *(struct store_delivery *) userdata = *d;
}

static void assert_tasks(struct fixture *f, const char *expected) {
        CLEANUP(freep) char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(store_each_task(f->store, on_task, out), 0);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, expected);
}

static void assert_pending(struct fixture *f, const char *expected) {
        CLEANUP(freep) char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(store_each_pending(f->store, on_pending, out), 0);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, expected);
}

static void assert_counts(struct fixture *f, unsigned finished, unsigned parked) {
        struct store_counts counts;

        assert_int_equal(store_count(f->store, &counts), 0);
        assert_int_equal(counts.finished, finished);
        assert_int_equal(counts.parked, parked);
}

static void put_event(struct fixture *f, const char *event_id, usec_t now) {
        CLEANUP(freep) char *body = str_printf("{\"eventId\":\"%s\",\"x\":\"é\"}", event_id);

        assert_int_equal(store_put_event(f->store, event_id, body, now), 0);
}

static void put_delivery(struct fixture *f, const char *event_id, enum delivery_state state) {
        assert_int_equal(
                store_put_delivery(f->store, event_id, &(struct store_delivery){.state = state}),
                0);
}

static int get_event(struct fixture *f, const char *event_id) {
        CLEANUP(freep) char *body = NULL;

        return store_get_event(f->store, event_id, &body);
}

static void test_empty(void **state) {
        assert_unknown(*state, &photos);
        assert_tasks(*state, "");
        assert_pending(*state, "");
        assert_counts(*state, 0, 0);
        assert_int_equal(get_event(*state, "e1"), -ENOENT);
}

static void test_registers(void **state) {
        struct fixture *f = *state;
        struct store_task task;

        put_task(f, &photos, "");
        reopen(f);
        task = find_task(f, &photos);
        assert_int_equal(task.registered, WALL);
        assert_true(task.inode == UINT64_MAX - 1);
        assert_int_equal(task.mtime_ns, 123);
        assert_string_equal(task.event_id, "");
        assert_false(task.gone);
        assert_counts(f, 0, 0);
}

/* All three of the key count, byte for byte. */
static void test_keys(void **state) {
        static const struct store_key others[] = {
                {"Default", "share-1", "task-1"},  {"default", "share-2", "task-1"},
                {"default", "share-1", "task-10"}, {"default", "share-1task-1", ""},
                {"default", "share-1", "task_1"},  {"default", "share-1", "%"},
        };
        struct fixture *f = *state;

        put_task(f, &photos, "");
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                assert_unknown(f, &others[i]);
                assert_int_equal(store_drop_task(f->store, &others[i], WALL), 0);
        }
        (void) find_task(f, &photos);
}

static void test_replaces(void **state) {
        struct fixture *f = *state;
        struct store_task other = {.registered = WALL + 1, .inode = 5, .mtime_ns = -7};
        struct store_task task;

        put_task(f, &photos, "e1");
        assert_int_equal(store_put_task(f->store, &photos, "renamed", &other), 0);
        task = find_task(f, &photos);
        assert_int_equal(task.registered, WALL + 1);
        assert_true(task.inode == 5);
        assert_int_equal(task.mtime_ns, -7);
        assert_string_equal(task.event_id, "");
        assert_tasks(f, "default/share-1/task-1:renamed ");
}

static void test_each(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        put_task(f, &music, "e2");
        assert_tasks(f, "default/share-1/task-1:task-1 default/share-1/task-2:task-2 ");
        assert_int_equal(store_drop_task(f->store, &music, WALL), 0);
        assert_tasks(f, "default/share-1/task-1:task-1 ");
}

static void test_drop_forgets_the_unfinished(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        assert_int_equal(store_drop_task(f->store, &photos, WALL), 0);
        assert_unknown(f, &photos);
        assert_int_equal(store_drop_task(f->store, &photos, WALL), 0);
}

static void test_drop_remembers_the_finished(void **state) {
        struct fixture *f = *state;
        struct store_task task;

        put_task(f, &photos, "0123456789abcdef0123456789abcdef");
        assert_counts(f, 1, 0);
        assert_int_equal(store_drop_task(f->store, &photos, WALL), 0);
        reopen(f);
        task = find_task(f, &photos);
        assert_true(task.gone);
        assert_string_equal(task.event_id, "0123456789abcdef0123456789abcdef");
        assert_tasks(f, "");
        assert_counts(f, 1, 0);

        /* A new registration is not gone. */
        put_task(f, &photos, "");
        assert_false(find_task(f, &photos).gone);
        assert_counts(f, 0, 0);
}

static void test_events(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *body = NULL;
        enum delivery_state delivery;

        put_event(f, "e1", WALL);
        reopen(f);
        assert_int_equal(store_get_event(f->store, "e1", &body), 0);
        assert_string_equal(body, "{\"eventId\":\"e1\",\"x\":\"é\"}");
        assert_int_equal(store_get_delivery_state(f->store, "e1", &delivery), 0);
        assert_int_equal(delivery, DELIVERY_PENDING);
        assert_int_equal(store_get_delivery_state(f->store, "e2", &delivery), -ENOENT);
        assert_int_equal(get_event(f, "e2"), -ENOENT);
        assert_pending(f, "e1:0:0:- ");
}

static void assert_futile(struct fixture *f, unsigned attempts, unsigned futile) {
        struct store_delivery found = {0};

        assert_int_equal(store_each_pending(f->store, on_futile, &found), 0);
        assert_int_equal(found.attempts, attempts);
        assert_int_equal(found.futile, futile);
        assert_int_equal(found.finished, WALL);
}

static void test_attempts_are_kept_in_both_counts(void **state) {
        struct fixture *f = *state;

        put_event(f, "e1", WALL);
        assert_futile(f, 0, 0);
        assert_int_equal(store_put_delivery(f->store, "e1",
                                            &(struct store_delivery){.attempts = 7, .futile = 2}),
                         0);
        reopen(f);
        assert_futile(f, 7, 2);
}

static void test_delivery_states(void **state) {
        struct fixture *f = *state;
        enum delivery_state delivery;

        for (unsigned i = 1; i <= 4; i++) {
                char id[8];

                (void) snprintf(id, sizeof(id), "e%u", i);
                put_event(f, id, WALL + (usec_t) i);
        }
        assert_int_equal(store_put_delivery(f->store, "e3",
                                            &(struct store_delivery){
                                                    .attempts = 2,
                                                    .next = WALL,
                                                    .settled = "[\"10-mail\"]",
                                            }),
                         0);
        put_delivery(f, "e1", DELIVERY_DONE);
        put_delivery(f, "e4", DELIVERY_PARKED);
        reopen(f);

        assert_pending(f, "e2:0:0:- e3:2:1747708152000000:[\"10-mail\"] ");
        assert_counts(f, 0, 1);
        assert_int_equal(store_get_delivery_state(f->store, "e1", &delivery), 0);
        assert_int_equal(delivery, DELIVERY_DONE);
        assert_int_equal(store_get_delivery_state(f->store, "e4", &delivery), 0);
        assert_int_equal(delivery, DELIVERY_PARKED);

        /* A parked one may be taken up again, and begins anew. */
        put_delivery(f, "e4", DELIVERY_PENDING);
        put_delivery(f, "e3", DELIVERY_PENDING);
        assert_pending(f, "e2:0:0:- e3:0:0:- e4:0:0:- ");
        assert_counts(f, 0, 0);
}

static void test_transaction(void **state) {
        struct fixture *f = *state;

        assert_int_equal(store_begin(f->store), 0);
        put_task(f, &photos, "");
        put_event(f, "e1", WALL);
        store_rollback(f->store);
        assert_unknown(f, &photos);
        assert_pending(f, "");
        store_rollback(f->store);

        assert_int_equal(store_begin(f->store), 0);
        put_task(f, &photos, "");
        put_event(f, "e1", WALL);
        assert_int_equal(store_commit(f->store), 0);
        reopen(f);
        (void) find_task(f, &photos);
        assert_pending(f, "e1:0:0:- ");

        /* The end of the program is no commit. */
        assert_int_equal(store_begin(f->store), 0);
        put_task(f, &music, "");
        reopen(f);
        assert_unknown(f, &music);
}

static void test_commit_without_begin(void **state) {
        struct fixture *f = *state;

        assert_true(store_commit(f->store) < 0);
        assert_true(strlen(store_error(f->store)) > 0);
        assert_int_equal(store_begin(f->store), 0);
        assert_true(store_begin(f->store) < 0);
        put_task(f, &photos, "");
        assert_int_equal(store_commit(f->store), 0);
        (void) find_task(f, &photos);
}

/* Another process is writing: nothing is lost, and it goes on when that has ended. */
static void test_locked(void **state) {
        struct fixture *f = *state;
        struct store *other = NULL;

        assert_int_equal(store_open(f->path, &other), 0);
        assert_int_equal(store_begin(other), 0);
        assert_int_equal(store_begin(f->store), -EBUSY);
        store_close(other);
        assert_int_equal(store_begin(f->store), 0);
        put_task(f, &photos, "");
        assert_int_equal(store_commit(f->store), 0);
}

static void test_prune(void **state) {
        struct fixture *f = *state;

        /* Gone long ago, gone lately, and finished with a file that still stands. */
        put_task(f, &photos, "e1");
        put_event(f, "e1", WALL);
        put_delivery(f, "e1", DELIVERY_DONE);
        assert_int_equal(store_drop_task(f->store, &photos, WALL), 0);
        put_task(f, &music, "e2");
        put_event(f, "e2", WALL);
        put_delivery(f, "e2", DELIVERY_PARKED);

        assert_int_equal(store_prune(f->store, WALL + HISTORY, HISTORY), 0);
        (void) find_task(f, &photos);
        assert_int_equal(get_event(f, "e1"), 0);

        assert_int_equal(store_prune(f->store, WALL + HISTORY + 1, HISTORY), 0);
        assert_unknown(f, &photos);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
        (void) find_task(f, &music);
        assert_int_equal(get_event(f, "e2"), 0);

        /* History counts from the disappearance. */
        assert_int_equal(store_drop_task(f->store, &music, WALL + 2 * HISTORY), 0);
        assert_int_equal(store_prune(f->store, WALL + 3 * HISTORY, HISTORY), 0);
        (void) find_task(f, &music);
        assert_int_equal(get_event(f, "e2"), 0);
        assert_int_equal(store_prune(f->store, WALL + 3 * HISTORY + 1, HISTORY), 0);
        assert_unknown(f, &music);
        assert_int_equal(get_event(f, "e2"), -ENOENT);
}

/* It is dropped again at each start, say: that must not set its time back. */
static void test_gone_since_the_first_time(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "e1");
        assert_int_equal(store_drop_task(f->store, &photos, WALL), 0);
        assert_int_equal(store_drop_task(f->store, &photos, WALL + HISTORY), 0);
        assert_int_equal(store_prune(f->store, WALL + HISTORY + 1, HISTORY), 0);
        assert_unknown(f, &photos);
}

static void test_prune_spares_what_is_not_over(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        put_event(f, "e1", WALL); /* its task's registration has been replaced, say */
        assert_int_equal(store_prune(f->store, WALL + 10 * HISTORY, HISTORY), 0);
        (void) find_task(f, &photos);
        assert_pending(f, "e1:0:0:- ");

        put_delivery(f, "e1", DELIVERY_DONE);
        assert_int_equal(store_prune(f->store, WALL + 10 * HISTORY, HISTORY), 0);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
}

static void test_prune_never(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "e1");
        assert_int_equal(store_drop_task(f->store, &photos, 1), 0);
        assert_int_equal(store_prune(f->store, WALL, USEC_INFINITY), 0);
        (void) find_task(f, &photos);
}

/* Text is data, whatever is in it. */
static void test_text_is_data(void **state) {
        static const struct store_key hostile = {"a'; DROP TABLE task; --", "\"\n", "é\\"};
        struct fixture *f = *state;

        put_task(f, &hostile, "'");
        reopen(f);
        assert_string_equal(find_task(f, &hostile).event_id, "'");
        assert_unknown(f, &photos);
}

static void test_path_cannot_be_opened(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/missing/state.db", f->directory);
        struct store *store = NULL;

        assert_int_equal(store_open(path, &store), -ENOENT);
        assert_true(strlen(store_error(store)) > 0);
        store_close(store);
}

static void execute(const struct fixture *f, const char *commands) {
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, commands, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Closes the store and expects that it cannot be opened again. */
static void expect_refused(struct fixture *f, int expected) {
        assert_int_equal(store_open(f->path, &f->store), expected);
        assert_non_null(f->store);
        assert_true(strlen(store_error(f->store)) > 0);
        store_close(STEAL_PTR(f->store));
}

static void test_later_version(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        store_close(STEAL_PTR(f->store));
        execute(f, "PRAGMA user_version = 2");
        expect_refused(f, -EPROTO);
        expect_refused(f, -EPROTO);

        /* It has not been touched. */
        execute(f, "PRAGMA user_version = 1");
        assert_int_equal(store_open(f->path, &f->store), 0);
        (void) find_task(f, &photos);
}

static void overwrite(const struct fixture *f, off_t at, const char *bytes, size_t length) {
        CLEANUP(closep) int fd = open(f->path, O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, bytes, length, at), length);
}

static void test_no_database(void **state) {
        struct fixture *f = *state;

        store_close(STEAL_PTR(f->store));
        overwrite(f, 0, "this is no database at all", 26);
        expect_refused(f, -EUCLEAN);
}

static void test_damaged_page(void **state) {
        static char garbage[3000];
        struct fixture *f = *state;

        memset(garbage, 0xa5, sizeof(garbage));
        store_close(STEAL_PTR(f->store));
        overwrite(f, 100, garbage, sizeof(garbage));
        expect_refused(f, -EUCLEAN);
}

static void test_truncated(void **state) {
        struct fixture *f = *state;

        store_close(STEAL_PTR(f->store));
        assert_int_equal(truncate(f->path, 2000), 0);
        expect_refused(f, -EUCLEAN);
}

/* Empty is what a crash before the first commit leaves. */
static void test_empty_file(void **state) {
        struct fixture *f = *state;

        store_close(STEAL_PTR(f->store));
        assert_int_equal(truncate(f->path, 0), 0);
        assert_int_equal(store_open(f->path, &f->store), 0);
        put_task(f, &photos, "");
        (void) find_task(f, &photos);
}

/* A dump that was restored has the tables, but neither version nor, maybe, all indexes. */
static void test_restored_from_a_dump(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        put_event(f, "e1", WALL);
        store_close(STEAL_PTR(f->store));
        execute(f, "PRAGMA user_version = 0; DROP INDEX event_open; DROP INDEX task_gone");
        assert_int_equal(store_open(f->path, &f->store), 0);
        reopen(f);
        (void) find_task(f, &photos);
        assert_pending(f, "e1:0:0:- ");
}

/* Of a database of before, all attempts count; and it can be opened again and again. */
static void test_a_database_without_the_later_column(void **state) {
        struct fixture *f = *state;

        put_event(f, "e1", WALL);
        store_close(STEAL_PTR(f->store));
        execute(f, "UPDATE event SET attempts = 5; ALTER TABLE event DROP COLUMN futile");
        assert_int_equal(store_open(f->path, &f->store), 0);
        assert_futile(f, 5, 5);
        reopen(f);
        assert_futile(f, 5, 5);
}

/* Tables of another program's are left alone. */
static void test_foreign_database(void **state) {
        struct fixture *f = *state;

        store_close(STEAL_PTR(f->store));
        execute(f, "DROP TABLE task; CREATE TABLE task (title TEXT); PRAGMA user_version = 0");
        expect_refused(f, -EIO);
        expect_refused(f, -EIO);
}

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
        struct fixture *f = *state;
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

/* The shared memory beside a database that was closed well must be made even to read it. */
static void test_full_disk(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        store_close(STEAL_PTR(f->store));
        fill_disk(true);
        assert_int_equal(store_open(f->path, &f->store), -ENOSPC);
        assert_non_null(strstr(store_error(f->store), "No space left on device"));
        fill_disk(false);
        reopen(f);

        fill_disk(true);
        assert_int_equal(store_begin(f->store), 0);
        put_task(f, &music, "");
        assert_int_equal(store_commit(f->store), -ENOSPC);
        assert_non_null(strstr(store_error(f->store), "No space left on device"));
        fill_disk(false);
        (void) find_task(f, &photos);
        assert_unknown(f, &music);
}

static void test_close_nothing(void **state) {
        (void) state;
        store_close(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_empty),
                TEST(test_registers),
                TEST(test_keys),
                TEST(test_replaces),
                TEST(test_each),
                TEST(test_drop_forgets_the_unfinished),
                TEST(test_drop_remembers_the_finished),
                TEST(test_events),
                TEST(test_delivery_states),
                TEST(test_attempts_are_kept_in_both_counts),
                TEST(test_a_database_without_the_later_column),
                TEST(test_transaction),
                TEST(test_commit_without_begin),
                TEST(test_locked),
                TEST(test_prune),
                TEST(test_gone_since_the_first_time),
                TEST(test_prune_spares_what_is_not_over),
                TEST(test_prune_never),
                TEST(test_text_is_data),
                TEST(test_path_cannot_be_opened),
                TEST(test_later_version),
                TEST(test_no_database),
                TEST(test_damaged_page),
                TEST(test_truncated),
                TEST(test_empty_file),
                TEST(test_restored_from_a_dump),
                TEST(test_foreign_database),
                TEST(test_no_statement_goes_through_all_events),
                TEST(test_full_disk),
                cmocka_unit_test(test_close_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
