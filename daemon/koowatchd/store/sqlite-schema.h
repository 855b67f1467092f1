#pragma once
/*
 * SQLite schema: the tables of state.db, made or brought up to date
 */
#include <sqlite3.h>
#include <stdbool.h>

/*
 * What this version writes. A new column that an earlier koowatchd can do without does not raise
 * it: with one of the same number, both can go on with the other's database.
 */
#define SQLITE_SCHEMA_VERSION 1

/* How this connection works. Returns SQLITE_OK or the code of SQLite's error. */
int sqlite_schema_configure(sqlite3 *db);

/*
 * Which version a database is of, 0: none, it is new or restored from a dump; and whether
 * sqlite_schema_prepare() will alter what an earlier version has made. Changes nothing. Returns
 * SQLITE_OK or the code of SQLite's error.
 */
int sqlite_schema_inspect(sqlite3 *db, int *ret_version, bool *ret_is_earlier);

/*
 * Makes what is missing in a database of this version (as sqlite_schema_inspect() says) or an
 * earlier one. Returns SQLITE_OK or the code of SQLite's error, and then nothing is changed.
 */
int sqlite_schema_prepare(sqlite3 *db, int version);
