#pragma once
/*
 * SQLite statements: all that is asked of the database, once its schema is there
 */
#include <sqlite3.h>

enum sqlite_statement {
        BEGIN,
        COMMIT,
        FIND_TASK,
        PUT_TASK,
        FORGET_TASK,
        MARK_GONE,
        MARK_AWAY,
        EACH_TASK,
        EACH_KNOWN,
        PUT_EVENT,
        PUT_DELIVERY,
        GET_EVENT,
        EACH_PENDING,
        EACH_LATEST,
        FIND_EVENT,
        EACH_EVENT,
        PUT_BODY,
        PUT_SAMPLES,
        PUT_RUN,
        CUT_RUNS,
        EACH_RUN,
        PRUNE_TASKS,
        PRUNE_EVENTS,
        COUNT,
        STATEMENTS
};

/* Returns SQLite's code; what was prepared before a failure is to be finalized as well. */
int sqlite_statements_prepare(sqlite3 *db, sqlite3_stmt *ret[STATEMENTS]);

/* Leaves NULLs, which are taken too. */
void sqlite_statements_finalize(sqlite3_stmt *statements[STATEMENTS]);
