#pragma once
/*
 * SQLite context: the database that is open, and the steps of which all that is asked of it is made
 */
#include <stdbool.h>

#include "koowatchd/store/sqlite-statements.h"
#include "koowatchd/store/store-backend.h"

struct sqlite_store {
        struct store store; /* first: the store is found again from it */
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENTS];
        char *path;
        bool was_busy; /* it is opened anew: a lock of its own may be in its way */
        char error[256];
};

/* The log stays as it is, beside what the next start may move aside. */
void sqlite_suspect_damage(struct sqlite_store *s);

/* Notes what SQLite says, and what the system says beneath; returns a negative errno for it. */
int sqlite_note_failure(struct sqlite_store *s, int code);

/* For CLEANUP(), too. */
void sqlite_resetp(sqlite3_stmt **statement);

/* For a statement that returns no row: 0 or as sqlite_note_failure(), with the bindings undone. */
int sqlite_run_statement(struct sqlite_store *s, sqlite3_stmt *statement);

/* The statement with its first parameters bound; they are borrowed until it is reset. */
sqlite3_stmt *sqlite_bind_key(struct sqlite_store *s, enum sqlite_statement which,
                              const struct store_key *key);
sqlite3_stmt *sqlite_bind_event(struct sqlite_store *s, enum sqlite_statement which,
                                const char *event_id);

/* *ret is NULL where the column is. SQLite has no memory for some texts: -ENOMEM. */
int sqlite_read_text(struct sqlite_store *s, sqlite3_stmt *q, int column, const char **ret);

/*
 * Of an open store, for an operation. A lock that could not be given back stays, in the way of its
 * holder too, until the file is closed: then it is opened anew.
 */
struct sqlite_store *sqlite_of(struct store *store);

/* Prepares all statements; open and close it, as its file is there. Return 0 or a negative errno.
 */
int sqlite_prepare_statements(struct sqlite_store *s);
int sqlite_open_database(struct sqlite_store *s);
void sqlite_close_database(struct sqlite_store *s);
