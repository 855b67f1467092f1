#pragma once
/*
 * SQLite columns: what is read of a row, whoever has written it, is within what the rest of the
 * daemon can reckon with
 */
#include <sqlite3.h>

#include "koowatchd/store/store.h"

usec_t sqlite_column_time(sqlite3_stmt *row, int column);
/* Likewise, or before the clock's zero. */
usec_t sqlite_column_signed_time(sqlite3_stmt *row, int column);
unsigned sqlite_column_bounded(sqlite3_stmt *row, int column);
/* DELIVERY_DONE where there is none. */
enum delivery_state sqlite_column_state(sqlite3_stmt *row, int column);
