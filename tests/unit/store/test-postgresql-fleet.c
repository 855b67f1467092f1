/*
 * Several stores of one fleet: who is a node of it, and has which accounts and events.
 */
#include <errno.h>
#include <signal.h>

#include "koowatchd/loop/timer.h"
#include "koowatchd/store-postgresql/pg-schema.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store-batch.h"
#include "unit/loop-until.h"
#include "unit/store/pg-fixture.h"

#define WALL (1747708152 * USEC_SEC)
#define TEXT_MAX 4096

/* What a node is told. */
struct node {
        struct pg_fixture *f;
        char accounts[TEXT_MAX]; /* "ACCOUNT " of each */
        unsigned begun, looks, over;
        char why[256];
        struct pg_fixture own; /* unless it is the test's */
};

static void on_begun(void *userdata) {
        ((struct node *) userdata)->begun++;
}

static void on_account(void *userdata, const char *account) {
        struct node *n = userdata;

        assert_int_equal(n->begun, 1);
        (void) snprintf(n->accounts + strlen(n->accounts), TEXT_MAX - strlen(n->accounts), "%s ",
                        account);
}

static void on_look(void *userdata) {
        struct node *n = userdata;

        assert_int_equal(n->begun, 1);
        n->looks++;
}

static void on_over(void *userdata, const char *why) {
        struct node *n = userdata;

        n->over++;
        (void) snprintf(n->why, sizeof(n->why), "%s", why);
}

/* ---- short forms ---- */

static void handle(struct node *n) {
        store_set_fleet_handler(n->f->sync.store,
                                &(struct fleet_handler){on_begun, on_account, on_look, on_over, n});
}

static void serve(struct node *n, const char *a, const char *b) {
        const char *const accounts[] = {a, b};

        assert_int_equal(store_serve(n->f->sync.store, accounts, a ? b ? 2 : 1 : 0), 0);
}

/* The test's own store, "here". */
static void join(void **state, struct node *n) {
        struct pg_fixture *f = *state;

        *n = (struct node){.f = f};
        if (!f)
                skip();
        assert_int_equal(pg_open(f), 0);
        handle(n);
        LOOP_UNTIL(f->loop, n->begun > 0);
}

static void join_other(const struct node *first, struct node *n, const char *name,
                       const char *labels) {
        *n = (struct node){.f = &n->own};
        pg_open_other(first->f, &n->own, name, labels);
        handle(n);
        LOOP_UNTIL(n->f->loop, n->begun > 0);
}

static void close_node(struct node *n) {
        pg_close_store(n->f);
}

static void assert_query(const struct node *n, const char *query, const char *expected) {
        CLEANUP(freep) char *value = pg_query(n->f, query);

        assert_non_null(value);
        assert_string_equal(value, expected);
}

static bool query_is(const struct node *n, const char *query, const char *expected) {
        CLEANUP(freep) char *value = pg_query(n->f, query);

        return streq(value, expected);
}

static void execute(const struct node *n, const char *command) {
        free(pg_query(n->f, command));
}

static struct store_batch *batch_new(void) {
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        return batch;
}

static int put_event(struct node *n, const char *event_id, const char *run_on) {
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_event(batch, event_id, "{}", run_on, WALL), 0);
        return sync_write(&n->f->sync, batch);
}

static int put_delivery(struct node *n, const char *event_id, enum delivery_state state) {
        const struct store_delivery delivery = {.state = state, .attempts = 1, .told = true};
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_delivery(batch, event_id, &delivery), 0);
        return sync_write(&n->f->sync, batch);
}

/* What comes of store_each_pending(): "EVENT:FENCE " of each, of their ids the first two. */
struct rows {
        unsigned ends, count;
        int result;
        char text[TEXT_MAX];
};

static void on_done(void *userdata, int error) {
        struct rows *rows = userdata;

        rows->ends++;
        rows->result = error;
}

static void on_pending(void *userdata, const char *event_id, const struct store_delivery *d) {
        struct rows *rows = userdata;

        assert_true(d->fence > 0);
        rows->count++;
        (void) snprintf(rows->text + strlen(rows->text), TEXT_MAX - strlen(rows->text), "%s:%jd ",
                        event_id, (intmax_t) (d->fence & UINT32_MAX));
}

static void claim(struct node *n, struct rows *rows) {
        *rows = (struct rows){};
        store_each_pending(n->f->sync.store, on_pending, on_done, rows);
        LOOP_UNTIL(n->f->loop, rows->ends > 0);
        assert_int_equal(rows->result, 0);
}

static void assert_claims(struct node *n, const char *expected) {
        struct rows rows;

        claim(n, &rows);
        assert_string_equal(rows.text, expected);
}

static void let_expire(const struct node *n, const char *name) {
        CLEANUP(freep)
        char *command = str_printf(
                "UPDATE @node SET expires = clock_timestamp() - interval '1 s' WHERE name = '%s'",
                name);

        execute(n, command);
}

/* ---- sessions ---- */

static void test_the_accounts_are_told(void **state) {
        struct node n;

        join(state, &n);
        assert_string_equal(n.accounts, "");
        LOOP_UNTIL(n.f->loop, n.looks > 0);
        serve(&n, "b", "a");
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        assert_string_equal(n.accounts, "b a ");
        serve(&n, "b", "c");
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 6);
        assert_string_equal(n.accounts, "b a c "); /* the others not once more */
        assert_query(&n,
                     "SELECT string_agg(name, ' ' ORDER BY name) FROM @account "
                     "WHERE owner = (SELECT session FROM @node)",
                     "b c");
        assert_int_equal(n.begun, 1);
        assert_int_equal(n.over, 0);
}

