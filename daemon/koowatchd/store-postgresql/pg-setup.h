#pragma once
/*
 * PostgreSQL setup: what is asked of a fresh connection before it is used
 *
 * Whether the database will do, the schema, and a session for this node: a new one at first, which
 * later connections keep. Steps of one statement each, in the plain protocol.
 */
#include <libpq-fe.h>
#include <stdbool.h>

#include "koowatchd/store-postgresql/pg-error.h"
#include "koowatchd/store-postgresql/pg-values.h"

struct store_incarnation;
struct store_module_settings;

enum pg_setup_step {
        PG_INSPECT,
        PG_VERSION,
        PG_MIGRATE,
        PG_LISTEN,   /* it may fail: then there is only looking */
        PG_TIMELINE, /* likewise: then fences begin at 0 */
        PG_TAKE,
        PG_KEEP,
        PG_HOLDER, /* whoever has the name */
        PG_SETUP_STEPS
};

struct pg_setup {
        char *sql[PG_SETUP_STEPS];
        char *node, *host, *version, *labels;
        struct store_incarnation *incarnation; /* borrowed */
        struct pg_identity identity;
        usec_t asked; /* clock_boot() before the session was taken or kept */

        enum pg_setup_step step;
        bool has_row; /* of this step */
        bool is_made; /* the schema, as far as is known */
        bool is_refused;
};

/* Returns 0 or -ENOMEM. To be closed in any case. */
int pg_setup_open(struct pg_setup *setup, const struct store_module_settings *settings);
void pg_setup_close(struct pg_setup *setup);

/* Sends the first statement. Returns 0, or a negative errno that is in *ret_error. */
int pg_setup_begin(struct pg_setup *setup, PGconn *conn, struct pg_error *ret_error);

enum pg_setup_end {
        PG_SETUP_GOES_ON,
        PG_SETUP_MIGRATES, /* likewise, with a statement that may take long */
        PG_SETUP_DONE,
        PG_SETUP_FAILED,
        PG_SETUP_OVER, /* likewise, and the session is none any more */
};
/* result: as PQgetResult() gives it, borrowed; *ret_error: of FAILED and OVER. */
enum pg_setup_end pg_setup_advance(struct pg_setup *setup, PGconn *conn, const PGresult *result,
                                   struct pg_error *ret_error);
