/*
 * PostgreSQL's own part of the store: its server, and what can happen to that. What every backend
 * must do is in test-store.c, which PostgreSQL has to pass as well.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>

#include "koowatchd/loop/timer.h"
#include "koowatchd/store-postgresql/pg-schema.h"
#include "koowatchd/store-postgresql/store-postgresql.h"
#include "koowatchd/store/store-batch.h"
#include "unit/loop-until.h"
#include "unit/store/pg-fixture.h"

#define WALL (1747708152 * USEC_SEC)

static const struct store_key photos = {"default", "share-1", "task-1"};

/* ---- short forms ---- */

struct answer {
        unsigned ends;
        int result;
        unsigned rows;
};

static void on_done(void *userdata, int error) {
        struct answer *a = userdata;

        a->ends++;
        a->result = error;
}

static void on_found(void *userdata, int found, const struct store_task *task) {
        (void) task;
        on_done(userdata, found);
}

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        (void) counts;
        on_done(userdata, error);
}

static void on_key(void *userdata, const struct store_key *key) {
        struct answer *a = userdata;

        (void) key;
        a->rows++;
}

static struct store_batch *batch_new(void) {
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        return batch;
}

static void write_event(struct pg_fixture *f, const char *event_id, struct answer *answer) {
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_event(batch, event_id, "{}", NULL, WALL), 0);
        store_write(f->sync.store, batch, on_done, answer);
}

static struct pg_fixture *begin(void **state) {
        struct pg_fixture *f = *state;

        if (!f)
                skip();
        assert_int_equal(pg_open(f), 0);
        return f;
}

static void assert_query(const struct pg_fixture *f, const char *query, const char *expected) {
        CLEANUP(freep) char *value = pg_query(f, query);

        assert_non_null(value);
        assert_string_equal(value, expected);
}

static void execute(const struct pg_fixture *f, const char *command) {
        free(pg_query(f, command));
}

/* ---- a server that comes and goes ---- */

static void test_a_server_that_is_not_there_is_waited_for(void **state) {
        struct answer found = {}, written = {}, counted = {}, late = {};
        struct pg_fixture *f = *state;

        if (!f)
                skip();
        pg_server_do("stop");
        assert_int_equal(pg_open(f), 0);
        store_find_task(f->sync.store, &photos, on_found, &found);
        write_event(f, "e1", &written);
        store_count(f->sync.store, on_counted, &counted);
        assert_int_equal(written.ends, 0); /* it may be there in a moment */
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_true(f->error < 0);
        assert_true(strlen(store_error(f->sync.store)) > 0);
        assert_int_equal(written.ends, 1);
        assert_int_equal(written.result, -ENOTCONN);
        assert_int_equal(counted.result, -ENOTCONN);
        write_event(f, "e1", &late);
        assert_int_equal(late.result, -ENOTCONN); /* at once */
        assert_int_equal(found.ends, 0);

        pg_server_do("again");
        LOOP_UNTIL(f->loop, f->reached > 0);
        pg_settle(f->sync.store);
        assert_int_equal(f->lost, 1); /* told once, however often it was tried */
        assert_int_equal(found.ends, 1);
        assert_int_equal(found.result, 0);
        assert_query(f, "SELECT count(*) FROM @event", "0");
}

static void test_it_goes_on_after_a_restart_of_the_server(void **state) {
        struct answer before = {}, meanwhile = {}, after = {};
        struct pg_fixture *f = begin(state);

        write_event(f, "e1", &before);
        pg_settle(f->sync.store);
        assert_int_equal(before.ends, 1);
        assert_int_equal(before.result, 0);
        pg_server_do("stop");
        write_event(f, "e2", &meanwhile);
        LOOP_UNTIL(f->loop, meanwhile.ends > 0);
        assert_int_equal(meanwhile.result, -ENOTCONN);
        pg_server_do("again");
        LOOP_UNTIL(f->loop, f->reached > 0);
        write_event(f, "e3", &after);
        pg_settle(f->sync.store);
        assert_int_equal(after.result, 0);
        assert_query(f, "SELECT string_agg(event_id, ' ' ORDER BY id) FROM @event", "e1 e3");
}

