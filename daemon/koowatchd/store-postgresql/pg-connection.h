#pragma once
/*
 * PostgreSQL connection: one to the server that takes writes, made again whenever it is lost
 *
 * Resolves, connects, brings the schema up to date and takes or keeps a session, each step with
 * a deadline on clock_boot(): libpq's own do not hold on a loop, and a server that is stopped is
 * noticed by nobody else. After a failure it is tried again with pauses that grow to five seconds,
 * for as long as it lasts.
 */
#include <ev.h>
#include <libpq-fe.h>

#include "koowatchd/store-postgresql/pg-error.h"
#include "koowatchd/store-postgresql/pg-values.h"
#include "koowatchd/store/store-module.h"

struct pg_connection;

struct pg_connection_handler {
        /* It can be used, in pipeline mode: pg_connection_get(), pg_connection_identity().
         * asked: clock_boot() before the session was taken or kept. */
        void (*on_ready)(void *userdata, usec_t asked);
        /*
         * It was lost, or (was_ready false) could not be made; it is tried again. The PGconn of
         * before is no more.
         */
        void (*on_down)(void *userdata, const struct pg_error *error, bool was_ready);
        /* The session is none any more: on_down() does not come, pg_connection_stop() is due. */
        void (*on_over)(void *userdata, const char *why);
        /* While it is ready; with EV_READ there may be results. */
        void (*on_io)(void *userdata, int revents);
        void *userdata;
};

/* Copies the settings' strings. Nothing happens before the loop runs. Returns as
 * store_module_open_fn. */
int pg_connection_new(const struct store_module_settings *settings,
                      const struct pg_connection_handler *handler, struct pg_connection **ret,
                      char **ret_name, char **ret_problem);
/* Accepts NULL. */
void pg_connection_free(struct pg_connection *connection);

/* NULL while it is not ready. */
PGconn *pg_connection_get(const struct pg_connection *connection);
/* Its member seen is the caller's to set; it is 0 whenever a connection is new. */
struct pg_identity *pg_connection_identity(struct pg_connection *connection);

/*
 * Sends what libpq has queued, as far as that can be sent now. Returns whether that was all of it;
 * what is left is sent before on_io() is called with EV_WRITE. False, too, when that has failed.
 */
bool pg_connection_flush(struct pg_connection *connection);
/*
 * is_waiting: the server owes an answer; has_come: something of it has just come, and its time
 * begins anew. When that is over the connection is given up.
 */
void pg_connection_wait(struct pg_connection *connection, bool is_waiting, bool has_come);
/* on_io() is called in the next turn of the loop: with EV_READ (is_input) or EV_CUSTOM. */
void pg_connection_again(struct pg_connection *connection, bool is_input);
/* It cannot be used any more: on_down() is called from here. error: NULL: libpq has the words. */
void pg_connection_drop(struct pg_connection *connection, const struct pg_error *error);
/* For good: nothing happens any more. */
void pg_connection_stop(struct pg_connection *connection);
