/*
 * What every store must do: one table of scenarios, and each backend goes through all of it,
 * closed and opened again where that matters.
 */
#include <errno.h>

#include "koowatchd/store/sqlite-store.h"
#include "koowatchd/store/store-batch.h"
#include "unit/store/fake-store.h"
#include "unit/store/sync-store.h"
#include "unit/support.h"
#ifdef KOOWATCH_POSTGRESQL
#include "unit/store/pg-fixture.h"
#endif

#define WALL (1747708152 * USEC_SEC)
#define HISTORY (90 * USEC_DAY)
#define LONG_ID "0123456789abcdef0123456789abcdef"

struct fixture {
        struct sync_store sync;
        const struct backend *backend;
        char directory[DIRECTORY_MAX]; /* of SQLite's file */
        void *server;                  /* what PostgreSQL's store needs */
};

struct backend {
        void (*open)(struct fixture *f);
        /* As when the daemon ends and is started again: all that was written is there. */
        void (*reopen)(struct fixture *f);
        void (*settle)(struct store *store); /* as in struct sync_store */
        void (*close)(struct fixture *f);    /* NULL: the store alone */
        /* What is pending is told once: then whoever asks has it. */
        bool is_shared;
};

static const struct store_key photos = {"default", "share-1", "task-1"};
static const struct store_key music = {"default", "share-1", "task-2"};

/* ---- backends ---- */

static void open_sqlite(struct fixture *f) {
        CLEANUP(freep) char *path = str_printf("%s/state.db", f->directory);

        assert_int_equal(sqlite_store_open(path, NULL, &f->sync.store), 0);
}

static void reopen_sqlite(struct fixture *f) {
        store_close(STEAL_PTR(f->sync.store));
        open_sqlite(f);
}

static void open_fake(struct fixture *f) {
        f->sync.store = fake_store_new();
}

static void open_immediate_fake(struct fixture *f) {
        open_fake(f);
        fake_store_set_immediate(f->sync.store, true);
}

static void restart_fake(struct fixture *f) {
        fake_store_restart(f->sync.store);
}

static const struct backend sqlite = {.open = open_sqlite, .reopen = reopen_sqlite};
static const struct backend fake = {open_fake, restart_fake, fake_store_run};
static const struct backend immediate_fake = {.open = open_immediate_fake, .reopen = restart_fake};

#ifdef KOOWATCH_POSTGRESQL
static void open_postgresql(struct fixture *f) {
        struct pg_fixture *server;

        if (!pg_server_is_there())
                skip();
        assert_int_equal(pg_set_up(&f->server), 0);
        server = f->server;
        assert_int_equal(pg_open(server), 0);
        f->sync.store = server->sync.store;
}

static void reopen_postgresql(struct fixture *f) {
        struct pg_fixture *server = f->server;

        pg_reopen(server);
        f->sync.store = server->sync.store;
}

static void close_postgresql(struct fixture *f) {
        (void) pg_tear_down(&f->server);
}

static const struct backend postgresql = {open_postgresql, reopen_postgresql, pg_settle,
                                          close_postgresql, true};
#endif

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->backend = *state;
        f->sync.settle = f->backend->settle;
        directory_make(f->directory);
        f->backend->open(f);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        if (f->backend->close)
                f->backend->close(f);
        else
                store_close(f->sync.store);
        directory_remove(f->directory);
        free(f);
        return 0;
}

static void settle(struct fixture *f) {
        if (f->sync.settle)
                f->sync.settle(f->sync.store);
}

static void reopen(struct fixture *f) {
        f->backend->reopen(f);
}

/* ---- short forms ---- */

/* Registers, or marks as finished under event_id. */
static void put_task(struct fixture *f, const struct store_key *key, const char *event_id) {
        struct store_task task = {.registered = WALL, .inode = UINT64_MAX - 1, .mtime_ns = 123};

        (void) snprintf(task.event_id, sizeof(task.event_id), "%s", event_id);
        sync_put_task(&f->sync, key, key->task_id, &task);
}

static void drop_task(struct fixture *f, const struct store_key *key, usec_t now) {
        sync_drop_task(&f->sync, key, now);
}