/* What was before there is a handler is told to it. */
static void test_a_late_handler(void **state) {
        struct pg_fixture *f = *state;
        struct node n = {.f = f};

        if (!f)
                skip();
        assert_int_equal(pg_open(f), 0);
        serve(&n, "a", NULL);
        pg_settle(f->sync.store);
        (void) put_event(&n, "e1", NULL);
        handle(&n);
        assert_int_equal(n.begun, 0); /* not from inside */
        LOOP_UNTIL(f->loop, n.looks > 0 && *n.accounts);
        assert_string_equal(n.accounts, "a ");
}

static void test_another_one_of_the_name_takes_over(void **state) {
        struct node n, other;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        assert_int_equal(put_event(&n, "e1", NULL), 0);

        join_other(&n, &other, "here", NULL);
        serve(&other, "a", NULL);
        LOOP_UNTIL(n.f->loop, *other.accounts); /* at once: they were the session's */
        assert_claims(&other, "e1:2 ");
        assert_int_equal(put_event(&n, "e2", NULL), -ESTALE);
        assert_int_equal(n.over, 1);
        assert_string_equal(n.why, "another koowatchd with Node=here has taken over, on here");
        assert_int_equal(put_event(&n, "e3", NULL), -ESTALE);
        assert_int_equal(n.over, 1);
        assert_int_equal(n.f->lost, 0);
        assert_query(&n, "SELECT string_agg(event_id, ' ') FROM @event", "e1");
        close_node(&other);
}

/* It has nothing to write: the next beat tells it. */
static void test_a_beat_tells_that_it_is_over(void **state) {
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "here", NULL);
        LOOP_UNTIL(n.f->loop, n.over > 0);
        assert_string_equal(n.why, "another koowatchd with Node=here has taken over, on here");
        assert_int_equal(other.over, 0);
        close_node(&other);
}

/* A process takes over once, or two of the same name would do so for ever. */
static void test_the_same_process_does_not_take_over_again(void **state) {
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "here", NULL);
        LOOP_UNTIL(n.f->loop, n.over > 0);
        n.f->goes_on = true;
        pg_reopen(n.f);
        handle(&n);
        LOOP_UNTIL(n.f->loop, n.f->lost > 0);
        assert_int_equal(n.f->error, -ESTALE);
        assert_non_null(strstr(store_error(n.f->sync.store),
                               "another koowatchd with Node=here has taken over, on here; stop"));
        assert_int_equal(n.begun, 1);
        close_node(&other);
        let_expire(&n, "here");
        LOOP_UNTIL(n.f->loop, n.begun == 2);
        assert_int_equal(n.f->reached, 1);
}

/* Its own row it takes at once, as another session. */
static void test_the_same_process_begins_anew(void **state) {
        CLEANUP(freep) char *before = NULL, *after = NULL;
        struct node n;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        before = pg_query(n.f, "SELECT session FROM @node");
        n.f->goes_on = true;
        pg_reopen(n.f);
        handle(&n);
        LOOP_UNTIL(n.f->loop, n.begun == 2);
        assert_query(&n, "SELECT count(*) FROM @account AS a, @node AS n WHERE owner = session",
                     "0");
        n.begun = 1;
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        after = pg_query(n.f, "SELECT session FROM @node");
        assert_true(strtol(before, NULL, 10) < strtol(after, NULL, 10));
}

static void test_a_connection_is_made_again_within_the_session(void **state) {
        CLEANUP(freep) char *before = NULL;
        struct node n;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        before = pg_query(n.f, "SELECT session FROM @node");
        pg_server_do("stop");
        LOOP_UNTIL(n.f->loop, n.f->lost > 0);
        pg_server_do("again");
        LOOP_UNTIL(n.f->loop, n.f->reached > 0);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        assert_query(&n, "SELECT session FROM @node", before);
        assert_int_equal(n.begun, 1);
        assert_int_equal(n.over, 0);
        assert_string_equal(n.accounts, "a ");
}

