#include "koowatchd/store/sqlite-error.h"

#include <errno.h>
#include <stddef.h>

/* By SQLite's notes on the log and the database; sqlite3_system_errno() may have lost it. */
static int file_error(sqlite3 *db) {
        sqlite3_file *log = NULL;
        int error = 0;

        (void) sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
        if (log && log->pMethods)
                (void) log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
        if (error == 0)
                (void) sqlite3_file_control(db, NULL, SQLITE_FCNTL_LAST_ERRNO, &error);
        return error;
}

int sqlite_system_error(sqlite3 *db, int code) {
        int error;

        switch (code & 0xff) {
        case SQLITE_FULL:
                return ENOSPC;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
                if (!db)
                        return 0;
                error = sqlite3_system_errno(db);
                return error ? error : file_error(db);
        default:
                return 0;
        }
}
