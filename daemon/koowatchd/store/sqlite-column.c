#include "koowatchd/store/sqlite-column.h"

usec_t sqlite_column_time(sqlite3_stmt *q, int column) {
        return MIN(MAX(sqlite3_column_int64(q, column), 0), STORE_TIME_MAX);
}

usec_t sqlite_column_signed_time(sqlite3_stmt *q, int column) {
        return MIN(MAX(sqlite3_column_int64(q, column), -STORE_TIME_MAX), STORE_TIME_MAX);
}

unsigned sqlite_column_bounded(sqlite3_stmt *q, int column) {
        return (unsigned) MIN(MAX(sqlite3_column_int64(q, column), 0), STORE_COUNT_MAX);
}

enum delivery_state sqlite_column_state(sqlite3_stmt *q, int column) {
        sqlite3_int64 state = sqlite3_column_int64(q, column);

        if (sqlite3_column_type(q, column) == SQLITE_NULL)
                return DELIVERY_DONE;
        return state == DELIVERY_PENDING || state == DELIVERY_DONE ? (enum delivery_state) state
                                                                   : DELIVERY_PARKED;
}