static void put_event(struct fixture *f, const char *event_id, usec_t now) {
        CLEANUP(freep) char *body = str_printf("{\"eventId\":\"%s\",\"x\":\"é\"}", event_id);

        sync_put_event(&f->sync, event_id, body, now);
}

static void put_delivery(struct fixture *f, const char *event_id, enum delivery_state state) {
        sync_put_delivery(&f->sync, event_id,
                          &(struct store_delivery){.state = state, .told = true});
}

static void prune(struct fixture *f, usec_t now) {
        sync_prune(&f->sync, now, HISTORY);
}

static struct store_task find_task(struct fixture *f, const struct store_key *key) {
        struct store_task task;

        assert_int_equal(sync_find_task(&f->sync, key, &task), 1);
        return task;
}

static void assert_unknown(struct fixture *f, const struct store_key *key) {
        struct store_task task;

        assert_int_equal(sync_find_task(&f->sync, key, &task), 0);
}

static void assert_tasks(struct fixture *f, const char *expected) {
        CLEANUP(freep) char *text = NULL;

        assert_int_equal(sync_each_task(&f->sync, &text), 0);
        assert_string_equal(text, expected);
}

static void assert_pending(struct fixture *f, const char *expected) {
        CLEANUP(freep) char *text = NULL;

        if (f->backend->is_shared)
                f->backend->reopen(f);
        assert_int_equal(sync_each_pending(&f->sync, &text), 0);
        assert_string_equal(text, expected);
}

static void assert_latest(struct fixture *f, unsigned most, const char *expected) {
        CLEANUP(freep) char *text = NULL;

        assert_int_equal(sync_each_latest(&f->sync, most, &text), 0);
        assert_string_equal(text, expected);
}

static void assert_counts(struct fixture *f, unsigned finished, unsigned parked) {
        struct store_counts counts;

        assert_int_equal(sync_count(&f->sync, &counts), 0);
        assert_int_equal(counts.finished, finished);
        assert_int_equal(counts.parked, parked);
}

/* 0 or a negative errno. */
static int get_event(struct fixture *f, const char *event_id) {
        CLEANUP(freep) char *body = NULL;

        return sync_get_event(&f->sync, event_id, &body);
}

static struct store_batch *batch_new(void) {
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        return batch;
}

/* ---- tasks ---- */

static void test_empty(void **state) {
        struct fixture *f = *state;

        assert_unknown(f, &photos);
        assert_tasks(f, "");
        assert_pending(f, "");
        assert_counts(f, 0, 0);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
        assert_string_equal(store_error(f->sync.store), "");
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
        assert_string_equal(task.name, "task-1");
        assert_int_equal(task.refusals, 0);
        assert_int_equal(task.refused, 0);
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
                drop_task(f, &others[i], WALL);
        }
        (void) find_task(f, &photos);
}

static void test_replaces(void **state) {
        const struct store_task other = {.registered = WALL + 1, .inode = 5, .mtime_ns = -7};
        struct fixture *f = *state;
        struct store_task task;

        put_task(f, &photos, "e1");
        sync_put_task(&f->sync, &photos, "renamed", &other);
        task = find_task(f, &photos);
        assert_int_equal(task.registered, WALL + 1);
        assert_true(task.inode == 5);
        assert_int_equal(task.mtime_ns, -7);
        assert_string_equal(task.event_id, "");
        assert_string_equal(task.name, "renamed");
        assert_tasks(f, "default/share-1/task-1 ");
}

static void test_refusals_are_kept(void **state) {
        struct fixture *f = *state;
        struct store_task task = {.refused = WALL, .refusals = 4};

        sync_put_task(&f->sync, &photos, "photos", &task);
        reopen(f);
        task = find_task(f, &photos);
        assert_int_equal(task.refusals, 4);
        assert_int_equal(task.refused, WALL);

        put_task(f, &photos, "");
        task = find_task(f, &photos);
        assert_int_equal(task.refusals, 0);
        assert_int_equal(task.refused, 0);
}

