/* A batch: what goes in comes out, in order, and is the batch's own. */
#include "koowatchd/store/store-batch.h"
#include "unit/support.h"

#define WALL (1747708152 * USEC_SEC)

static const struct store_key photos = {"default", "share-1", "task-1"};

static int set_up(void **state) {
        *state = store_batch_new();
        assert_non_null(*state);
        return 0;
}

static int tear_down(void **state) {
        store_batch_free(*state);
        return 0;
}

/* The only write that there is. */
static const struct store_op *only_op(const struct store_batch *batch, enum store_write kind) {
        const struct store_op *op = store_batch_next(batch, NULL);

        assert_false(store_batch_is_empty(batch));
        assert_non_null(op);
        assert_int_equal(op->kind, kind);
        assert_null(store_batch_next(batch, op));
        return op;
}

static void test_a_new_one_is_empty(void **state) {
        assert_true(store_batch_is_empty(*state));
        assert_null(store_batch_next(*state, NULL));
}

static void assert_photos(const struct store_op *op) {
        assert_string_equal(op->key.account, "default");
        assert_string_equal(op->key.share_id, "share-1");
        assert_string_equal(op->key.task_id, "task-1");
}

static void test_put_task(void **state) {
        const struct store_task task = {
                .registered = WALL,
                .inode = UINT64_MAX,
                .mtime_ns = -7,
                .refused = WALL + 1,
                .refusals = 3,
                .event_id = "0123456789abcdef0123456789abcdef",
        };
        const struct store_op *op;

        assert_int_equal(store_batch_put_task(*state, &photos, "holiday", &task), 0);
        op = only_op(*state, STORE_PUT_TASK);
        assert_photos(op);
        assert_string_equal(op->name, "holiday");
        assert_int_equal(op->task.registered, WALL);
        assert_true(op->task.inode == UINT64_MAX);
        assert_int_equal(op->task.mtime_ns, -7);
        assert_int_equal(op->task.refused, WALL + 1);
        assert_int_equal(op->task.refusals, 3);
        assert_string_equal(op->task.event_id, task.event_id);
}

static void test_drop_task(void **state) {
        const struct store_op *op;

        assert_int_equal(store_batch_drop_task(*state, &photos, WALL), 0);
        op = only_op(*state, STORE_DROP_TASK);
        assert_photos(op);
        assert_int_equal(op->now, WALL);
}

static void test_put_event(void **state) {
        const struct store_op *op;

        assert_int_equal(store_batch_put_event(*state, "e1", "{\"x\":\"é\"}", NULL, WALL), 0);
        op = only_op(*state, STORE_PUT_EVENT);
        assert_string_equal(op->event_id, "e1");
        assert_string_equal(op->body, "{\"x\":\"é\"}");
        assert_int_equal(op->now, WALL);
}

static void test_put_delivery(void **state) {
        const struct store_delivery delivery = {
                .state = DELIVERY_PARKED,
                .attempts = 7,
                .futile = 2,
                .next = WALL,
                .settled = "[\"10-mail\"]",
        };
        const struct store_op *op;

        assert_int_equal(store_batch_put_delivery(*state, "e1", &delivery), 0);
        op = only_op(*state, STORE_PUT_DELIVERY);
        assert_string_equal(op->event_id, "e1");
        assert_int_equal(op->delivery.state, DELIVERY_PARKED);
        assert_int_equal(op->delivery.attempts, 7);
        assert_int_equal(op->delivery.futile, 2);
        assert_int_equal(op->delivery.next, WALL);
        assert_string_equal(op->delivery.settled, "[\"10-mail\"]");
}

static void test_no_settled_hooks_are_not_empty_ones(void **state) {
        const struct store_delivery delivery = {.state = DELIVERY_DONE};

        assert_int_equal(store_batch_put_delivery(*state, "e1", &delivery), 0);
        assert_null(only_op(*state, STORE_PUT_DELIVERY)->delivery.settled);
}

static void test_prune(void **state) {
        const struct store_op *op;

        assert_int_equal(store_batch_prune(*state, WALL, USEC_DAY), 0);
        op = only_op(*state, STORE_PRUNE);
        assert_int_equal(op->now, WALL);
        assert_int_equal(op->history, USEC_DAY);
}

/* Also writes to the same row: the last one counts, and only the backend can say so. */
static void test_writes_keep_their_order(void **state) {
        static const enum store_write expected[] = {
                STORE_PUT_EVENT,    STORE_PUT_TASK,  STORE_PUT_DELIVERY,
                STORE_PUT_DELIVERY, STORE_DROP_TASK, STORE_PRUNE,
        };
        const struct store_delivery deliveries[] = {{.attempts = 1}, {.attempts = 2}};
        const struct store_task task = {.event_id = "e1"};
        const struct store_op *op = NULL;

        assert_int_equal(store_batch_put_event(*state, "e1", "{}", NULL, WALL), 0);
        assert_int_equal(store_batch_put_task(*state, &photos, "holiday", &task), 0);
        assert_int_equal(store_batch_put_delivery(*state, "e1", &deliveries[0]), 0);
        assert_int_equal(store_batch_put_delivery(*state, "e1", &deliveries[1]), 0);
        assert_int_equal(store_batch_drop_task(*state, &photos, WALL), 0);
        assert_int_equal(store_batch_prune(*state, WALL, USEC_DAY), 0);
        for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                op = store_batch_next(*state, op);
                assert_non_null(op);
                assert_int_equal(op->kind, expected[i]);
                if (i == 2 || i == 3)
                        assert_int_equal(op->delivery.attempts, i - 1);
        }
        assert_null(store_batch_next(*state, op));
}

/* It may be written long after its sources have changed. */
static void test_all_strings_are_its_own(void **state) {
        char account[] = "default", share[] = "share-1", id[] = "task-1", name[] = "holiday";
        char event[] = "e1", body[] = "{}", settled[] = "[]";
        char *const all[] = {account, share, id, name, event, body, settled};
        const struct store_key key = {account, share, id};
        const struct store_delivery delivery = {.settled = settled};
        const struct store_op *op;

        assert_int_equal(store_batch_put_task(*state, &key, name, &(struct store_task){}), 0);
        assert_int_equal(store_batch_drop_task(*state, &key, WALL), 0);
        assert_int_equal(store_batch_put_event(*state, event, body, NULL, WALL), 0);
        assert_int_equal(store_batch_put_delivery(*state, event, &delivery), 0);
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
                memset(all[i], '?', strlen(all[i]));

        op = store_batch_next(*state, NULL);
        assert_photos(op);
        assert_string_equal(op->name, "holiday");
        op = store_batch_next(*state, op);
        assert_photos(op);
        op = store_batch_next(*state, op);
        assert_string_equal(op->event_id, "e1");
        assert_string_equal(op->body, "{}");
        op = store_batch_next(*state, op);
        assert_string_equal(op->event_id, "e1");
        assert_string_equal(op->delivery.settled, "[]");
}

static void test_free_accepts_nothing(void **state) {
        (void) state;
        store_batch_free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_new_one_is_empty),
                TEST(test_put_task),
                TEST(test_drop_task),
                TEST(test_put_event),
                TEST(test_put_delivery),
                TEST(test_no_settled_hooks_are_not_empty_ones),
                TEST(test_prune),
                TEST(test_writes_keep_their_order),
                TEST(test_all_strings_are_its_own),
                cmocka_unit_test(test_free_accepts_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
