/* PostgreSQL values: the parameters of each write. */
#include "koowatchd/store-postgresql/pg-values.h"
#include "unit/support.h"

static const struct store_key key = {"a", "s", "t"};

/* "STATEMENT-INDEX:VALUE,VALUE... " of each statement of the batch's only write. Takes it over. */
static void assert_written(struct store_batch *batch, int added, const char *expected) {
        const struct pg_identity identity = {"node", "label", 41, 42, 44, 43};
        const struct store_op *op = store_batch_next(batch, NULL);
        enum pg_statement steps[PG_WRITE_STEPS];
        char got[512] = "";
        size_t n;

        assert_int_equal(added, 0);
        n = pg_statements_of(op, steps);
        for (size_t i = 0; i < n; i++) {
                struct pg_values values;

                assert_int_equal(pg_values_of(op, steps[i], &values), 0);
                pg_values_add_identity(&values, steps[i], &identity);
                for (int k = 0; k < values.n; k++)
                        (void) snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
                                        k > 0 ? "," : "", values.at[k] ? values.at[k] : "NULL");
                (void) strcat(got, ";");
                pg_values_clear(&values);
        }
        assert_string_equal(got, expected);
        store_batch_free(batch);
}

static struct store_batch *batch_new(void) {
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        return batch;
}

static void test_writes(void **state) {
        const struct store_task task = {.registered = 1,
                                        .inode = UINT64_MAX,
                                        .mtime_ns = -2,
                                        .refused = 3,
                                        .refusals = 4,
                                        .boot = INT64_MIN,
                                        .booted = -5,
                                        .confirmed = true,
                                        .event_id = "e"};
        const struct store_delivery delivery = {
                .state = DELIVERY_PARKED, .attempts = 3, .futile = 2, .next = 9, .told = true};
        const struct store_run run = {.hook = "h",
                                      .attempt = 1,
                                      .started = 2,
                                      .duration = 3,
                                      .status = "done",
                                      .exit_status = -1,
                                      .signal = 9};
        const struct store_source source = {.node = "other",
                                            .path = "/p",
                                            .account = "a",
                                            .text = "x",
                                            .inode = UINT64_MAX,
                                            .mtime_ns = -2,
                                            .removes_finished = true};
        struct store_batch *b;

        (void) state;
        b = batch_new();
        assert_written(b, store_batch_put_task(b, &key, "n", &task),
                       "a,s,t,n,1,-1,-2,e,4,3,-9223372036854775808,-5,t;");
        b = batch_new();
        assert_written(b, store_batch_drop_task(b, &key, 7), "a,s,t;a,s,t,7;");
        b = batch_new();
        assert_written(b, store_batch_miss_task(b, &key, 7), "a,s,t,7;");
        b = batch_new();
        assert_written(b, store_batch_put_event(b, "e", "{}", "l", 7), "e,{},7,l,41,42;");
        b = batch_new();
        assert_written(b, store_batch_put_delivery(b, "e", &delivery),
                       "e,2,3,9,NULL,2,t,41,label,42;");
        b = batch_new();
        assert_written(b, store_batch_put_body(b, "e", "{}", "gpu"), "e,{},gpu,41;");
        b = batch_new();
        assert_written(b, store_batch_put_samples(b, "e", "[]"), "e,[],41;");
        b = batch_new();
        assert_written(b, store_batch_put_run(b, "e", &run),
                       "e,h,1,2,3,done,NULL,9,NULL,41;e,200;");
        b = batch_new();
        assert_written(b, store_batch_prune(b, 9, 2), ";7;7;");
        b = batch_new();
        assert_written(b, store_batch_prune(b, 9, USEC_INFINITY), ";");
        b = batch_new();
        assert_written(b, store_batch_put_source(b, &source), "/p,a,x,-1,-2,t,node;");
        b = batch_new();
        assert_written(b, store_batch_put_secret(b, "a", "sealed"), "a,sealed,41;");
        b = batch_new();
        assert_written(b, store_batch_drop_source(b, "/p"), "/p,node;");
        b = batch_new();
        assert_written(b, store_batch_finish_source(b, &source), "other,/p,-1,-2;");
}

/* What a hook prints may be anything; the server takes UTF-8. */
static void test_what_is_no_utf8_is_made_plain(void **state) {
        const struct store_run run = {.hook = "h",
                                      .status = "done",
                                      .tail = "a\xff"
                                              "b\n"};
        struct store_batch *b = batch_new();

        (void) state;
        assert_written(b, store_batch_put_run(b, "e", &run), "e,h,0,0,0,done,0,0,a?b?,41;e,200;");
        b = batch_new();
        assert_written(b, store_batch_put_body(b, "e", "é\n", NULL), "e,é\n,NULL,41;");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_writes),
                cmocka_unit_test(test_what_is_no_utf8_is_made_plain),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