/* Before this start of the machine, or by a hash that is negative as a number. */
static void test_the_clock_of_a_registration_is_kept(void **state) {
        struct fixture *f = *state;
        struct store_task task = {.boot = INT64_MIN, .booted = -1, .confirmed = true};

        sync_put_task(&f->sync, &photos, "photos", &task);
        reopen(f);
        task = find_task(f, &photos);
        assert_true(task.boot == INT64_MIN);
        assert_int_equal(task.booted, -1);
        assert_true(task.confirmed);

        put_task(f, &photos, "");
        task = find_task(f, &photos);
        assert_true(task.boot == 0 && task.booted == 0 && !task.confirmed);
}

/* They follow from other writes; what a caller had in them is nothing to go by. */
static void test_what_is_only_read_is_not_written(void **state) {
        const struct store_task task = {.delivery = DELIVERY_PARKED, .gone = true};
        const struct store_delivery delivery = {.finished = 1};
        struct fixture *f = *state;

        sync_put_task(&f->sync, &photos, "photos", &task);
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_DONE);
        assert_false(find_task(f, &photos).gone);
        put_event(f, "e1", WALL);
        sync_put_delivery(&f->sync, "e1", &delivery);
        assert_pending(f, "e1:0:0:1747708152000000:0:- ");
}

static void test_each_task(void **state) {
        struct fixture *f = *state;

        put_task(f, &music, "e2");
        put_task(f, &photos, "");
        assert_tasks(f, "default/share-1/task-1 default/share-1/task-2 ");
        drop_task(f, &music, WALL);
        assert_tasks(f, "default/share-1/task-1 ");
}

static void test_drop_forgets_the_unfinished(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        drop_task(f, &photos, WALL);
        assert_unknown(f, &photos);
        drop_task(f, &photos, WALL);
}

static void test_drop_remembers_the_finished(void **state) {
        struct fixture *f = *state;
        struct store_task task;

        put_task(f, &photos, LONG_ID);
        assert_counts(f, 1, 0);
        drop_task(f, &photos, WALL);
        reopen(f);
        task = find_task(f, &photos);
        assert_true(task.gone);
        assert_string_equal(task.event_id, LONG_ID);
        assert_tasks(f, "");
        assert_counts(f, 1, 0);

        /* A new registration is not gone. */
        put_task(f, &photos, "");
        assert_false(find_task(f, &photos).gone);
        assert_counts(f, 0, 0);
}

/* Whether it has finished or not, until it is registered again or forgotten with its history. */
static void test_a_task_that_is_missed_is_kept(void **state) {
        struct fixture *f = *state;
        const char *const event_ids[] = {"", "e1"};

        for (size_t i = 0; i < ARRAY_LEN(event_ids); i++) {
                put_task(f, &photos, event_ids[i]);
                sync_miss_task(&f->sync, &photos, WALL);
                sync_miss_task(&f->sync, &music, WALL);
                reopen(f);
                assert_true(find_task(f, &photos).gone);
                assert_true(find_task(f, &photos).is_away);
                assert_string_equal(find_task(f, &photos).event_id, event_ids[i]);
                assert_unknown(f, &music);
                assert_tasks(f, "");
                put_task(f, &photos, event_ids[i]);
                assert_false(find_task(f, &photos).gone);
                assert_false(find_task(f, &photos).is_away);
                sync_miss_task(&f->sync, &photos, WALL);
                prune(f, WALL + HISTORY + 1);
                assert_unknown(f, &photos);
        }
}

static void test_a_task_knows_how_its_delivery_is(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "e1");
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_DONE); /* no such event */
        put_event(f, "e2", WALL);
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_DONE); /* not its event */
        put_event(f, "e1", WALL);
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_PENDING);
        put_delivery(f, "e1", DELIVERY_PARKED);
        reopen(f);
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_PARKED);
        put_delivery(f, "e1", DELIVERY_DONE);
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_DONE);
}

/* ---- events ---- */

