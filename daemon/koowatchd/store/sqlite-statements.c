#include "koowatchd/store/sqlite-statements.h"

#include "common/util.h"

#define KEY "account = ?1 AND share_id = ?2 AND task_id = ?3"
/* SQLite takes a partial index only for a query that repeats its condition word by word. */
#define OPEN "state <> 1 AND "
#define WHOLE_EVENT                                                                               \
        "SELECT id, event_id, body, samples, state, attempts, coalesce(futile, attempts), next, " \
        "settled, finished, told FROM event "

static const char *const sql[STATEMENTS] = {
        [BEGIN] = "BEGIN IMMEDIATE",
        [COMMIT] = "COMMIT",
        [FIND_TASK] =
                "SELECT registered, inode, mtime_ns, event_id, gone, refusals, refused, "
                "boot, booted, confirmed, CASE WHEN event_id <> '' THEN "
                "(SELECT state FROM event WHERE event.event_id = task.event_id) END, name, away "
                "FROM task WHERE " KEY,
        [PUT_TASK] = "INSERT OR REPLACE INTO task (account, share_id, task_id, name, registered, "
                     "inode, mtime_ns, event_id, refusals, refused, boot, booted, confirmed) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        [FORGET_TASK] = "DELETE FROM task WHERE event_id = '' AND " KEY,
        [MARK_GONE] = "UPDATE task SET gone = ?4 WHERE gone = 0 AND " KEY,
        [MARK_AWAY] = "UPDATE task SET gone = ?4, away = 1 WHERE gone = 0 AND " KEY,
        [EACH_TASK] = "SELECT account, share_id, task_id FROM task WHERE gone = 0",
        [EACH_KNOWN] = "SELECT account, share_id, task_id FROM task",
        [PUT_EVENT] = "INSERT OR REPLACE INTO event (event_id, body, finished, told) "
                      "VALUES (?1, ?2, ?3, 0)",
        [PUT_DELIVERY] =
                "UPDATE event SET state = ?2, attempts = ?3, next = ?4, settled = ?5, futile = ?6, "
                "told = ?7 WHERE event_id = ?1",
        [GET_EVENT] = "SELECT body FROM event WHERE event_id = ?1",
        [EACH_PENDING] = "SELECT event_id, attempts, next, settled, "
                         "coalesce(futile, attempts), finished, state, told FROM event "
                         "WHERE id IN (SELECT id FROM event WHERE " OPEN "state = 0 "
                         "UNION SELECT id FROM event WHERE told = 0) ORDER BY id",
        [EACH_LATEST] = "SELECT body FROM event WHERE id > "
                        "(SELECT coalesce(max(id), 0) FROM event) - ?1 ORDER BY id",
        [FIND_EVENT] = WHOLE_EVENT "WHERE event_id = ?1",
        [EACH_EVENT] = WHOLE_EVENT "WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [PUT_BODY] = "UPDATE event SET body = ?2 WHERE event_id = ?1",
        [PUT_SAMPLES] = "UPDATE event SET samples = ?2 WHERE event_id = ?1",
        [PUT_RUN] = "INSERT INTO hook_run (event_id, number, hook, attempt, started, duration, "
                    "status, exit_status, signal, tail) SELECT ?1, "
                    "(SELECT coalesce(max(number), 0) + 1 FROM hook_run WHERE event_id = ?1), "
                    "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 "
                    "WHERE EXISTS (SELECT 1 FROM event WHERE event_id = ?1)",
        [CUT_RUNS] = "DELETE FROM hook_run WHERE event_id = ?1 AND number <= "
                     "(SELECT max(number) FROM hook_run WHERE event_id = ?1) - ?2",
        [EACH_RUN] = "SELECT hook, attempt, started, duration, status, exit_status, signal, tail "
                     "FROM hook_run WHERE event_id = ?1 ORDER BY number",
        [PRUNE_TASKS] = "DELETE FROM task WHERE gone > 0 AND gone < ?1",
        [PRUNE_EVENTS] = "DELETE FROM event WHERE state <> 0 AND finished < ?1 AND told <> 0 AND "
                         "event_id NOT IN (SELECT event_id FROM task)",
        [COUNT] = "SELECT (SELECT count(*) FROM task WHERE event_id <> ''), "
                  "(SELECT count(*) FROM event WHERE " OPEN "state = 2)",
};

int sqlite_statements_prepare(sqlite3 *db, sqlite3_stmt *ret[STATEMENTS]) {
        int code = SQLITE_OK;

        for (size_t i = 0; code == SQLITE_OK && i < STATEMENTS; i++)
                code = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &ret[i], NULL);
        return code;
}

void sqlite_statements_finalize(sqlite3_stmt *statements[STATEMENTS]) {
        for (size_t i = 0; i < STATEMENTS; i++)
                (void) sqlite3_finalize(STEAL_PTR(statements[i]));
}
