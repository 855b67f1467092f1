#include "koowatchd/store/store.h"

#include <errno.h>
#include <sqlite3.h>

#define SCHEMA_VERSION 1

/* Made where it is missing: in a new database, one restored from a dump, or one of before. */
static const char schema[] =
        "CREATE TABLE IF NOT EXISTS task ("
        "  account TEXT NOT NULL, share_id TEXT NOT NULL, task_id TEXT NOT NULL,"
        "  name TEXT NOT NULL, registered INTEGER NOT NULL,"
        "  inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL," /* of the task file */
        "  event_id TEXT NOT NULL DEFAULT '',"                 /* '': not finished */
        "  gone INTEGER NOT NULL DEFAULT 0," /* since when no file stands for it */
        "  PRIMARY KEY (account, share_id, task_id)) WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS task_gone ON task (gone) WHERE gone > 0;"
        "CREATE TABLE IF NOT EXISTS event ("
        "  id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, finished INTEGER NOT NULL,"
        "  body TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
        "  attempts INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, settled TEXT,"
        "  futile INTEGER);" /* attempts; NULL: as many as there were */
        "CREATE INDEX IF NOT EXISTS event_open ON event (state) WHERE state <> 1;"
        "CREATE INDEX IF NOT EXISTS event_over ON event (finished) WHERE state <> 0;";

enum statement {
        BEGIN,
        COMMIT,
        FIND_TASK,
        PUT_TASK,
        FORGET_TASK,
        MARK_GONE,
        EACH_TASK,
        PUT_EVENT,
        PUT_DELIVERY,
        GET_EVENT,
        GET_STATE,
        EACH_PENDING,
        PRUNE_TASKS,
        PRUNE_EVENTS,
        COUNT,
        STATEMENTS
};

#define KEY "account = ?1 AND share_id = ?2 AND task_id = ?3"
/* SQLite takes a partial index only for a query that repeats its condition word by word. */
#define OPEN "state <> 1 AND "

static const char *const sql[STATEMENTS] = {
        [BEGIN] = "BEGIN IMMEDIATE",
        [COMMIT] = "COMMIT",
        [FIND_TASK] = "SELECT registered, inode, mtime_ns, event_id, gone FROM task WHERE " KEY,
        [PUT_TASK] = "INSERT OR REPLACE INTO task (account, share_id, task_id, name, registered, "
                     "inode, mtime_ns, event_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        [FORGET_TASK] = "DELETE FROM task WHERE event_id = '' AND " KEY,
        [MARK_GONE] = "UPDATE task SET gone = ?4 WHERE gone = 0 AND " KEY,
        [EACH_TASK] = "SELECT account, share_id, task_id, name FROM task WHERE gone = 0",
        [PUT_EVENT] = "INSERT OR REPLACE INTO event (event_id, body, finished) VALUES (?1, ?2, ?3)",
        [PUT_DELIVERY] =
                "UPDATE event SET state = ?2, attempts = ?3, next = ?4, settled = ?5, futile = ?6 "
                "WHERE event_id = ?1",
        [GET_EVENT] = "SELECT body FROM event WHERE event_id = ?1",
        [GET_STATE] = "SELECT state FROM event WHERE event_id = ?1",
        [EACH_PENDING] = "SELECT event_id, attempts, next, settled, "
                         "coalesce(futile, attempts), finished FROM event WHERE " OPEN
                         "state = 0 ORDER BY id",
        [PRUNE_TASKS] = "DELETE FROM task WHERE gone > 0 AND gone < ?1",
        [PRUNE_EVENTS] = "DELETE FROM event WHERE state <> 0 AND finished < ?1 AND event_id NOT IN "
                         "(SELECT event_id FROM task)",
        [COUNT] = "SELECT (SELECT count(*) FROM task WHERE event_id <> ''), "
                  "(SELECT count(*) FROM event WHERE " OPEN "state = 2)",
};

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENTS];
        char error[256];
};

/* The system's own reason, where SQLite knows one; 0: none. */
static int system_error(const struct store *s, int code) {
        switch (code & 0xff) {
        case SQLITE_FULL:
                return ENOSPC;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
                return s->db ? sqlite3_system_errno(s->db) : 0;
        default:
                return 0;
        }
}

/* Notes what SQLite says, and what the system says beneath, and translates it. */
static int failed(struct store *s, int code) {
        int error = system_error(s, code);

        (void) snprintf(s->error, sizeof(s->error), "%s%s%s",
                        s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code), error ? ": " : "",
                        error ? strerror(error) : "");
        if (error == ENOSPC || error == EDQUOT)
                return -ENOSPC;
        switch (code & 0xff) {
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EUCLEAN;
        case SQLITE_CANTOPEN:
                return -ENOENT;
        default:
                return -EIO;
        }
}