/* In whatever state their deliveries are. */
static void test_latest_events(void **state) {
        struct fixture *f = *state;

        assert_latest(f, 3, "");
        for (unsigned i = 1; i <= 4; i++) {
                CLEANUP(freep) char *id = str_printf("e%u", i);

                sync_put_event(&f->sync, id, id, WALL);
                put_delivery(f, id, i % 2 ? DELIVERY_DONE : DELIVERY_PENDING);
        }
        assert_latest(f, 9, "e1 e2 e3 e4 ");
        reopen(f);
        assert_latest(f, 3, "e2 e3 e4 ");
        assert_latest(f, 0, "");
}

static void test_events(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *body = NULL;

        put_event(f, "e1", WALL);
        reopen(f);
        assert_int_equal(sync_get_event(&f->sync, "e1", &body), 0);
        assert_string_equal(body, "{\"eventId\":\"e1\",\"x\":\"é\"}");
        assert_int_equal(get_event(f, "e2"), -ENOENT);
        assert_pending(f, "e1:0:0:1747708152000000:0:- ");
}

static void test_attempts_are_kept_in_both_counts(void **state) {
        const struct store_delivery delivery = {.attempts = 7, .futile = 2};
        struct fixture *f = *state;

        put_event(f, "e1", WALL);
        sync_put_delivery(&f->sync, "e1", &delivery);
        reopen(f);
        assert_pending(f, "e1:7:2:1747708152000000:0:- ");
}

static void test_delivery_states(void **state) {
        static const struct store_delivery retried = {
                .attempts = 2, .next = WALL, .settled = "[\"10-mail\"]", .told = true};
        struct fixture *f = *state;

        put_event(f, "e2", 2);
        put_event(f, "e1", 1);
        put_event(f, "e3", 3);
        put_event(f, "e4", 4);
        sync_put_delivery(&f->sync, "e3", &retried);
        put_delivery(f, "e1", DELIVERY_DONE);
        put_delivery(f, "e4", DELIVERY_PARKED);
        reopen(f);
        assert_pending(f, "e2:0:0:2:0:- e3:2:0:3:1747708152000000:[\"10-mail\"]:told ");
        assert_counts(f, 0, 1);

        /* A parked one may be taken up again, and starts from the beginning. */
        put_delivery(f, "e4", DELIVERY_PENDING);
        put_delivery(f, "e3", DELIVERY_PENDING);
        assert_pending(f, "e2:0:0:2:0:- e3:0:0:3:0:-:told e4:0:0:4:0:-:told ");
        assert_counts(f, 0, 0);
}

/* However its delivery is: what was not told is listed until it is. */
static void test_told(void **state) {
        static const struct store_delivery done = {.state = DELIVERY_DONE},
                                           parked = {.state = DELIVERY_PARKED};
        struct fixture *f = *state;

        put_event(f, "e3", 3);
        put_event(f, "e2", 2);
        put_event(f, "e1", 1);
        sync_put_delivery(&f->sync, "e1", &done);
        sync_put_delivery(&f->sync, "e2", &parked);
        reopen(f);
        assert_pending(f, "e3:0:0:3:0:- e2:0:0:2:0:-:parked e1:0:0:1:0:-:done ");
        assert_counts(f, 0, 1);
        prune(f, 10 * HISTORY);
        assert_int_equal(get_event(f, "e1"), 0);

        put_delivery(f, "e1", DELIVERY_DONE);
        put_delivery(f, "e2", DELIVERY_PARKED);
        put_delivery(f, "e3", DELIVERY_PENDING);
        reopen(f);
        assert_pending(f, "e3:0:0:3:0:-:told ");
        prune(f, 10 * HISTORY);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
}

static void test_an_event_that_is_put_again_is_a_new_one(void **state) {
        struct fixture *f = *state;

        put_event(f, "e1", 1);
        put_event(f, "e2", 2);
        put_delivery(f, "e1", DELIVERY_PARKED);
        sync_put_event(&f->sync, "e1", "[]", 3);
        assert_pending(f, "e2:0:0:2:0:- e1:0:0:3:0:- ");
        assert_counts(f, 0, 0);
}

