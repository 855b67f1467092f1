#pragma once
/*
 * PostgreSQL setup: what is asked of a fresh connection before it is used
 *
 * Whether the database will do, the schema, and that this daemon is the writer from now on. Steps
 * of one statement each, in the plain protocol.
 */
#include <libpq-fe.h>
#include <stdbool.h>

#include "common/event-id.h"
#include "koowatchd/store-postgresql/pg-error.h"

enum pg_setup_step { PG_INSPECT, PG_VERSION, PG_MIGRATE, PG_TAKE, PG_WRITER, PG_SETUP_STEPS };

struct pg_setup {
        char *sql[PG_SETUP_STEPS];
        char *host;
        char incarnation[EVENT_ID_LENGTH + 1]; /* of this process */
        bool has_taken;                        /* once, or has been told that another one has */
        char session[24];                      /* as text; "": not yet */

        enum pg_setup_step step;
        bool has_row; /* of this step */
        bool is_made; /* the schema, as far as is known */
};

/* Returns 0 or -ENOMEM. To be closed in any case. */
int pg_setup_open(struct pg_setup *setup, const char *fleet, const char *host);
void pg_setup_close(struct pg_setup *setup);

/* Sends the first statement. Returns 0, or a negative errno that is in *ret_error. */
int pg_setup_begin(struct pg_setup *setup, PGconn *conn, struct pg_error *ret_error);

enum pg_setup_end {
        PG_SETUP_GOES_ON,
        PG_SETUP_MIGRATES, /* likewise, with a statement that may take long */
        PG_SETUP_DONE,
        PG_SETUP_FAILED,
};
/* result: as PQgetResult() gives it, borrowed; *ret_error: of FAILED. */
enum pg_setup_end pg_setup_advance(struct pg_setup *setup, PGconn *conn, const PGresult *result,
                                   struct pg_error *ret_error);
