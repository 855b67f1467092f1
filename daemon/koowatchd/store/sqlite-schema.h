#pragma once
/*
 * SQLite schema: the tables of state.db, made or brought up to date
 */
#include <sqlite3.h>

#define SQLITE_SCHEMA_VERSION 1 /* what this version writes */

/* How this connection works. Returns SQLITE_OK or the code of SQLite's error. */
int sqlite_schema_configure(sqlite3 *db);

/*
 * Makes what is missing: in a new database, one restored from a dump, or one of an earlier
 * version. Returns SQLITE_OK or the code of SQLite's error. A database of a later version
 * (*ret_version, as it was found) is left alone.
 */
int sqlite_schema_prepare(sqlite3 *db, int *ret_version);
