#pragma once
/*
 * SQLite place: whether an open database is still where the next run will look for it
 *
 * SQLite goes on writing to files that have been removed or moved, without a word; what it
 * writes there is gone with the process.
 */
#include <sqlite3.h>
#include <stdbool.h>

/* The file of the database, or its log, is not under its name any more. */
bool sqlite_place_is_lost(sqlite3 *db);