static void test_a_delivery_without_event_is_none(void **state) {
        struct fixture *f = *state;

        put_delivery(f, "e1", DELIVERY_PARKED);
        assert_counts(f, 0, 0);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
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

/* ---- history ---- */

static void test_prune(void **state) {
        struct fixture *f = *state;

        /* Gone long ago, and finished with a file that still stands. */
        put_task(f, &photos, "e1");
        put_event(f, "e1", WALL);
        put_delivery(f, "e1", DELIVERY_DONE);
        drop_task(f, &photos, WALL);
        put_task(f, &music, "e2");
        put_event(f, "e2", WALL);
        put_delivery(f, "e2", DELIVERY_PARKED);

        prune(f, WALL + HISTORY);
        (void) find_task(f, &photos);
        assert_int_equal(get_event(f, "e1"), 0);

        prune(f, WALL + HISTORY + 1);
        assert_unknown(f, &photos);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
        (void) find_task(f, &music);
        assert_int_equal(get_event(f, "e2"), 0);

        /* History counts from the disappearance. */
        drop_task(f, &music, WALL + 2 * HISTORY);
        prune(f, WALL + 3 * HISTORY);
        (void) find_task(f, &music);
        assert_int_equal(get_event(f, "e2"), 0);
        prune(f, WALL + 3 * HISTORY + 1);
        assert_unknown(f, &music);
        assert_int_equal(get_event(f, "e2"), -ENOENT);
}

/* It is dropped again at each start, say: that must not set its time back. */
static void test_gone_since_the_first_time(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "e1");
        drop_task(f, &photos, WALL);
        drop_task(f, &photos, WALL + HISTORY);
        prune(f, WALL + HISTORY + 1);
        assert_unknown(f, &photos);
}

static void test_prune_spares_what_is_not_over(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "");
        put_event(f, "e1", WALL); /* its task's registration has been replaced, say */
        prune(f, WALL + 10 * HISTORY);
        (void) find_task(f, &photos);
        assert_pending(f, "e1:0:0:1747708152000000:0:- ");

        put_delivery(f, "e1", DELIVERY_DONE);
        prune(f, WALL + 10 * HISTORY);
        assert_int_equal(get_event(f, "e1"), -ENOENT);
}

static void test_prune_never(void **state) {
        struct fixture *f = *state;

        put_task(f, &photos, "e1");
        drop_task(f, &photos, 1);
        sync_prune(&f->sync, WALL, USEC_INFINITY);
        (void) find_task(f, &photos);
}

/* ---- batches ---- */

static void test_an_empty_batch_is_written(void **state) {
        struct fixture *f = *state;

        assert_int_equal(sync_write(&f->sync, batch_new()), 0);
        assert_tasks(f, "");
}

/* The later write to a row counts, and each sees what the earlier ones have done. */
static void test_writes_of_a_batch_are_made_in_order(void **state) {
        const struct store_task finished = {.event_id = "e1"};
        const struct store_delivery parked = {.state = DELIVERY_PARKED};
        struct fixture *f = *state;
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_delivery(batch, "e1", &parked), 0); /* not there yet */
        assert_int_equal(store_batch_put_event(batch, "e1", "{}", NULL, WALL), 0);
        assert_int_equal(store_batch_put_task(batch, &photos, "old", &(struct store_task){}), 0);
        assert_int_equal(store_batch_put_task(batch, &photos, "new", &finished), 0);
        assert_int_equal(store_batch_put_task(batch, &music, "music", &(struct store_task){}), 0);
        assert_int_equal(store_batch_drop_task(batch, &music, WALL), 0);
        assert_int_equal(sync_write(&f->sync, batch), 0);
        reopen(f);
        assert_tasks(f, "default/share-1/task-1 ");
        assert_string_equal(find_task(f, &photos).name, "new");
        assert_int_equal(find_task(f, &photos).delivery, DELIVERY_PENDING);
        assert_unknown(f, &music);
}

/* ---- callbacks ---- */

/* A letter for each callback, in their order. */
struct course {
        struct fixture *f;
        char text[16];
};

static void course_add(struct course *c, char letter) {
        size_t length = strlen(c->text);

        assert_true(length + 1 < sizeof(c->text));
        c->text[length] = letter;
}

static void on_first_found(void *userdata, int found, const struct store_task *task) {
        assert_int_equal(found, 0);
        assert_null(task);
        course_add(userdata, 'n');
}

