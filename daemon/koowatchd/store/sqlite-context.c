#include "koowatchd/store/sqlite-context.h"

#include <errno.h>

#include "koowatchd/store/sqlite-damage.h"
#include "koowatchd/store/sqlite-error.h"
#include "koowatchd/store/sqlite-schema.h"

void sqlite_suspect_damage(struct sqlite_store *s) {
        if (s->store.is_damaged)
                return;
        s->store.is_damaged = true;
        (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite_damage_suspect(s->path);
}

int sqlite_note_failure(struct sqlite_store *s, int code) {
        int error;

        if (code == SQLITE_MISUSE && s->was_busy) /* it is not open: what has kept it is noted */
                return -EBUSY;
        error = sqlite_system_error(s->db, code);
        (void) snprintf(s->error, sizeof(s->error), "%s%s%s",
                        s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code), error ? ": " : "",
                        error ? strerror(error) : "");
        if (error == ENOSPC || error == EDQUOT)
                return -ENOSPC;
        if (error == EROFS)
                return -EROFS;
        switch (code & 0xff) {
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
                s->was_busy = true;
                return -EBUSY;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                sqlite_suspect_damage(s);
                return -EUCLEAN;
        case SQLITE_CANTOPEN:
                return -ENOENT;
        default:
                return -EIO;
        }
}

void sqlite_resetp(sqlite3_stmt **statement) {
        if (!*statement)
                return;
        (void) sqlite3_reset(*statement);
        (void) sqlite3_clear_bindings(*statement);
}

int sqlite_run_statement(struct sqlite_store *s, sqlite3_stmt *statement) {
        int code = sqlite3_step(statement);
        int r = code == SQLITE_DONE ? 0 : sqlite_note_failure(s, code);

        sqlite_resetp(&statement);
        return r;
}

sqlite3_stmt *sqlite_bind_key(struct sqlite_store *s, enum sqlite_statement which,
                              const struct store_key *key) {
        sqlite3_stmt *q = s->statements[which];

        (void) sqlite3_bind_text(q, 1, key->account, -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(q, 2, key->share_id, -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(q, 3, key->task_id, -1, SQLITE_STATIC);
        return q;
}

sqlite3_stmt *sqlite_bind_event(struct sqlite_store *s, enum sqlite_statement which,
                                const char *event_id) {
        sqlite3_stmt *q = s->statements[which];

        (void) sqlite3_bind_text(q, 1, event_id, -1, SQLITE_STATIC);
        return q;
}

int sqlite_read_text(struct sqlite_store *s, sqlite3_stmt *q, int column, const char **ret) {
        bool is_null = sqlite3_column_type(q, column) == SQLITE_NULL;

        *ret = (const char *) sqlite3_column_text(q, column);
        if (*ret || is_null)
                return 0;
        (void) snprintf(s->error, sizeof(s->error), "%s", sqlite3_errstr(SQLITE_NOMEM));
        return -ENOMEM;
}

int sqlite_prepare_statements(struct sqlite_store *s) {
        int code = sqlite_statements_prepare(s->db, s->statements);

        return code != SQLITE_OK ? sqlite_note_failure(s, code) : 0;
}

int sqlite_open_database(struct sqlite_store *s) {
        int code = sqlite3_open_v2(s->path, &s->db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                   NULL);

        if (code == SQLITE_OK)
                code = sqlite_schema_configure(s->db);
        return code != SQLITE_OK ? sqlite_note_failure(s, code) : 0;
}

void sqlite_close_database(struct sqlite_store *s) {
        sqlite_statements_finalize(s->statements);
        (void) sqlite3_close(STEAL_PTR(s->db));
}

struct sqlite_store *sqlite_of(struct store *store) {
        struct sqlite_store *s = (struct sqlite_store *) store;

        if (s->was_busy) {
                sqlite_close_database(s);
                s->was_busy = sqlite_open_database(s) < 0 || sqlite_prepare_statements(s) < 0;
        }
        return s;
}