/* Its kernel goes on acknowledging: nothing but our own deadline notices. */
static void test_a_server_that_hangs_is_given_up(void **state) {
        struct answer written = {}, found = {}, again = {};
        struct pg_fixture *f = begin(state);

        pg_settle(f->sync.store);
        store_count(f->sync.store, on_counted, &found);
        pg_settle(f->sync.store);
        assert_int_equal(found.result, 0);
        pg_server_signal(SIGSTOP);
        store_find_task(f->sync.store, &photos, on_found, &again);
        write_event(f, "e1", &written);
        LOOP_UNTIL(f->loop, written.ends > 0);
        assert_int_equal(written.result, -ETIMEDOUT);
        assert_string_equal(store_error(f->sync.store), "the server does not answer");
        assert_int_equal(again.ends, 0);
        pg_server_signal(SIGCONT);
        pg_settle(f->sync.store); /* what was read is asked again */
        assert_int_equal(again.ends, 1);
        assert_int_equal(again.result, 0);
}

static void test_closing_forgets_what_is_under_way(void **state) {
        struct answer written = {}, found = {};
        struct pg_fixture *f = begin(state);

        store_find_task(f->sync.store, &photos, on_found, &found);
        write_event(f, "e1", &written);
        (void) ev_run(f->loop, EVRUN_ONCE);
        pg_close_store(f);
        loop_turn(f->loop);
        assert_int_equal(written.ends + found.ends, 0);
}

/* ---- who may write ---- */

static void test_the_last_one_to_come_writes(void **state) {
        struct answer first = {}, second = {};
        struct pg_fixture *f = begin(state), other = *f;

        pg_settle(f->sync.store);
        write_event(f, "e1", &first);
        pg_settle(f->sync.store);
        assert_int_equal(first.result, 0);

        other.lost = 0;
        other.problem = NULL;
        assert_int_equal(pg_open(&other), 0);
        write_event(&other, "e2", &second);
        pg_settle(other.sync.store);
        assert_int_equal(second.result, 0);

        write_event(f, "e3", &first);
        LOOP_UNTIL(f->loop, first.ends == 2);
        assert_int_equal(first.result, -ESTALE);
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_int_equal(f->error, -ESTALE);
        assert_non_null(strstr(store_error(f->sync.store),
                               "another koowatchd with Node=here has taken over, on here"));
        write_event(&other, "e4", &second);
        pg_settle(other.sync.store);
        assert_int_equal(second.result, 0);
        assert_int_equal(other.lost, 0);
        assert_query(f, "SELECT string_agg(event_id, ' ' ORDER BY id) FROM @event", "e1 e2 e4");
        pg_close_store(&other);
}

/* A standby that takes over may lack the last commits: then the session is one of the past. */
static void test_a_server_that_has_gone_back_in_time(void **state) {
        struct answer before = {}, after = {};
        struct pg_fixture *f = begin(state);

        write_event(f, "e1", &before);
        pg_settle(f->sync.store);
        pg_reopen(f);
        write_event(f, "e2", &before);
        pg_settle(f->sync.store);
        execute(f, "UPDATE @node SET incarnation = 'of the past', session = session - 1");
        write_event(f, "e3", &before);
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_int_equal(f->error, -ESTALE);
        assert_int_equal(before.result, -ESTALE);
        f->goes_on = true;
        pg_reopen(f);
        write_event(f, "e3", &after);
        pg_settle(f->sync.store);
        assert_int_equal(after.result, 0);
}

static void test_two_make_the_schema_at_once(void **state) {
        struct pg_fixture *f = begin(state), other = *f;
        struct answer mine = {}, theirs = {};

        other.problem = NULL;
        assert_int_equal(pg_open(&other), 0);
        write_event(f, "e1", &mine);
        write_event(&other, "e2", &theirs);
        LOOP_UNTIL(f->loop, mine.ends > 0 && theirs.ends > 0);
        assert_true(mine.result == 0 || theirs.result == 0);
        assert_query(f, "SELECT version FROM @schema_version", "3");
        pg_close_store(&other);
}