static void on_then_found(void *userdata, int found, const struct store_task *task) {
        assert_int_equal(found, 1);
        assert_non_null(task);
        course_add(userdata, 'y');
}

static void on_written(void *userdata, int error) {
        assert_int_equal(error, 0);
        course_add(userdata, 'w');
}

/* What is read has seen every earlier write, and no later one. */
static void test_operations_take_effect_in_order(void **state) {
        struct fixture *f = *state;
        struct course course = {.f = f};
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_task(batch, &photos, "p", &(struct store_task){}), 0);
        store_find_task(f->sync.store, &photos, on_first_found, &course);
        store_write(f->sync.store, batch, on_written, &course);
        store_find_task(f->sync.store, &photos, on_then_found, &course);
        settle(f);
        assert_string_equal(course.text, "nwy");
}

static void on_found_write(void *userdata, int found, const struct store_task *task) {
        struct course *c = userdata;
        struct store_batch *batch = batch_new();

        on_first_found(c, found, task);
        assert_int_equal(store_batch_put_task(batch, &photos, "p", &(struct store_task){}), 0);
        store_write(c->f->sync.store, batch, on_written, c);
        store_find_task(c->f->sync.store, &photos, on_then_found, c);
}

static void on_row_nothing(void *userdata, const struct store_key *key) {
        (void) key;
        course_add(userdata, 'r');
}

static void on_second_event(void *userdata, int error, const char *body) {
        assert_int_equal(error, 0);
        assert_string_equal(body, "{\"eventId\":\"e2\",\"x\":\"é\"}");
        course_add(userdata, '2');
}

static void on_event_ask_again(void *userdata, int error, const char *body) {
        struct course *c = userdata;

        assert_int_equal(error, 0);
        course_add(c, '1');
        store_get_event(c->f->sync.store, "e2", on_second_event, c);
        /* Still there: it is borrowed for as long as this function runs. */
        assert_string_equal(body, "{\"eventId\":\"e1\",\"x\":\"é\"}");
}

static void on_music_found(void *userdata, int found, const struct store_task *task) {
        assert_int_equal(found, 1);
        assert_string_equal(task->event_id, "e2");
        course_add(userdata, '2');
}

static void on_found_ask_again(void *userdata, int found, const struct store_task *task) {
        struct course *c = userdata;

        assert_int_equal(found, 1);
        course_add(c, '1');
        store_find_task(c->f->sync.store, &music, on_music_found, c);
        assert_string_equal(task->event_id, "e1");
}

static void on_end_ask_again(void *userdata, int error) {
        struct course *c = userdata;

        assert_int_equal(error, 0);
        course_add(c, 'e');
        store_each_task(c->f->sync.store, on_row_nothing, on_written, c);
}

/* From each callback but on_row the store may be called, the same function included. */
static void test_callbacks_may_call_the_store(void **state) {
        struct fixture *f = *state;
        struct course written = {.f = f}, found = {.f = f}, event = {.f = f}, end = {.f = f};

        store_find_task(f->sync.store, &photos, on_found_write, &written);
        settle(f);
        assert_string_equal(written.text, "nwy");

        put_task(f, &photos, "e1");
        put_task(f, &music, "e2");
        put_event(f, "e1", WALL);
        put_event(f, "e2", WALL);
        store_find_task(f->sync.store, &photos, on_found_ask_again, &found);
        store_get_event(f->sync.store, "e1", on_event_ask_again, &event);
        store_each_task(f->sync.store, on_row_nothing, on_end_ask_again, &end);
        settle(f);
        assert_string_equal(found.text, "12");
        assert_string_equal(event.text, "12");
        assert_string_equal(end.text, "rrerrw");
}

