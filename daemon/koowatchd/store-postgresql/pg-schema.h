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
#define PG_SCHEMA_VERSION 3

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
/* Notifications of the fleet come from now on: a statement to which nothing is owed. */
extern const char pg_schema_listen[];
/* One row: the name of the file of the WAL, which begins with the timeline. */
extern const char pg_schema_timeline[];
/*
 * A new session: $1 the node's name, $2 its incarnation, $3 whether it may take over from another
 * one that is alive, $4 its last session, or 0: an earlier one than that is left of a past that a
 * standby went back to. $5 host, $6 version, $7 labels. Waits for what the other one is writing.
 * One row: the number of the session, later than $4; NULL: another one has taken over.
 */
extern const char pg_schema_take[];
/* $1 the session, $2 the node's name, $3 how many of its transactions have ended well, as far as it
 * knows: it has been heard of, on another connection. One row: whether it goes on, why not, how
 * many they are. A standby that has taken over may have forgotten some, and the node does not know
 * which: it does not go on. Also the heartbeat, see PG_BEAT. */
extern const char pg_schema_keep[];
/* $1 the node's name. One row: the host of whoever has it. */
extern const char pg_schema_holder[];
