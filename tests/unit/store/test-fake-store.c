/*
 * The fake store's own part: when it answers, and how it fails. That it is a store as SQLite's
 * is, test-store.c shows.
 */
#include <errno.h>

#include "koowatchd/store/store-batch.h"
#include "unit/store/fake-store.h"
#include "unit/store/sync-store.h"
#include "unit/support.h"

#define WALL (1747708152 * USEC_SEC)

static const struct store_key photos = {"default", "share-1", "task-1"};

/* What has come so far. */
struct heard {
        struct store *store;
        unsigned rows, ends;
        int last;
};

static int set_up(void **state) {
        struct heard *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        h->store = fake_store_new();
        *state = h;
        return 0;
}

static int tear_down(void **state) {
        struct heard *h = *state;

        store_close(h->store);
        free(h);
        return 0;
}

static void on_done(void *userdata, int error) {
        struct heard *h = userdata;

        h->ends++;
        h->last = error;
}

static void on_found(void *userdata, int found, const struct store_task *task) {
        assert_int_equal(found == 1, task != NULL);
        on_done(userdata, found);
}

static void on_event(void *userdata, int error, const char *body) {
        assert_int_equal(error == 0, body != NULL);
        on_done(userdata, error);
}

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        assert_int_equal(error == 0, counts != NULL);
        on_done(userdata, error);
}

static void on_task(void *userdata, const struct store_key *key) {
        (void) key;
        ((struct heard *) userdata)->rows++;
}

static void on_pending(void *userdata, const char *event_id, const struct store_delivery *d) {
        (void) event_id;
        (void) d;
        ((struct heard *) userdata)->rows++;
}

/* A task that has finished, and its event, in one batch. */
static void write_finished(struct heard *h) {
        const struct store_task task = {.registered = WALL, .event_id = "e1"};
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        assert_int_equal(store_batch_put_task(batch, &photos, "photos", &task), 0);
        assert_int_equal(store_batch_put_event(batch, "e1", "{}", NULL, WALL), 0);
        store_write(h->store, batch, on_done, h);
}

/* One of each kind. */
#define READS 5
static void read_all_kinds(struct heard *h) {
        store_find_task(h->store, &photos, on_found, h);
        store_each_task(h->store, on_task, on_done, h);
        store_get_event(h->store, "e1", on_event, h);
        store_each_pending(h->store, on_pending, on_done, h);
        store_count(h->store, on_counted, h);
}

static void test_nothing_is_done_before_a_step(void **state) {
        struct heard *h = *state;

        assert_false(fake_store_step(h->store));
        write_finished(h);
        read_all_kinds(h);
        assert_int_equal(fake_store_pending(h->store), 1 + READS);
        assert_int_equal(h->ends, 0);
        assert_int_equal(fake_store_tasks(h->store), 0);
        assert_int_equal(fake_store_events(h->store), 0);

        assert_true(fake_store_step(h->store));
        assert_int_equal(h->ends, 1);
        assert_int_equal(fake_store_pending(h->store), READS);
        assert_int_equal(fake_store_tasks(h->store), 1);
        for (unsigned i = 0; i < READS; i++) {
                assert_int_equal(h->ends, 1 + i);
                assert_true(fake_store_step(h->store));
        }
        assert_int_equal(h->ends, 1 + READS);
        assert_int_equal(h->rows, 2);
        assert_false(fake_store_step(h->store));
}

static void on_done_write(void *userdata, int error) {
        struct heard *h = userdata;

        on_done(h, error);
        write_finished(h);
}

static void test_run_also_carries_out_what_callbacks_add(void **state) {
        struct heard *h = *state;

        store_each_task(h->store, on_task, on_done_write, h);
        assert_true(fake_store_step(h->store));
        assert_int_equal(fake_store_pending(h->store), 1);
        store_each_task(h->store, on_task, on_done_write, h);
        fake_store_run(h->store);
        assert_int_equal(fake_store_pending(h->store), 0);
        assert_int_equal(h->ends, 4);
        assert_int_equal(fake_store_writes(h->store), 2);
}

static void test_immediate(void **state) {
        struct heard *h = *state;

        write_finished(h);
        fake_store_set_immediate(h->store, true);
        assert_int_equal(h->ends, 1);
        assert_int_equal(fake_store_tasks(h->store), 1);
        read_all_kinds(h);
        assert_int_equal(h->ends, 1 + READS);
        assert_int_equal(fake_store_pending(h->store), 0);

        fake_store_set_immediate(h->store, false);
        read_all_kinds(h);
        assert_int_equal(h->ends, 1 + READS);
        assert_int_equal(fake_store_pending(h->store), READS);
}

