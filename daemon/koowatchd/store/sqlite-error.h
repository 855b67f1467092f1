#pragma once
/*
 * SQLite error: what the system says beneath
 *
 * SQLite's codes do not tell a full disk from one that is gone.
 */
#include <sqlite3.h>

/* The system's reason for a failure with this code, an errno; 0: none that is known. db: or NULL.
 */
int sqlite_system_error(sqlite3 *db, int code);