/* Its session has ended while it was away. */
static void test_a_connection_that_comes_back_too_late(void **state) {
        struct node n;

        join(state, &n);
        execute(&n, "UPDATE @node SET alive = false");
        execute(&n, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
        LOOP_UNTIL(n.f->loop, n.over > 0);
        assert_string_equal(n.why, "this node was not heard of for 20 s, and others have taken "
                                   "over what it had");
        assert_int_equal(n.begun, 1);
}

/* A standby that takes over may have forgotten the session, and what came before it. */
static void test_a_number_of_a_session_is_not_had_twice(void **state) {
        CLEANUP(freep) char *before = NULL, *after = NULL;
        struct node n;

        join(state, &n);
        pg_reopen(n.f);
        handle(&n);
        LOOP_UNTIL(n.f->loop, n.begun == 2);
        before = pg_query(n.f, "SELECT session FROM @node");
        execute(&n, "UPDATE @node SET session = 1, incarnation = 'of the past'");
        execute(&n, "SELECT setval('@session', 1)");
        n.f->goes_on = true;
        pg_reopen(n.f);
        handle(&n);
        LOOP_UNTIL(n.f->loop, n.begun == 3);
        after = pg_query(n.f, "SELECT session FROM @node");
        assert_true(strtol(after, NULL, 10) > strtol(before, NULL, 10));
}

/* There its number is another node's: neither on a new connection nor on one that a pooler has
 * moved there does it go on. */
static void test_a_session_is_that_of_its_name(void **state) {
        struct node n;

        for (int i = 0; i < 2; i++) {
                join(state, &n);
                pg_settle(n.f->sync.store);
                execute(&n, "UPDATE @node SET name = name || 'after' WHERE alive");
                if (i == 0)
                        execute(&n, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                    "WHERE pid <> pg_backend_pid() "
                                    "AND backend_type = 'client backend'");
                else
                        assert_int_equal(put_event(&n, "e1", NULL), -ESTALE);
                LOOP_UNTIL(n.f->loop, n.over > 0);
                assert_string_equal(n.why, "another database, or an earlier state of it, has "
                                           "taken over");
                assert_query(&n, "SELECT count(*) FROM @node WHERE beat > since + interval '50 ms'",
                             "0");
                execute(&n, "DELETE FROM @node");
                close_node(&n);
        }
}

static void test_a_node_that_is_silent_is_taken_over(void **state) {
        struct node n, other;

        join(state, &n);
        serve(&n, "a", "b");
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        join_other(&n, &other, "there", NULL);
        serve(&other, "a", NULL);
        LOOP_UNTIL(n.f->loop, other.looks > 1);
        assert_string_equal(other.accounts, "");
        assert_claims(&other, "");

        let_expire(&n, "here");
        serve(&other, "a", NULL); /* looks at once, and n has not beaten meanwhile */
        LOOP_UNTIL(n.f->loop, *other.accounts);
        assert_string_equal(other.accounts, "a ");
        assert_claims(&other, "e1:2 ");
        LOOP_UNTIL(n.f->loop, n.over > 0);
        assert_int_equal(other.over, 0);
        assert_non_null(strstr(n.why, "not heard of for 20 s"));
        close_node(&other);
}

/* It beats once more before anybody has noticed: then nothing has happened. */
static void test_a_beat_puts_off_the_end(void **state) {
        struct node n;

        join(state, &n);
        let_expire(&n, "here");
        LOOP_UNTIL(n.f->loop, query_is(&n,
                                       "SELECT expires > clock_timestamp() + interval '15 s' "
                                       "FROM @node",
                                       "t"));
        assert_int_equal(n.over, 0);
}

/* Or a standby has taken over whose clock is another one. */
static void test_the_clock_of_the_database_is_set(void **state) {
        struct node n, other;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        join_other(&n, &other, "there", NULL);
        serve(&other, "a", NULL);
        execute(&n, "UPDATE @node SET expires = expires - interval '1 hour'");
        LOOP_UNTIL(n.f->loop,
                   query_is(&n, "SELECT min(expires) > clock_timestamp() FROM @node", "t"));
        n.looks = other.looks = 0;
        LOOP_UNTIL(n.f->loop, n.looks > 1 && other.looks > 1);
        execute(&n,
                "INSERT INTO @node SELECT 'dead', 1, '', '', '', '', true, since, beat, expires "
                "FROM @node LIMIT 1; "
                "UPDATE @node SET expires = expires + interval '1 hour'");
        LOOP_UNTIL(n.f->loop,
                   query_is(&n,
                            "SELECT max(expires) <= clock_timestamp() + interval '20 s' FROM @node",
                            "t"));
        assert_query(&n, "SELECT count(*) FROM @node WHERE alive", "3");
        assert_int_equal(n.over + other.over, 0);
        close_node(&other);
}

/* As a standby does that has taken over before it had all. */
static void test_a_database_that_has_forgotten_a_write(void **state) {
        struct node n;

        join(state, &n);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        pg_settle(n.f->sync.store);
        execute(&n, "UPDATE @node SET writes = writes - 1");
        assert_int_equal(put_event(&n, "e2", NULL), -ESTALE);
        assert_string_equal(n.why,
                            "the database has gone back, and forgotten what this node wrote last");
        assert_query(&n, "SELECT string_agg(event_id, ' ') FROM @event", "e1");
}

/* Nobody notices for it but its own clock, at which it stops before others begin. */
static void test_trust_ends_without_an_answer(void **state) {
        struct rows written = {};
        struct node n;
        usec_t stopped;

        join(state, &n);
        pg_settle(n.f->sync.store);
        pg_server_signal(SIGSTOP);
        stopped = clock_boot();
        LOOP_UNTIL(n.f->loop, n.over > 0);
        pg_server_signal(SIGCONT);
        assert_string_equal(n.why, "no good answer from the database for 13 s: "
                                   "the server does not answer");
        assert_in_range(clock_boot() - stopped, 8 * USEC_SEC, 14 * USEC_SEC);
        store_write(n.f->sync.store, batch_new(), on_done, &written);
        assert_int_equal(written.ends, 1);
        assert_int_equal(put_event(&n, "e1", NULL), -ESTALE);
        loop_turn(n.f->loop);
        assert_int_equal(n.over, 1);
}

/* ---- accounts ---- */

static void test_a_released_account_goes_to_another_node(void **state) {
        struct node n, other;
        usec_t released;

        join(state, &n);
        serve(&n, "a", "b");
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        join_other(&n, &other, "there", NULL);
        serve(&other, "b", "a");
        LOOP_UNTIL(n.f->loop, other.looks > 0);
        other.looks = 0;
        LOOP_UNTIL(n.f->loop, other.looks > 0);
        released = clock_boot();
        serve(&n, "b", NULL);
        LOOP_UNTIL(n.f->loop, *other.accounts);
        assert_string_equal(other.accounts, "a ");
        assert_in_range(clock_boot() - released, 0, 3 * USEC_SEC / 2); /* it was woken */
        assert_int_equal(n.over + other.over, 0);
        close_node(&other);
}

/* It has served it no more, and does so again: whoever asked begins anew. */
static void test_an_account_is_told_again(void **state) {
        struct node n;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        serve(&n, NULL, NULL);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        assert_string_equal(n.accounts, "a a ");
}

/* The look under way does not bring it: another one follows at once. */
static void test_an_account_that_is_served_during_a_look(void **state) {
        struct node n;
        usec_t begun;

        join(state, &n);
        LOOP_UNTIL(n.f->loop, n.looks > 0);
        begun = clock_boot();
        serve(&n, "a", NULL);
        loop_turn(n.f->loop);
        serve(&n, "a", "b");
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        assert_string_equal(n.accounts, "a b ");
        assert_in_range(clock_boot() - begun, 0, 3 * USEC_SEC / 2);
}

static void test_an_account_that_somebody_else_has_ends_the_session(void **state) {
        struct node n, other;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        join_other(&n, &other, "there", NULL);
        serve(&other, "a", NULL);
        LOOP_UNTIL(n.f->loop, other.looks > 1);
        execute(&n, "UPDATE @account SET owner = (SELECT session FROM @node WHERE name = 'there')");
        LOOP_UNTIL(n.f->loop, n.over > 0);
        assert_string_equal(n.why, "another node has taken the account a");
        close_node(&other);
}

static unsigned count_words(const char *text) {
        unsigned n = 0;

        for (; *text; text++)
                n += *text == ' ';
        return n;
}

/* Each time both of them look at the same moment: an account is told to one. */
static void test_two_that_look_at_once(void **state) {
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        for (int i = 0; i < 100; i++) {
                CLEANUP(freep) char *a = str_printf("a%d", i);
                CLEANUP(freep) char *b = str_printf("b%d", i);

                *n.accounts = *other.accounts = '\0';
                serve(&n, a, b);
                serve(&other, b, a);
                LOOP_UNTIL(n.f->loop, count_words(n.accounts) + count_words(other.accounts) >= 2);
                pg_settle(n.f->sync.store);
                pg_settle(other.f->sync.store);
                loop_turn(n.f->loop);
                assert_int_equal(count_words(n.accounts) + count_words(other.accounts), 2);
                assert_true(!!strstr(n.accounts, a) ^ !!strstr(other.accounts, a));
                assert_int_equal(n.over + other.over, 0);
        }
        close_node(&other);
}

/* As when one of two that look at once waits for the other's end: by then it has an owner, whose
 * session the one that waited did not see yet when it began. */
static void test_an_account_is_looked_at_again_after_a_wait(void **state) {
        struct node n;
        PGconn *conn;
        CLEANUP(freep) char *sql = NULL;

        join(state, &n);
        execute(&n, "INSERT INTO @account (name) VALUES ('a')");
        sql = pg_schema_sql(n.f->fleet,
                            "BEGIN; INSERT INTO @node VALUES ('late', 1000, '', '', '', '', true, "
                            "now(), now(), now() + interval '1 hour'); "
                            "UPDATE @account SET owner = 1000");
        conn = PQconnectdb(pg_server_conninfo());
        PQclear(PQexec(conn, sql));
        assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, query_is(&n,
                                       "SELECT count(*) FROM pg_stat_activity "
                                       "WHERE wait_event_type = 'Lock'",
                                       "1"));
        n.looks = 0;
        PQclear(PQexec(conn, "COMMIT"));
        PQfinish(conn);
        LOOP_UNTIL(n.f->loop, n.looks > 0);
        assert_string_equal(n.accounts, "");
        assert_query(&n, "SELECT owner FROM @account", "1000");
}