/* ---- databases that will not do ---- */

static void test_a_later_schema_is_refused(void **state) {
        struct pg_fixture *f = begin(state);
        struct answer written = {};

        write_event(f, "e1", &written);
        pg_settle(f->sync.store);
        execute(f, "UPDATE @schema_version SET version = 1000");
        pg_reopen(f);
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_int_equal(f->error, -EPROTO);
        assert_non_null(strstr(store_error(f->sync.store), "it has schema 1000"));
        execute(f, "UPDATE @schema_version SET version = 3");
        LOOP_UNTIL(f->loop, f->reached > 0);
}

static void test_another_encoding_is_refused(void **state) {
        struct pg_fixture *f = *state;

        if (!f)
                skip();
        execute(f, "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0");
        f->connection = str_printf("%s dbname=latin", pg_server_conninfo());
        assert_int_equal(pg_open(f), 0);
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_string_equal(store_error(f->sync.store),
                            "the database's encoding is LATIN1; create one with UTF8");
}

static void test_a_connection_that_is_none_is_told_at_once(void **state) {
        struct pg_fixture *f = *state;

        if (!f)
                skip();
        f->connection = strdup("frobnicate=1");
        assert_int_equal(pg_open(f), -EINVAL);
        assert_non_null(strstr(f->problem, "frobnicate"));
}

/* The next attempt takes the one that is there then. */
static void test_the_password_may_come_later(void **state) {
        struct pg_fixture *f = *state;

        if (!f)
                skip();
        execute(f, "CREATE ROLE careful LOGIN SUPERUSER PASSWORD 'right'");
        execute(f, "COPY (SELECT 'host all careful 127.0.0.1/32 scram-sha-256' UNION ALL "
                   "SELECT 'local all all trust' UNION ALL SELECT 'host all all all trust') "
                   "TO PROGRAM 'cat >pg_hba.conf'");
        execute(f, "SELECT pg_reload_conf()");
        f->connection = str_printf("%s host=127.0.0.1 user=careful", pg_server_conninfo());
        f->password = strdup("wrong");
        assert_int_equal(pg_open(f), 0);
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_non_null(strstr(store_error(f->sync.store), "password authentication failed"));
        assert_null(strstr(store_error(f->sync.store), "wrong"));
        free(f->password);
        f->password = strdup("right");
        LOOP_UNTIL(f->loop, f->reached > 0);
}

static void test_names_are_resolved(void **state) {
        struct answer written = {};
        struct pg_fixture *f = *state;

        if (!f)
                skip();
        f->connection = str_printf("%s host=localhost", pg_server_conninfo());
        assert_int_equal(pg_open(f), 0);
        write_event(f, "e1", &written);
        pg_settle(f->sync.store);
        assert_int_equal(written.result, 0);

        free(f->connection);
        f->connection = str_printf("%s host=nowhere.invalid", pg_server_conninfo());
        pg_reopen(f);
        LOOP_UNTIL(f->loop, f->lost > 0);
        assert_non_null(str_after(store_error(f->sync.store), "host nowhere.invalid: "));
}

/* ---- writing ---- */

static void test_a_write_that_fails_leaves_nothing(void **state) {
        struct pg_fixture *f = begin(state);
        struct answer first = {}, second = {}, found = {};
        struct store_batch *batch = batch_new();

        write_event(f, "e0", &first);
        pg_settle(f->sync.store);
        execute(f, "ALTER TABLE @event ADD CONSTRAINT good CHECK (event_id <> 'bad')");
        assert_int_equal(store_batch_put_event(batch, "e1", "{}", NULL, WALL), 0);
        assert_int_equal(store_batch_put_event(batch, "bad", "{}", NULL, WALL), 0);
        store_write(f->sync.store, batch, on_done, &first);
        store_find_task(f->sync.store, &photos, on_found, &found);
        write_event(f, "e2", &second);
        pg_settle(f->sync.store);
        assert_int_equal(first.ends, 2);
        assert_int_equal(first.result, -EIO);
        assert_non_null(strstr(store_error(f->sync.store), "good"));
        assert_int_equal(found.ends, 1);
        assert_int_equal(found.result, 0);
        assert_int_equal(second.result, 0);
        assert_int_equal(f->lost, 0);
        assert_query(f, "SELECT string_agg(event_id, ' ' ORDER BY id) FROM @event", "e0 e2");
}

