#include "koowatchd/store/sqlite-schema.h"

#include "common/util.h"

static const char schema[] =
        "CREATE TABLE IF NOT EXISTS task ("
        "  account TEXT NOT NULL, share_id TEXT NOT NULL, task_id TEXT NOT NULL,"
        "  name TEXT NOT NULL, registered INTEGER NOT NULL,"
        "  inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL," /* of the task file */
        "  event_id TEXT NOT NULL DEFAULT '',"                 /* '': not finished */
        "  gone INTEGER NOT NULL DEFAULT 0," /* since when no file stands for it */
        "  refusals INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,"
        "  boot INTEGER NOT NULL DEFAULT 0, booted INTEGER NOT NULL DEFAULT 0,"
        "  confirmed INTEGER NOT NULL DEFAULT 0,"
        "  away INTEGER NOT NULL DEFAULT 0," /* gone, perhaps with its directory */
        "  PRIMARY KEY (account, share_id, task_id)) WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS task_gone ON task (gone) WHERE gone > 0;"
        "CREATE TABLE IF NOT EXISTS event ("
        "  id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, finished INTEGER NOT NULL,"
        "  body TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
        "  attempts INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, settled TEXT,"
        "  futile INTEGER," /* attempts; NULL: as many as there were */
        "  told INTEGER NOT NULL DEFAULT 1,"
        "  samples TEXT);" /* of the task's progress, as JSON */
        "CREATE TABLE IF NOT EXISTS hook_run ("
        "  event_id TEXT NOT NULL, number INTEGER NOT NULL," /* in the order of their ends */
        "  hook TEXT NOT NULL, attempt INTEGER NOT NULL,"
        "  started INTEGER NOT NULL, duration INTEGER NOT NULL," /* in microseconds */
        "  status TEXT NOT NULL, exit_status INTEGER, signal INTEGER, tail TEXT,"
        "  PRIMARY KEY (event_id, number)) WITHOUT ROWID;"
        "CREATE TRIGGER IF NOT EXISTS event_gone AFTER DELETE ON event "
        "BEGIN DELETE FROM hook_run WHERE event_id = old.event_id; END;"
        "CREATE INDEX IF NOT EXISTS event_open ON event (state) WHERE state <> 1;"
        "CREATE INDEX IF NOT EXISTS event_over ON event (finished) WHERE state <> 0;";

/* What an earlier version, or a dump of it, lacks. */
static const struct {
        const char *table, *name, *add;
} later_columns[] = {
        {"event", "futile", "ALTER TABLE event ADD COLUMN futile INTEGER"},
        {"task", "refusals", "ALTER TABLE task ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0"},
        {"task", "refused", "ALTER TABLE task ADD COLUMN refused INTEGER NOT NULL DEFAULT 0"},
        {"task", "boot", "ALTER TABLE task ADD COLUMN boot INTEGER NOT NULL DEFAULT 0"},
        {"task", "booted", "ALTER TABLE task ADD COLUMN booted INTEGER NOT NULL DEFAULT 0"},
        {"task", "confirmed", "ALTER TABLE task ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0"},
        {"task", "away", "ALTER TABLE task ADD COLUMN away INTEGER NOT NULL DEFAULT 0"},
        {"event", "told", "ALTER TABLE event ADD COLUMN told INTEGER NOT NULL DEFAULT 1"},
        {"event", "samples", "ALTER TABLE event ADD COLUMN samples TEXT"},
};

static const char later_indexes[] =
        "CREATE INDEX IF NOT EXISTS event_untold ON event (told) WHERE told = 0;";

static int execute(sqlite3 *db, const char *commands) {
        return sqlite3_exec(db, commands, NULL, NULL, NULL);
}

static int read_version(sqlite3 *db, int *ret) {
        sqlite3_stmt *q = NULL;
        int code;

        code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(q);
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int(q, 0);
        (void) sqlite3_finalize(q);
        return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* SQLITE_ROW: it is there; SQLITE_DONE: it is not; else an error. */
static int find_column(sqlite3 *db, const char *table, const char *name) {
        sqlite3_stmt *q = NULL;
        int code;

        code = sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2", -1, &q,
                                  NULL);
        if (code == SQLITE_OK) {
                (void) sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC);
                (void) sqlite3_bind_text(q, 2, name, -1, SQLITE_STATIC);
                code = sqlite3_step(q);
        }
        (void) sqlite3_finalize(q);
        return code;
}

static int add_later_columns(sqlite3 *db) {
        for (size_t i = 0; i < ARRAY_LEN(later_columns); i++) {
                int code = find_column(db, later_columns[i].table, later_columns[i].name);

                if (code == SQLITE_DONE)
                        code = execute(db, later_columns[i].add);
                if (code != SQLITE_OK && code != SQLITE_ROW)
                        return code;
        }
        return SQLITE_OK;
}

/* SQLITE_ROW: a column is missing; SQLITE_DONE: none is; else an error. */
static int find_missing_column(sqlite3 *db) {
        for (size_t i = 0; i < ARRAY_LEN(later_columns); i++) {
                int code = find_column(db, later_columns[i].table, later_columns[i].name);

                if (code != SQLITE_ROW)
                        return code == SQLITE_DONE ? SQLITE_ROW : code;
        }
        return SQLITE_DONE;
}

int sqlite_schema_configure(sqlite3 *db) {
        return execute(db, "PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL;"
                           "PRAGMA synchronous = FULL; PRAGMA cache_size = -2048;");
}

int sqlite_schema_inspect(sqlite3 *db, int *ret_version, bool *ret_is_earlier) {
        int code;

        *ret_is_earlier = false;
        code = read_version(db, ret_version);
        if (code != SQLITE_OK || *ret_version <= 0 || *ret_version > SQLITE_SCHEMA_VERSION)
                return code;
        code = find_missing_column(db);
        *ret_is_earlier = code == SQLITE_ROW || *ret_version < SQLITE_SCHEMA_VERSION;
        return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int sqlite_schema_prepare(sqlite3 *db, int version) {
        int code = execute(db, "BEGIN IMMEDIATE");

        if (code == SQLITE_OK)
                code = execute(db, schema);
        if (code == SQLITE_OK)
                code = add_later_columns(db);
        if (code == SQLITE_OK)
                code = execute(db, later_indexes);
        if (code == SQLITE_OK && version == 0)
                code = execute(db, "PRAGMA user_version = 1");
        if (code == SQLITE_OK)
                code = execute(db, "COMMIT");
        return code;
}