/* ---- leaving, and what wakes ---- */

static void test_leaving_wakes_the_others(void **state) {
        struct rows left = {}, written = {};
        struct node n, other;
        usec_t begun;

        join(state, &n);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        join_other(&n, &other, "there", NULL);
        serve(&other, "a", NULL);
        LOOP_UNTIL(n.f->loop, other.looks > 1);
        for (int i = 0; i < 3; i++) {
                struct store_batch *batch = batch_new();
                CLEANUP(freep) char *id = str_printf("e%d", i);

                assert_int_equal(store_batch_put_event(batch, id, "{}", NULL, WALL), 0);
                store_write(n.f->sync.store, batch, on_done, &written);
        }
        begun = clock_boot();
        store_leave(n.f->sync.store, on_done, &left);
        LOOP_UNTIL(n.f->loop, *other.accounts);
        assert_in_range(clock_boot() - begun, 0, 3 * USEC_SEC / 2);
        LOOP_UNTIL(n.f->loop, left.ends > 0);
        assert_int_equal(left.result, 0);
        assert_int_equal(written.ends, 3);
        assert_int_equal(written.result, 0);
        assert_claims(&other, "e0:2 e1:2 e2:2 "); /* all that it had written before */
        LOOP_UNTIL(n.f->loop, other.looks > 3);
        assert_int_equal(n.over, 0);
        close_node(&other);
}

static void test_leaving_ends_without_a_server(void **state) {
        struct rows left = {};
        struct node n;

        join(state, &n);
        pg_server_do("stop");
        store_leave(n.f->sync.store, on_done, &left);
        LOOP_UNTIL(n.f->loop, left.ends > 0);
        assert_true(left.result < 0);
        pg_server_do("again");
        assert_int_equal(n.over, 0);
}