/* What a caller passes is his again as soon as the function has returned. */
static void test_arguments_are_not_kept(void **state) {
        char account[] = "default", share[] = "share-1", id[] = "task-1", event[] = "e1";
        char *const all[] = {account, share, id, event};
        struct store_key key = {account, share, id};
        struct fixture *f = *state;
        struct course found = {.f = f}, got = {.f = f};

        put_task(f, &photos, "");
        put_event(f, "e1", WALL);
        put_event(f, "e2", WALL);
        store_find_task(f->sync.store, &key, on_then_found, &found);
        store_get_event(f->sync.store, event, on_event_ask_again, &got);
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
                memset(all[i], '?', strlen(all[i]));
        memset(&key, 0, sizeof(key));
        settle(f);
        assert_string_equal(found.text, "y");
        assert_string_equal(got.text, "12");
}

/* ---- history ---- */

static void put_run(struct fixture *f, const char *event_id, unsigned attempt, const char *tail) {
        const struct store_run run = {.hook = "finished.d/a",
                                      .attempt = attempt,
                                      .started = WALL,
                                      .duration = 5,
                                      .status = "failed",
                                      .exit_status = 3,
                                      .signal = -1,
                                      .tail = tail};
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_run(batch, event_id, &run), 0);
        assert_int_equal(sync_write(&f->sync, batch), 0);
}

static void put_text(struct fixture *f, const char *event_id, const char *body,
                     const char *samples) {
        struct store_batch *batch = batch_new();

        if (body)
                assert_int_equal(store_batch_put_body(batch, event_id, body, NULL), 0);
        if (samples)
                assert_int_equal(store_batch_put_samples(batch, event_id, samples), 0);
        assert_int_equal(sync_write(&f->sync, batch), 0);
}

static void assert_runs(struct fixture *f, const char *event_id, const char *expected) {
        CLEANUP(freep) char *text = NULL;

        assert_int_equal(sync_each_run(&f->sync, event_id, &text), 0);
        assert_string_equal(text, expected);
}

static void test_an_event_is_found_as_a_whole(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *none = NULL, *first = NULL, *second = NULL;

        assert_int_equal(sync_find_event(&f->sync, "e1", &none), 0);
        assert_null(none);
        put_event(f, "e1", WALL);
        assert_int_equal(sync_find_event(&f->sync, "e1", &first), 1);
        assert_string_equal(first, "1:e1:{\"eventId\":\"e1\",\"x\":\"é\"}:-:0:0:-");
        sync_put_delivery(&f->sync, "e1",
                          &(struct store_delivery){
                                  .state = DELIVERY_PARKED,
                                  .attempts = 3,
                                  .settled = "[]",
                          });
        put_text(f, "e1", "{}", "[1,2]");
        reopen(f);
        assert_int_equal(sync_find_event(&f->sync, "e1", &second), 1);
        assert_string_equal(second, "1:e1:{}:[1,2]:2:3:[]");
}

/* No event comes to be by what is written of one that is not there. */
static void test_history_of_an_unknown_event_is_none(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *none = NULL;

        put_text(f, "e1", "{}", "[]");
        put_run(f, "e1", 1, NULL);
        assert_int_equal(sync_find_event(&f->sync, "e1", &none), 0);
        assert_runs(f, "e1", "");
}

static void test_events_are_listed_backwards(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *all = NULL, *some = NULL, *none = NULL;

        for (unsigned i = 0; i < 3; i++) {
                const char id[] = {'e', (char) ('1' + i), '\0'};

                put_event(f, id, WALL);
                put_text(f, id, id, NULL);
        }
        assert_int_equal(sync_each_event(&f->sync, INT64_MAX, 10, &all), 0);
        assert_string_equal(all, "3:e3:e3:-:0:0:- 2:e2:e2:-:0:0:- 1:e1:e1:-:0:0:- ");
        assert_int_equal(sync_each_event(&f->sync, 3, 1, &some), 0);
        assert_string_equal(some, "2:e2:e2:-:0:0:- ");
        assert_int_equal(sync_each_event(&f->sync, 1, 10, &none), 0);
        assert_string_equal(none, "");
}

static void test_runs_are_kept_in_order(void **state) {
        struct fixture *f = *state;

        put_event(f, "e1", WALL);
        put_event(f, "e2", WALL);
        assert_runs(f, "e1", "");
        put_run(f, "e1", 1, NULL);
        put_run(f, "e2", 1, "of the other");
        put_run(f, "e1", 2, "no such é");
        reopen(f);
        assert_runs(f, "e1",
                    "finished.d/a:1:1747708152000000:5:failed:3:-1:- "
                    "finished.d/a:2:1747708152000000:5:failed:3:-1:no such é ");
}

