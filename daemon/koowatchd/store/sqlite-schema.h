#pragma once
/*
 * SQLite schema: the tables of state.db, made or brought up to date
 */
#include <sqlite3.h>

/*
 * What this version writes. A new column that an earlier koowatchd can do without does not raise
 * it: with one of the same number, both can go on with the other's database.
 */
#define SQLITE_SCHEMA_VERSION 1

/* How this connection works. Returns SQLITE_OK or the code of SQLite's error. */
int sqlite_schema_configure(sqlite3 *db);

/*
 * Makes what is missing: in a new database, one restored from a dump, or one of an earlier
 * version, of which a copy is kept as PATH.previous, in place of an earlier one. Returns SQLITE_OK
 * or the code of SQLite's error, and then nothing is changed. A database of a later version
 * (*ret_version, as it was found) is left alone.
 */
int sqlite_schema_prepare(sqlite3 *db, const char *path, int *ret_version);