/* ---- events ---- */

static void test_an_event_is_claimed_once(void **state) {
        struct node n, other;
        struct rows rows;

        join(state, &n);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        assert_claims(&n, "e1:1 "); /* the first time also what it has */
        assert_claims(&n, "");
        join_other(&n, &other, "there", NULL);
        assert_claims(&other, "");
        assert_int_equal(put_delivery(&n, "e1", DELIVERY_PENDING), 0);
        close_node(&n);
        join(state, &n); /* of the same name */
        claim(&other, &rows);
        if (rows.count == 0)
                claim(&n, &rows);
        assert_string_equal(rows.text, "e1:2 ");
        assert_int_equal(put_delivery(&n, "e1", DELIVERY_DONE), 0);
        close_node(&other);
}

/* The answer to a claim was lost with the connection. */
static void test_what_it_has_comes_again_after_a_connection_was_lost(void **state) {
        struct node n;

        join(state, &n);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        assert_claims(&n, "e1:1 ");
        assert_claims(&n, "");
        execute(&n, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
        LOOP_UNTIL(n.f->loop, n.f->reached > 0);
        assert_claims(&n, "e1:1 ");
        assert_claims(&n, "");
}

#define EVENTS 5000
#define NODES 4

/* A thousand at a time, and never one to two of them. */
static void test_many_events_of_four_nodes(void **state) {
        struct node nodes[NODES];
        struct rows rows[NODES];
        unsigned total = 0;
        bool goes_on = true;

        join(state, &nodes[0]);
        execute(&nodes[0], "INSERT INTO @event (event_id, finished, body) "
                           "SELECT i, 1, '{}' FROM generate_series(1, 5000) AS i");
        execute(&nodes[0], "CREATE TABLE @claimed AS SELECT id, owner FROM @event LIMIT 0");
        execute(&nodes[0], "CREATE FUNCTION @note() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
                           "INSERT INTO @claimed VALUES (new.id, new.owner); RETURN new; END $f$");
        execute(&nodes[0], "CREATE TRIGGER note AFTER UPDATE ON @event FOR EACH ROW "
                           "EXECUTE FUNCTION @note()");
        for (int i = 1; i < NODES; i++) {
                CLEANUP(freep) char *name = str_printf("node-%d", i);

                join_other(&nodes[0], &nodes[i], name, NULL);
        }
        while (goes_on) {
                goes_on = false;
                for (int i = 0; i < NODES; i++) {
                        rows[i] = (struct rows){};
                        store_each_pending(nodes[i].f->sync.store, on_pending, on_done, &rows[i]);
                }
                for (int i = 0; i < NODES; i++) {
                        LOOP_UNTIL(nodes[0].f->loop, rows[i].ends > 0);
                        assert_int_equal(rows[i].result, 0);
                        assert_true(rows[i].count <= 1000);
                        total += rows[i].count;
                        goes_on |= rows[i].count > 0;
                }
        }
        assert_int_equal(total, EVENTS);
        assert_query(&nodes[0], "SELECT count(*) || ' ' || count(DISTINCT id) FROM @claimed",
                     "5000 5000");
        for (int i = 1; i < NODES; i++)
                close_node(&nodes[i]);
}

static void test_only_nodes_with_the_labels_run_it(void **state) {
        struct node n, tape, both;
        usec_t begun;

        join(state, &n);
        join_other(&n, &tape, "tape", "tape");
        join_other(&n, &both, "both", "disk  tape");
        LOOP_UNTIL(n.f->loop, both.looks > 0 && tape.looks > 0);
        assert_int_equal(put_event(&n, "e1", " tape  disk"), 0);
        assert_int_equal(put_event(&n, "e2", "tape"), 0);
        assert_int_equal(put_event(&both, "e3", "disk"), 0);
        assert_claims(&tape, "");
        both.looks = 0;
        LOOP_UNTIL(n.f->loop, both.looks > 0);
        both.looks = 0;
        begun = clock_boot();
        /* Whoever has seen the end tells it first. */
        assert_int_equal(put_delivery(&n, "e1", DELIVERY_PENDING), 0);
        LOOP_UNTIL(n.f->loop, both.looks > 0);
        assert_in_range(clock_boot() - begun, 0, 3 * USEC_SEC / 2); /* it was woken */
        assert_int_equal(put_delivery(&n, "e2", DELIVERY_PENDING), 0);
        assert_int_equal(put_delivery(&both, "e3", DELIVERY_PENDING), 0);
        assert_claims(&n, "");
        assert_claims(&tape, "e2:2 ");
        assert_claims(&both, "e1:2 e3:1 ");
        close_node(&both);
        let_expire(&n, "both");
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        assert_claims(&n, "");
        assert_claims(&tape, "");
        /* That it has ended anybody can tell. */
        execute(&n, "UPDATE @event SET state = 1, told = false WHERE event_id = 'e1'");
        assert_claims(&n, "e1:3 ");
        close_node(&tape);
}

/* Of a node that has lost it: nothing of that counts. */
static void test_a_late_report_changes_nothing(void **state) {
        const struct store_run run = {.hook = "h", .attempt = 1, .started = WALL, .status = "done"};
        struct store_batch *batch = batch_new();
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        execute(&n, "UPDATE @event SET owner = (SELECT session FROM @node WHERE name = 'there'), "
                    "fence = fence + 1");
        assert_int_equal(store_batch_put_body(batch, "e1", "[]", NULL), 0);
        assert_int_equal(store_batch_put_samples(batch, "e1", "[]"), 0);
        assert_int_equal(store_batch_put_run(batch, "e1", &run), 0);
        assert_int_equal(sync_write(&n.f->sync, batch), 0);
        assert_int_equal(put_delivery(&n, "e1", DELIVERY_DONE), 0);
        assert_int_equal(put_event(&n, "e1", NULL), 0); /* as when the first answer was lost */
        assert_query(&n,
                     "SELECT concat_ws(',', body, samples, state, attempts, fence & 4294967295, "
                     "(SELECT count(*) FROM @hook_run)) FROM @event",
                     "{},0,0,2,0");

        assert_int_equal(put_delivery(&other, "e1", DELIVERY_DONE), 0);
        assert_int_equal(put_delivery(&n, "e1", DELIVERY_PENDING), 0); /* it is over: taken up */
        assert_query(&n,
                     "SELECT concat_ws(',', name, e.state, fence & 4294967295) "
                     "FROM @event AS e JOIN @node ON owner = session",
                     "here,0,3");
        close_node(&other);
}

struct found {
        int found;
        char text[256];
};

static void on_event(void *userdata, int found, const struct store_event *event) {
        struct found *f = userdata;

        f->found = found;
        if (found > 0)
                (void) snprintf(f->text, sizeof(f->text), "%s:%s:%jd",
                                event->node ? event->node : "-", event->is_mine ? "mine" : "",
                                (intmax_t) (event->delivery.fence & UINT32_MAX));
}

static void assert_event(struct node *n, const char *expected) {
        struct found found = {};

        store_find_event(n->f->sync.store, "e1", on_event, &found);
        pg_settle(n->f->sync.store);
        assert_int_equal(found.found, 1);
        assert_string_equal(found.text, expected);
}

static void test_who_has_an_event(void **state) {
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        assert_event(&n, "here:mine:1");
        assert_event(&other, "here::1");
        execute(&n, "UPDATE @event SET owner = NULL");
        assert_event(&n, "-::1");
        close_node(&other);
}

/* After a standby has taken over, which may have forgotten some, too. */
static void test_fences_rise_with_the_timeline(void **state) {
        CLEANUP(freep) char *fence = NULL;
        struct node n;

        join(state, &n);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        fence = pg_query(n.f, "SELECT fence >> 32 FROM @event");
        assert_string_equal(fence, "1");
        execute(&n, "UPDATE @event SET fence = 7");
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        assert_query(&n, "SELECT fence - (1::bigint << 32) FROM @event", "1");
}

/* ---- sources ---- */

struct sources {
        unsigned ends;
        int result;
        char text[TEXT_MAX]; /* "NODE:PATH:ACCOUNT:TEXT[:done][:gone][:mine] " of each */
};

static void on_source(void *userdata, const struct store_source *source) {
        struct sources *s = userdata;

        (void) snprintf(s->text + strlen(s->text), TEXT_MAX - strlen(s->text), "%s:%s:%s:%s%s%s%s ",
                        source->node, source->path, source->account, source->text,
                        source->is_done ? ":done" : "", source->is_gone ? ":gone" : "",
                        source->is_mine ? ":mine" : "");
        assert_true(source->is_gone || source->inode == UINT64_MAX - 1);
        assert_true(source->is_gone || source->mtime_ns == -5);
}

static void on_sources_end(void *userdata, int error) {
        struct sources *s = userdata;

        s->ends++;
        s->result = error;
}

static void assert_changed(struct node *n, const char *expected) {
        struct sources s = {};

        store_each_changed_source(n->f->sync.store, on_source, on_sources_end, &s);
        LOOP_UNTIL(n->f->loop, s.ends > 0);
        assert_int_equal(s.result, 0);
        assert_string_equal(s.text, expected);
}

static void assert_sources(struct node *n, const char *account, const char *expected) {
        struct sources s = {};

        store_each_source(n->f->sync.store, account, on_source, on_sources_end, &s);
        LOOP_UNTIL(n->f->loop, s.ends > 0);
        assert_int_equal(s.result, 0);
        assert_string_equal(s.text, expected);
}

static const struct store_source photos = {
        .path = "/p", .account = "a", .text = "x", .inode = UINT64_MAX - 1, .mtime_ns = -5};

static void put_source(struct node *n, const struct store_source *source) {
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_source(batch, source), 0);
        assert_int_equal(sync_write(&n->f->sync, batch), 0);
}