static void test_the_first_runs_go(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *text = NULL;
        unsigned count = 0;

        put_event(f, "e1", WALL);
        for (unsigned i = 1; i <= STORE_RUNS_MAX + 2; i++)
                put_run(f, "e1", i, NULL);
        assert_int_equal(sync_each_run(&f->sync, "e1", &text), 0);
        for (const char *at = text; (at = strstr(at, "finished.d")); at++)
                count++;
        assert_int_equal(count, STORE_RUNS_MAX);
        assert_non_null(str_after(text, "finished.d/a:3:"));
}

/* They go with their event: one of the same id that comes later has none. */
static void test_runs_are_forgotten_with_their_event(void **state) {
        struct fixture *f = *state;

        put_event(f, "e1", WALL);
        put_run(f, "e1", 1, NULL);
        sync_put_delivery(&f->sync, "e1",
                          &(struct store_delivery){.state = DELIVERY_DONE, .told = true});
        sync_prune(&f->sync, WALL + HISTORY + USEC_DAY, HISTORY);
        put_event(f, "e1", WALL);
        assert_runs(f, "e1", "");
}

static void test_close_accepts_nothing(void **state) {
        (void) state;
        store_close(NULL);
}

#define TEST(name, function, backend) \
        { name ": " #function, function, set_up, tear_down, (void *) &(backend) }
#define SCENARIO_OF_ALL(function)                                       \
        TEST("SQLite", function, sqlite), TEST("fake", function, fake), \
                TEST("immediate fake", function, immediate_fake)
#ifdef KOOWATCH_POSTGRESQL
#define SCENARIO(function) SCENARIO_OF_ALL(function), TEST("PostgreSQL", function, postgresql)
#else
#define SCENARIO(function) SCENARIO_OF_ALL(function)
#define pg_server_start NULL
#define pg_server_stop NULL
#endif

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENARIO(test_empty),
                SCENARIO(test_registers),
                SCENARIO(test_keys),
                SCENARIO(test_replaces),
                SCENARIO(test_refusals_are_kept),
                SCENARIO(test_the_clock_of_a_registration_is_kept),
                SCENARIO(test_what_is_only_read_is_not_written),
                SCENARIO(test_each_task),
                SCENARIO(test_drop_forgets_the_unfinished),
                SCENARIO(test_drop_remembers_the_finished),
                SCENARIO(test_a_task_knows_how_its_delivery_is),
                SCENARIO(test_events),
                SCENARIO(test_latest_events),
                SCENARIO(test_attempts_are_kept_in_both_counts),
                SCENARIO(test_delivery_states),
                SCENARIO(test_told),
                SCENARIO(test_an_event_that_is_put_again_is_a_new_one),
                SCENARIO(test_a_delivery_without_event_is_none),
                SCENARIO(test_text_is_data),
                SCENARIO(test_prune),
                SCENARIO(test_gone_since_the_first_time),
                SCENARIO(test_a_task_that_is_missed_is_kept),
                SCENARIO(test_prune_spares_what_is_not_over),
                SCENARIO(test_prune_never),
                SCENARIO(test_an_empty_batch_is_written),
                SCENARIO(test_writes_of_a_batch_are_made_in_order),
                SCENARIO(test_operations_take_effect_in_order),
                SCENARIO(test_callbacks_may_call_the_store),
                SCENARIO(test_arguments_are_not_kept),
                SCENARIO(test_an_event_is_found_as_a_whole),
                SCENARIO(test_history_of_an_unknown_event_is_none),
                SCENARIO(test_events_are_listed_backwards),
                SCENARIO(test_runs_are_kept_in_order),
                SCENARIO(test_the_first_runs_go),
                SCENARIO(test_runs_are_forgotten_with_their_event),
                cmocka_unit_test(test_close_accepts_nothing),
        };

        return cmocka_run_group_tests(tests, pg_server_start, pg_server_stop);
}
