#include "koowatchd/store/sqlite-place.h"

#include <errno.h>
#include <unistd.h>

/* The log is there for as long as the database is open. */
static bool is_log_missing(sqlite3 *db) {
        sqlite3_file *log = NULL;

        (void) sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
        if (!log || !log->pMethods)
                return false;
        return access(sqlite3_filename_wal(sqlite3_db_filename(db, "main")), F_OK) < 0 &&
               errno == ENOENT;
}

bool sqlite_place_is_lost(sqlite3 *db) {
        int moved = 0;

        (void) sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
        return moved || is_log_missing(db);
}