static void drop_source(struct node *n, const char *path) {
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_drop_source(batch, path), 0);
        assert_int_equal(sync_write(&n->f->sync, batch), 0);
}

static void finish_source(struct node *n, const char *node, int64_t mtime_ns) {
        struct store_batch *batch = batch_new();
        struct store_source source = photos;

        source.node = node;
        source.mtime_ns = mtime_ns;
        assert_int_equal(store_batch_finish_source(batch, &source), 0);
        assert_int_equal(sync_write(&n->f->sync, batch), 0);
}

static void test_sources_of_others(void **state) {
        struct node n, other;
        struct store_source music = photos;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        assert_changed(&n, "");
        assert_changed(&other, "");
        put_source(&other, &photos);
        assert_sources(&n, "a", "there:/p:a:x ");
        assert_sources(&n, "b", "");
        assert_sources(&other, "a", "");
        assert_changed(&n, "there:/p:a:x ");
        assert_changed(&n, "");
        assert_changed(&other, "there:/p:a:x:mine ");

        music.account = "b"; /* whoever polls the one it named before is to know */
        put_source(&other, &music);
        assert_changed(&n, "there:/p:b:x ");
        music.account = "c";
        put_source(&other, &music);
        assert_changed(&n, "there:/p:c:x ");
        put_source(&n, &photos);
        assert_changed(&other, "there:/p:c:x:mine ");

        drop_source(&other, "/p");
        assert_changed(&n, "here:/p:a:x:mine there:/p:c::gone ");
        assert_sources(&n, "c", "");
        close_node(&other);
}

