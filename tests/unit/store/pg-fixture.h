#pragma once
/*
 * A store on a PostgreSQL server that the test program has started, with a loop to run it
 *
 * Each store has a fleet of its own. Without a server, or KOOWATCH_POSTGRESQL_SERVER (the script
 * tests/postgresql), what needs one is skipped.
 */
#include <ev.h>
#include <libpq-fe.h>

#include "koowatchd/store/store-module.h"
#include "unit/store/sync-store.h"
#include "unit/support.h"

struct pg_fixture {
        struct sync_store sync;
        struct ev_loop *loop;
        struct timers *timers;
        char fleet[32];
        const char *node, *labels; /* NULL: "here", "" */
        struct store_incarnation incarnation;
        bool goes_on;           /* pg_open() is of the same process as the one before */
        char *connection;       /* NULL: the server's */
        char *password;         /* NULL: none */
        char *problem;          /* of pg_open() that has failed */
        unsigned reached, lost; /* calls of on_reach */
        int error;              /* of the last of them */
};

/* For cmocka, of the whole group. */
int pg_server_start(void **state);
int pg_server_stop(void **state);
bool pg_server_is_there(void);
/* Of the running one; borrowed. */
const char *pg_server_conninfo(void);
/* "stop" or "again", as the script says. */
void pg_server_do(const char *what);
/* Sends a signal to the postmaster and all its children. */
void pg_server_signal(int number);

/* For cmocka; skips the test where there is no server. */
int pg_set_up(void **state);
int pg_tear_down(void **state);

/* Opens the fixture's store, and waits for nothing. Returns 0 or a negative errno. */
int pg_open(struct pg_fixture *fixture);
void pg_close_store(struct pg_fixture *fixture);
void pg_reopen(struct pg_fixture *fixture);
/* Opens another store, of the same fleet. To be closed by pg_close_store(). */
void pg_open_other(const struct pg_fixture *fixture, struct pg_fixture *other, const char *node,
                   const char *labels);
/* Runs the loop until the store has answered all. */
void pg_settle(struct store *store);

/* By another client: what the query's only value is; the caller frees it. @: the schema. */
char *pg_query(const struct pg_fixture *fixture, const char *query);
