#pragma once
/*
 * PostgreSQL schema: the tables of a fleet, in a schema of its name, and what is asked for before
 * the first use
 *
 * Texts of SQL, in which @ stands for the schema: nothing here depends on a search_path, which a
 * pooler may hand to somebody else.
 */
#include <stddef.h>

/* What this version reads and writes: the number of the last migration. */
#define PG_SCHEMA_VERSION 1

/* The oldest server, as server_version_num says. */
#define PG_SERVER_MIN 120000
#define PG_SERVER_MIN_TEXT "12"

/* The template with "FLEET". for each @: the caller frees it; NULL: memory is short. */
char *pg_schema_sql(const char *fleet, const char *template);

/* One row: encoding, server_version_num, whether there is the table of the version. */
extern const char pg_schema_inspect[];
/* One row: the version. */
extern const char pg_schema_version[];
/*
 * Brings the schema up to date, in one transaction: each migration looks whether it is still
 * needed, as another node may have taken it.
 */
extern const char pg_schema_migrate[];
/*
 * This daemon is the writer from now on, $1 being its incarnation, $2 whether it may take over from
 * another one, $3 the host, $4 its last session, or 0: an earlier one than that is left of a past
 * that a standby went back to. Waits for what is being written. One row: the number of the session,
 * for begin_batch(), or no row: another one has taken over.
 */
extern const char pg_schema_take[];
/* One row: the host of the writer. */
extern const char pg_schema_writer[];