static void test_a_source_is_finished_by_another_node(void **state) {
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        put_source(&other, &photos);
        finish_source(&n, "there", -6); /* it is another file by now */
        assert_changed(&other, "there:/p:a:x:mine ");
        finish_source(&n, "there", -5);
        assert_changed(&other, "there:/p:a:x:done:mine ");
        put_source(&other, &photos); /* as when the answer was lost */
        assert_changed(&other, "there:/p:a:x:done:mine ");
        drop_source(&other, "/p");
        put_source(&other, &photos);
        assert_changed(&other, "there:/p:a:x:mine ");
        close_node(&other);
}

/* The first that began is the last to end. */
static void test_a_source_that_is_committed_late_is_not_missed(void **state) {
        CLEANUP(freep) char *sql = NULL;
        struct node n, other;
        PGconn *conn;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        sql = pg_schema_sql(n.f->fleet,
                            "BEGIN; INSERT INTO @source (node, path, account, text, inode, "
                            "mtime_ns, removes_finished, changed) VALUES ('late', '/l', 'a', 'x', "
                            "-2, -5, false, txid_current())");
        conn = PQconnectdb(pg_server_conninfo());
        PQclear(PQexec(conn, sql));
        assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
        put_source(&other, &photos);
        assert_changed(&n, "there:/p:a:x ");
        assert_changed(&n, "there:/p:a:x "); /* it may come once more */
        PQclear(PQexec(conn, "COMMIT"));
        PQfinish(conn);
        assert_changed(&n, "late:/l:a:x there:/p:a:x ");
        assert_changed(&n, "");
        close_node(&other);
}

static void test_all_sources_come_again_after_a_connection_was_lost(void **state) {
        struct node n;

        join(state, &n);
        put_source(&n, &photos);
        assert_changed(&n, "here:/p:a:x:mine ");
        assert_changed(&n, "");
        execute(&n, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
        LOOP_UNTIL(n.f->loop, n.f->reached > 0);
        assert_changed(&n, "here:/p:a:x:mine ");
}

static void test_a_source_that_is_gone_is_forgotten_after_an_hour(void **state) {
        struct node n;

        join(state, &n);
        put_source(&n, &photos);
        drop_source(&n, "/p");
        sync_prune(&n.f->sync, WALL, USEC_INFINITY);
        assert_query(&n, "SELECT count(*) FROM @source", "1");
        execute(&n, "UPDATE @source SET gone = gone - interval '61 minutes'");
        sync_prune(&n.f->sync, WALL, USEC_INFINITY);
        assert_query(&n, "SELECT count(*) FROM @source", "0");
}

static void test_a_source_wakes_the_others(void **state) {
        struct node n, other;
        usec_t begun = 0;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        for (int i = 0; i < 3; i++) {
                LOOP_UNTIL(n.f->loop, n.looks > 0 && other.looks > 0);
                n.looks = other.looks = 0;
                begun = clock_boot();
                if (i == 0)
                        put_source(&n, &photos);
                else if (i == 1)
                        finish_source(&n, "here", -5);
                else
                        drop_source(&n, "/p");
                LOOP_UNTIL(n.f->loop, other.looks > 0);
                assert_in_range(clock_boot() - begun, 0, 3 * USEC_SEC / 2);
        }
        close_node(&other);
}

/* ---- nodes ---- */

static void on_node(void *userdata, const struct store_node *node) {
        struct sources *s = userdata;

        assert_in_range(node->since, 0, 20 * USEC_SEC);
        assert_in_range(node->silent, 0, 20 * USEC_SEC);
        (void) snprintf(s->text + strlen(s->text), TEXT_MAX - strlen(s->text),
                        "%s:%s:%s:%s:%u%s%s ", node->name, node->version, node->accounts,
                        node->labels, node->pending, node->is_alive ? ":alive" : "",
                        node->is_mine ? ":mine" : "");
}

static void test_nodes(void **state) {
        struct sources s = {};
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "there", "tape disk");
        serve(&n, "b", "a");
        LOOP_UNTIL(n.f->loop, strlen(n.accounts) >= 4);
        assert_int_equal(put_event(&n, "e1", NULL), 0);
        assert_int_equal(put_event(&n, "e2", NULL), 0);
        assert_int_equal(put_delivery(&n, "e2", DELIVERY_DONE), 0);
        close_node(&other);
        let_expire(&n, "there");
        store_each_node(n.f->sync.store, on_node, on_sources_end, &s);
        LOOP_UNTIL(n.f->loop, s.ends > 0);
        assert_string_equal(s.text, "here:" KOOWATCH_VERSION ":a b::1:alive:mine "
                                    "there:" KOOWATCH_VERSION "::tape disk:0 ");
}

/* ---- secrets ---- */

struct secret {
        unsigned calls;
        int result;
        char text[64];
};

