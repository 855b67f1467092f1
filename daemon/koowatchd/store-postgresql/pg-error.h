#pragma once
/*
 * PostgreSQL errors: what a failure means, and its words
 *
 * Of what the server says only the sentence is used: DETAIL may quote a row.
 */
#include <libpq-fe.h>
#include <stdbool.h>

#define PG_ERROR_MAX 256

struct pg_error {
        int number; /* a negative errno; 0: none */
        /* Nothing more is to be had from this connection, another one may do better. */
        bool ends_connection;
        char text[PG_ERROR_MAX];
};

/* Of a result that is no success. */
void pg_error_of_result(const PGresult *result, struct pg_error *ret);
/* Of a connection that could not be made, or has broken. */
void pg_error_of_connection(const PGconn *connection, struct pg_error *ret);
/* Of this side's own: number is a negative errno; text: NULL: the system's words. */
void pg_error_set(struct pg_error *error, int number, const char *text);

/* The errno for an SQLSTATE, and whether it ends the connection; NULL: there is none. */
int pg_error_number(const char *state, bool *ret_ends_connection);