static void test_a_write_fails_as_a_whole(void **state) {
        struct heard *h = *state;

        write_finished(h);
        fake_store_fail_next(h->store, -ENOSPC);
        assert_string_equal(store_error(h->store), "");
        fake_store_run(h->store);
        assert_int_equal(h->last, -ENOSPC);
        assert_string_equal(store_error(h->store), strerror(ENOSPC));
        assert_int_equal(fake_store_tasks(h->store), 0);
        assert_int_equal(fake_store_events(h->store), 0);
        assert_int_equal(fake_store_writes(h->store), 0);

        /* It was the next one only. */
        write_finished(h);
        fake_store_run(h->store);
        assert_int_equal(h->last, 0);
        assert_int_equal(fake_store_tasks(h->store), 1);
        assert_int_equal(fake_store_writes(h->store), 1);
}

static void test_each_read_can_fail(void **state) {
        struct heard *h = *state;

        write_finished(h);
        fake_store_run(h->store);
        read_all_kinds(h);
        for (int i = 1; i <= READS; i++) {
                fake_store_fail_next(h->store, -i);
                assert_true(fake_store_step(h->store));
                assert_int_equal(h->last, -i);
        }
        assert_int_equal(h->rows, 0);

        read_all_kinds(h);
        while (fake_store_step(h->store))
                assert_true(h->last >= 0);
        assert_int_equal(h->rows, 2);
}

static void test_restart_forgets_what_is_queued(void **state) {
        struct heard *h = *state;

        write_finished(h);
        fake_store_run(h->store);
        read_all_kinds(h);
        store_write(h->store, store_batch_new(), on_done, h);
        fake_store_restart(h->store);
        assert_int_equal(fake_store_pending(h->store), 0);
        fake_store_run(h->store);
        assert_int_equal(h->ends, 1);
        assert_int_equal(fake_store_tasks(h->store), 1);
        assert_int_equal(fake_store_events(h->store), 1);
}

static void test_no_callback_after_the_end(void **state) {
        struct heard h = {.store = fake_store_new()};

        (void) state;
        write_finished(&h);
        read_all_kinds(&h);
        store_close(h.store);
        assert_int_equal(h.ends, 0);
}

static void test_rows_can_be_looked_at(void **state) {
        static const struct store_key other = {"default", "share-1", "task-2"};
        const struct store_delivery parked = {
                .state = DELIVERY_PARKED, .attempts = 3, .settled = "[]"};
        struct heard *h = *state;
        const struct sync_store sync = {h->store, fake_store_run};

        assert_null(fake_store_task(h->store, &photos));
        assert_null(fake_store_event(h->store, "e1"));
        write_finished(h);
        fake_store_run(h->store);
        assert_int_equal(fake_store_task(h->store, &photos)->registered, WALL);
        assert_int_equal(fake_store_task(h->store, &photos)->delivery, DELIVERY_PENDING);
        assert_false(fake_store_task(h->store, &photos)->gone);
        assert_string_equal(fake_store_task_name(h->store, &photos), "photos");
        assert_null(fake_store_task(h->store, &other));
        assert_null(fake_store_task_name(h->store, &other));
        assert_string_equal(fake_store_event_body(h->store, "e1"), "{}");
        assert_null(fake_store_event_body(h->store, "e2"));

        sync_put_delivery(&sync, "e1", &parked);
        sync_drop_task(&sync, &photos, WALL);
        assert_int_equal(fake_store_task(h->store, &photos)->delivery, DELIVERY_PARKED);
        assert_true(fake_store_task(h->store, &photos)->gone);
        assert_int_equal(fake_store_event(h->store, "e1")->attempts, 3);
        assert_int_equal(fake_store_event(h->store, "e1")->finished, WALL);
        assert_string_equal(fake_store_event(h->store, "e1")->settled, "[]");
        assert_int_equal(fake_store_tasks(h->store), 1);
        assert_int_equal(fake_store_events(h->store), 1);
}

static void test_empty_batches_do_not_count_as_writes(void **state) {
        struct heard *h = *state;

        store_write(h->store, store_batch_new(), on_done, h);
        fake_store_run(h->store);
        assert_int_equal(h->ends, 1);
        assert_int_equal(fake_store_writes(h->store), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_nothing_is_done_before_a_step),
                TEST(test_run_also_carries_out_what_callbacks_add),
                TEST(test_immediate),
                TEST(test_a_write_fails_as_a_whole),
                TEST(test_each_read_can_fail),
                TEST(test_restart_forgets_what_is_queued),
                cmocka_unit_test(test_no_callback_after_the_end),
                TEST(test_rows_can_be_looked_at),
                TEST(test_empty_batches_do_not_count_as_writes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