static void on_secret(void *userdata, int error, const char *sealed) {
        struct secret *secret = userdata;

        secret->calls++;
        secret->result = error;
        (void) snprintf(secret->text, sizeof(secret->text), "%s", sealed ? sealed : "");
}

static void assert_secret(struct node *n, const char *account, int result, const char *expected) {
        struct secret secret = {};

        store_find_secret(n->f->sync.store, account, on_secret, &secret);
        LOOP_UNTIL(n->f->loop, secret.calls > 0);
        assert_int_equal(secret.result, result);
        assert_string_equal(secret.text, expected);
}

static void put_secret(struct node *n, const char *account, const char *sealed) {
        struct store_batch *batch = batch_new();

        assert_int_equal(store_batch_put_secret(batch, account, sealed), 0);
        assert_int_equal(sync_write(&n->f->sync, batch), 0);
}

/* Any node may read it, and none write it but the one that has the account. */
static void test_a_secret_goes_with_its_account(void **state) {
        struct node n, other;

        join(state, &n);
        join_other(&n, &other, "there", NULL);
        put_secret(&n, "a", "not its own yet");
        assert_secret(&n, "a", -ENOENT, "");
        serve(&n, "a", NULL);
        LOOP_UNTIL(n.f->loop, *n.accounts);
        put_secret(&n, "a", "first");
        put_secret(&other, "a", "of another node");
        assert_secret(&other, "a", 0, "first");
        put_secret(&n, "a", "second");
        put_secret(&n, "b", "of no account");
        assert_secret(&other, "a", 0, "second");
        assert_secret(&other, "b", -ENOENT, "");
        serve(&other, "a", NULL);
        serve(&n, NULL, NULL);
        LOOP_UNTIL(n.f->loop, *other.accounts);
        put_secret(&n, "a", "late");
        put_secret(&other, "a", "third");
        assert_secret(&n, "a", 0, "third");
        close_node(&other);
}

/* ---- from version 1 ---- */

static void test_a_database_of_one_daemon_is_brought_up(void **state) {
        struct pg_fixture *f = *state;
        struct node n = {.f = f};

        if (!f)
                skip();
        assert_int_equal(pg_open(f), 0);
        assert_int_equal(put_event(&n, "e0", NULL), 0);
        pg_close_store(f);
        /* As version 1 was, of what version 2 alters. */
        execute(&n,
                "DROP TABLE @node, @account, @source, @secret; DROP SEQUENCE @session; "
                "DROP FUNCTION @begin_batch, @take, @new_session, @look, @claim, @may_run, @wake, "
                "@why_over, @mind_clock; "
                "ALTER TABLE @event DROP owner, DROP fence, DROP run_on; "
                "CREATE INDEX event_open ON @event (id) WHERE state = 0 OR NOT told; "
                "CREATE TABLE @writer (session bigint); "
                "CREATE FUNCTION @begin_batch(bigint) RETURNS void LANGUAGE sql AS 'SELECT'; "
                "UPDATE @schema_version SET version = 1");
        assert_int_equal(pg_open(f), 0);
        handle(&n);
        LOOP_UNTIL(f->loop, n.begun > 0);
        assert_claims(&n, "e0:1 ");
        assert_query(&n, "SELECT to_regclass('@writer') IS NULL", "t");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, pg_set_up, pg_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_the_accounts_are_told),
                TEST(test_a_late_handler),
                TEST(test_another_one_of_the_name_takes_over),
                TEST(test_a_beat_tells_that_it_is_over),
                TEST(test_the_same_process_does_not_take_over_again),
                TEST(test_the_same_process_begins_anew),
                TEST(test_a_connection_is_made_again_within_the_session),
                TEST(test_a_connection_that_comes_back_too_late),
                TEST(test_a_number_of_a_session_is_not_had_twice),
                TEST(test_a_session_is_that_of_its_name),
                TEST(test_a_node_that_is_silent_is_taken_over),
                TEST(test_a_beat_puts_off_the_end),
                TEST(test_the_clock_of_the_database_is_set),
                TEST(test_a_database_that_has_forgotten_a_write),
                TEST(test_trust_ends_without_an_answer),
                TEST(test_a_released_account_goes_to_another_node),
                TEST(test_an_account_is_told_again),
                TEST(test_an_account_that_is_served_during_a_look),
                TEST(test_an_account_that_somebody_else_has_ends_the_session),
                TEST(test_two_that_look_at_once),
                TEST(test_an_account_is_looked_at_again_after_a_wait),
                TEST(test_leaving_wakes_the_others),
                TEST(test_leaving_ends_without_a_server),
                TEST(test_an_event_is_claimed_once),
                TEST(test_what_it_has_comes_again_after_a_connection_was_lost),
                TEST(test_many_events_of_four_nodes),
                TEST(test_only_nodes_with_the_labels_run_it),
                TEST(test_a_late_report_changes_nothing),
                TEST(test_who_has_an_event),
                TEST(test_fences_rise_with_the_timeline),
                TEST(test_sources_of_others),
                TEST(test_a_source_is_finished_by_another_node),
                TEST(test_a_source_that_is_committed_late_is_not_missed),
                TEST(test_all_sources_come_again_after_a_connection_was_lost),
                TEST(test_a_source_that_is_gone_is_forgotten_after_an_hour),
                TEST(test_a_source_wakes_the_others),
                TEST(test_nodes),
                TEST(test_a_secret_goes_with_its_account),
                TEST(test_a_database_of_one_daemon_is_brought_up),
        };

        return cmocka_run_group_tests(tests, pg_server_start, pg_server_stop);
}