/* As when the answer to the commit was lost, and the batch is written once more. */
static void test_a_batch_that_is_written_twice_counts_once(void **state) {
        const struct store_run run = {.hook = "h", .attempt = 1, .started = WALL, .status = "done"};
        const struct store_task task = {.registered = WALL, .event_id = "e1"};
        const struct store_delivery delivery = {.attempts = 1, .told = true};
        struct pg_fixture *f = begin(state);

        for (int i = 0; i < 2; i++) {
                struct store_batch *batch = batch_new();

                assert_int_equal(store_batch_put_task(batch, &photos, "n", &task), 0);
                assert_int_equal(store_batch_put_event(batch, "e1", "{}", NULL, WALL), 0);
                assert_int_equal(store_batch_put_delivery(batch, "e1", &delivery), 0);
                assert_int_equal(store_batch_put_run(batch, "e1", &run), 0);
                assert_int_equal(sync_write(&f->sync, batch), 0);
        }
        assert_query(f,
                     "SELECT (SELECT count(*) FROM @event)::text || (SELECT count(*) FROM "
                     "@hook_run) || (SELECT count(*) FROM @task)",
                     "111");
}

static void test_a_batch_of_many(void **state) {
        struct pg_fixture *f = begin(state);
        struct store_batch *batch = batch_new();
        CLEANUP(freep) char *body = malloc(100001);
        struct answer each = {};
        unsigned turns = 0;

        assert_non_null(body);
        memset(body, 'x', 100000);
        body[100000] = '\0';
        for (unsigned i = 0; i < 3000; i++) {
                CLEANUP(freep) char *id = str_printf("%u", i);
                const struct store_key key = {"a", "s", id};

                assert_int_equal(store_batch_put_task(batch, &key, "n", &(struct store_task){}), 0);
                if (i % 30 == 0)
                        assert_int_equal(store_batch_put_event(batch, id, body, NULL, WALL), 0);
        }
        assert_int_equal(sync_write(&f->sync, batch), 0);

        store_each_task(f->sync.store, on_key, on_done, &each);
        while (each.ends == 0) {
                unsigned rows = each.rows;

                (void) ev_run(f->loop, EVRUN_ONCE);
                assert_true(each.rows - rows <= 1000); /* the loop is not held for longer */
                turns += each.rows > rows;
        }
        assert_int_equal(each.result, 0);
        assert_int_equal(each.rows, 3000);
        assert_true(turns >= 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, pg_set_up, pg_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_server_that_is_not_there_is_waited_for),
                TEST(test_it_goes_on_after_a_restart_of_the_server),
                TEST(test_a_server_that_hangs_is_given_up),
                TEST(test_closing_forgets_what_is_under_way),
                TEST(test_the_last_one_to_come_writes),
                TEST(test_a_server_that_has_gone_back_in_time),
                TEST(test_two_make_the_schema_at_once),
                TEST(test_a_later_schema_is_refused),
                TEST(test_another_encoding_is_refused),
                TEST(test_a_connection_that_is_none_is_told_at_once),
                TEST(test_the_password_may_come_later),
                TEST(test_names_are_resolved),
                TEST(test_a_write_that_fails_leaves_nothing),
                TEST(test_a_batch_that_is_written_twice_counts_once),
                TEST(test_a_batch_of_many),
        };

        return cmocka_run_group_tests(tests, pg_server_start, pg_server_stop);
}