static void resetp(sqlite3_stmt **statement) {
        (void) sqlite3_reset(*statement);
        (void) sqlite3_clear_bindings(*statement);
}

/* For a statement that returns no row. Negative errno as failed() says, with the bindings undone.
 */
static int run(struct store *s, sqlite3_stmt *statement) {
        int code = sqlite3_step(statement);
        int r = code == SQLITE_DONE ? 0 : failed(s, code);

        resetp(&statement);
        return r;
}

static sqlite3_stmt *bind_key(struct store *s, enum statement which, const struct store_key *key) {
        sqlite3_stmt *q = s->statements[which];

        (void) sqlite3_bind_text(q, 1, key->account, -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(q, 2, key->share_id, -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(q, 3, key->task_id, -1, SQLITE_STATIC);
        return q;
}

static sqlite3_stmt *bind_event(struct store *s, enum statement which, const char *event_id) {
        sqlite3_stmt *q = s->statements[which];

        (void) sqlite3_bind_text(q, 1, event_id, -1, SQLITE_STATIC);
        return q;
}

static const char *text(sqlite3_stmt *q, int column) {
        return (const char *) sqlite3_column_text(q, column);
}

static int read_version(struct store *s, int *ret) {
        sqlite3_stmt *q = NULL;
        int code;

        code = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(q);
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int(q, 0);
        (void) sqlite3_finalize(q);
        return code == SQLITE_ROW ? 0 : failed(s, code);
}

static int execute(struct store *s, const char *commands) {
        int code = sqlite3_exec(s->db, commands, NULL, NULL, NULL);

        return code == SQLITE_OK ? 0 : failed(s, code);
}

/* A database of before, or one restored from a dump of it, lacks what came later. */
static int add_missing_columns(struct store *s) {
        sqlite3_stmt *q = NULL;
        int code = sqlite3_prepare_v2(s->db,
                                      "SELECT 1 FROM pragma_table_info('event') "
                                      "WHERE name = 'futile'",
                                      -1, &q, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(q);
        (void) sqlite3_finalize(q);
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return failed(s, code);
        return code == SQLITE_ROW ? 0 : execute(s, "ALTER TABLE event ADD COLUMN futile INTEGER");
}

static int prepare_database(struct store *s) {
        int version = 0, r;

        r = execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA cache_size = -512; PRAGMA busy_timeout = 1000;");
        if (r == 0)
                r = read_version(s, &version);
        if (r < 0)
                return r;
        if (version > SCHEMA_VERSION) {
                (void) snprintf(s->error, sizeof(s->error),
                                "it has schema %d, this koowatchd knows %d", version,
                                SCHEMA_VERSION);
                return -EPROTO;
        }
        r = execute(s, "BEGIN IMMEDIATE");
        if (r == 0)
                r = execute(s, schema);
        if (r == 0)
                r = add_missing_columns(s);
        if (r == 0 && version == 0)
                r = execute(s, "PRAGMA user_version = 1");
        if (r == 0)
                r = execute(s, "COMMIT");
        if (r < 0)
                return r;

        for (size_t i = 0; i < STATEMENTS; i++) {
                int code = sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                              &s->statements[i], NULL);

                if (code != SQLITE_OK)
                        return failed(s, code);
        }
        return 0;
}

int store_open(const char *path, struct store **ret) {
        struct store *s;
        int code;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *ret = s;
        code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
        if (code != SQLITE_OK)
                return failed(s, code);
        return prepare_database(s);
}

void store_close(struct store *s) {
        if (!s)
                return;
        for (size_t i = 0; i < STATEMENTS; i++)
                (void) sqlite3_finalize(s->statements[i]);
        (void) sqlite3_close(s->db);
        free(s);
}

const char *store_error(const struct store *s) {
        return s->error;
}

int store_begin(struct store *s) {
        return run(s, s->statements[BEGIN]);
}

void store_rollback(struct store *s) {
        /* A statement that failed may have rolled back already. */
        if (!sqlite3_get_autocommit(s->db))
                (void) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int store_commit(struct store *s) {
        int r = run(s, s->statements[COMMIT]);

        if (r < 0)
                store_rollback(s);
        return r;
}

int store_find_task(struct store *s, const struct store_key *key, struct store_task *ret) {
        CLEANUP(resetp) sqlite3_stmt *q = bind_key(s, FIND_TASK, key);
        int code = sqlite3_step(q);

        if (code == SQLITE_DONE)
                return 0;
        if (code != SQLITE_ROW)
                return failed(s, code);
        *ret = (struct store_task){
                .registered = sqlite3_column_int64(q, 0),
                .inode = (uint64_t) sqlite3_column_int64(q, 1),
                .mtime_ns = sqlite3_column_int64(q, 2),
                .gone = sqlite3_column_int64(q, 4) > 0,
        };
        (void) snprintf(ret->event_id, sizeof(ret->event_id), "%s", text(q, 3));
        return 1;
}

int store_put_task(struct store *s, const struct store_key *key, const char *name,
                   const struct store_task *task) {
        sqlite3_stmt *q = bind_key(s, PUT_TASK, key);

        (void) sqlite3_bind_text(q, 4, name, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 5, task->registered);
        (void) sqlite3_bind_int64(q, 6, (sqlite3_int64) task->inode);
        (void) sqlite3_bind_int64(q, 7, task->mtime_ns);
        (void) sqlite3_bind_text(q, 8, task->event_id, -1, SQLITE_STATIC);
        return run(s, q);
}

int store_drop_task(struct store *s, const struct store_key *key, usec_t now) {
        sqlite3_stmt *q = bind_key(s, FORGET_TASK, key);
        int r;

        r = run(s, q);
        if (r < 0)
                return r;
        q = bind_key(s, MARK_GONE, key);
        (void) sqlite3_bind_int64(q, 4, now);
        return run(s, q);
}

int store_each_task(struct store *s,
                    void (*fn)(void *userdata, const struct store_key *key, const char *name),
                    void *userdata) {
        CLEANUP(resetp) sqlite3_stmt *q = s->statements[EACH_TASK];
        int code;

        while ((code = sqlite3_step(q)) == SQLITE_ROW)
                fn(userdata, &(struct store_key){text(q, 0), text(q, 1), text(q, 2)}, text(q, 3));
        return code == SQLITE_DONE ? 0 : failed(s, code);
}

int store_put_event(struct store *s, const char *event_id, const char *body, usec_t now) {
        sqlite3_stmt *q = bind_event(s, PUT_EVENT, event_id);

        (void) sqlite3_bind_text(q, 2, body, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 3, now);
        return run(s, q);
}

int store_put_delivery(struct store *s, const char *event_id, const struct store_delivery *d) {
        sqlite3_stmt *q = bind_event(s, PUT_DELIVERY, event_id);

        (void) sqlite3_bind_int(q, 2, (int) d->state);
        (void) sqlite3_bind_int64(q, 3, d->attempts);
        (void) sqlite3_bind_int64(q, 4, d->next);
        if (d->settled)
                (void) sqlite3_bind_text(q, 5, d->settled, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 6, d->futile);
        return run(s, q);
}

int store_get_event(struct store *s, const char *event_id, char **ret_body) {
        CLEANUP(resetp) sqlite3_stmt *q = bind_event(s, GET_EVENT, event_id);
        int code = sqlite3_step(q);

        if (code == SQLITE_DONE)
                return -ENOENT;
        if (code != SQLITE_ROW)
                return failed(s, code);
        *ret_body = strdup(text(q, 0));
        return *ret_body ? 0 : -ENOMEM;
}

int store_get_delivery_state(struct store *s, const char *event_id, enum delivery_state *ret) {
        CLEANUP(resetp) sqlite3_stmt *q = bind_event(s, GET_STATE, event_id);
        int code = sqlite3_step(q);

        if (code == SQLITE_DONE)
                return -ENOENT;
        if (code != SQLITE_ROW)
                return failed(s, code);
        *ret = (enum delivery_state) sqlite3_column_int(q, 0);
        return 0;
}

int store_each_pending(struct store *s,
                       void (*fn)(void *userdata, const char *event_id,
                                  const struct store_delivery *delivery),
                       void *userdata) {
        CLEANUP(resetp) sqlite3_stmt *q = s->statements[EACH_PENDING];
        int code;

        while ((code = sqlite3_step(q)) == SQLITE_ROW)
                fn(userdata, text(q, 0),
                   &(struct store_delivery){
                           .attempts = (unsigned) sqlite3_column_int64(q, 1),
                           .next = sqlite3_column_int64(q, 2),
                           .settled = text(q, 3),
                           .futile = (unsigned) sqlite3_column_int64(q, 4),
                           .finished = sqlite3_column_int64(q, 5),
                   });
        return code == SQLITE_DONE ? 0 : failed(s, code);
}

int store_prune(struct store *s, usec_t now, usec_t history) {
        int r;

        if (history >= now)
                return 0;
        (void) sqlite3_bind_int64(s->statements[PRUNE_TASKS], 1, now - history);
        r = run(s, s->statements[PRUNE_TASKS]);
        if (r < 0)
                return r;
        (void) sqlite3_bind_int64(s->statements[PRUNE_EVENTS], 1, now - history);
        return run(s, s->statements[PRUNE_EVENTS]);
}

int store_count(struct store *s, struct store_counts *ret) {
        CLEANUP(resetp) sqlite3_stmt *q = s->statements[COUNT];
        int code = sqlite3_step(q);

        if (code != SQLITE_ROW)
                return failed(s, code);
        ret->finished = (unsigned) sqlite3_column_int64(q, 0);
        ret->parked = (unsigned) sqlite3_column_int64(q, 1);
        return 0;
}
