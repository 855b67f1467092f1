#include "koowatchd/store-postgresql/pg-statements.h"

#include <errno.h>

#include "koowatchd/store-postgresql/pg-schema.h"

#define KEY "account = $1 AND share_id = $2 AND task_id = $3"
#define DELIVERY "state, attempts, futile, next, settled, finished, told"
#define WHOLE_EVENT "SELECT id, event_id, body, samples, " DELIVERY " FROM @event "
/* In one go: more would take longer than a write may. The rest waits for the next time. */
#define PRUNE_MAX "50000"

static const char *const templates[PG_STATEMENTS] = {
        [PG_BEGIN] = "BEGIN",
        [PG_COMMIT] = "COMMIT",
        [PG_ROLLBACK] = "ROLLBACK",
        [PG_BEGIN_BATCH] = "SELECT @begin_batch($1)",
        [PG_PUT_TASK] =
                "INSERT INTO @task (account, share_id, task_id, name, registered, inode, "
                "mtime_ns, event_id, refusals, refused, boot, booted, confirmed) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
                "ON CONFLICT (account, share_id, task_id) DO UPDATE SET name = excluded.name, "
                "registered = excluded.registered, inode = excluded.inode, "
                "mtime_ns = excluded.mtime_ns, event_id = excluded.event_id, "
                "refusals = excluded.refusals, refused = excluded.refused, boot = excluded.boot, "
                "booted = excluded.booted, confirmed = excluded.confirmed, gone = 0, away = false",
        [PG_FORGET_TASK] = "DELETE FROM @task WHERE event_id = '' AND " KEY,
        [PG_MARK_GONE] = "UPDATE @task SET gone = $4 WHERE gone = 0 AND " KEY,
        [PG_MARK_AWAY] = "UPDATE @task SET gone = $4, away = true WHERE gone = 0 AND " KEY,
        /* One that is put again is a new one, with a number of its own. */
        [PG_PUT_EVENT] =
                "INSERT INTO @event (event_id, body, finished) VALUES ($1, $2, $3) "
                "ON CONFLICT (event_id) DO UPDATE SET id = excluded.id, body = excluded.body, "
                "finished = excluded.finished, state = 0, attempts = 0, futile = 0, next = 0, "
                "settled = NULL, told = false, samples = NULL",
        [PG_PUT_DELIVERY] = "UPDATE @event SET state = $2, attempts = $3, next = $4, settled = $5, "
                            "futile = $6, told = $7 WHERE event_id = $1",
        [PG_PUT_BODY] = "UPDATE @event SET body = $2 WHERE event_id = $1",
        [PG_PUT_SAMPLES] = "UPDATE @event SET samples = $2 WHERE event_id = $1",
        /* Once, also when it is written again because the answer to the commit was lost. */
        [PG_PUT_RUN] =
                "INSERT INTO @hook_run (event_id, number, hook, attempt, started, duration, "
                "status, exit_status, signal, tail) SELECT $1::text, "
                "(SELECT coalesce(max(number), 0) + 1 FROM @hook_run WHERE event_id = $1), "
                "$2::text, $3::integer, $4::bigint, $5::bigint, $6::text, $7::integer, "
                "$8::integer, $9::text "
                "WHERE EXISTS (SELECT 1 FROM @event WHERE event_id = $1) AND NOT EXISTS "
                "(SELECT 1 FROM @hook_run WHERE event_id = $1 AND hook = $2 AND attempt = $3 "
                "AND started = $4)",
        [PG_CUT_RUNS] = "DELETE FROM @hook_run WHERE event_id = $1 AND number <= "
                        "(SELECT max(number) FROM @hook_run WHERE event_id = $1) - $2::bigint",
        [PG_PRUNE_TASKS] = "DELETE FROM @task WHERE ctid = ANY (ARRAY(SELECT ctid FROM @task "
                           "WHERE gone > 0 AND gone < $1 LIMIT " PRUNE_MAX "))",
        [PG_PRUNE_EVENTS] =
                "DELETE FROM @event WHERE id = ANY (ARRAY(SELECT id FROM @event AS e "
                "WHERE state <> 0 AND told AND finished < $1 AND NOT EXISTS "
                "(SELECT 1 FROM @task AS t WHERE t.event_id = e.event_id AND t.event_id <> '') "
                "LIMIT " PRUNE_MAX "))",
        [PG_FIND_TASK] =
                "SELECT registered, inode, mtime_ns, event_id, gone, refusals, refused, boot, "
                "booted, confirmed, CASE WHEN event_id <> '' THEN (SELECT state FROM @event AS e "
                "WHERE e.event_id = t.event_id) END, name, away FROM @task AS t WHERE " KEY,
        [PG_EACH_TASK] = "SELECT account, share_id, task_id FROM @task WHERE gone = 0",
        [PG_GET_EVENT] = "SELECT body FROM @event WHERE event_id = $1",
        [PG_EACH_PENDING] =
                "SELECT event_id, " DELIVERY " FROM @event WHERE state = 0 OR NOT told ORDER BY id",
        [PG_EACH_LATEST] = "SELECT body FROM (SELECT id, body FROM @event ORDER BY id DESC "
                           "LIMIT $1) AS latest ORDER BY id",
        [PG_FIND_EVENT] = WHOLE_EVENT "WHERE event_id = $1",
        [PG_EACH_EVENT] = WHOLE_EVENT "WHERE id < $1 ORDER BY id DESC LIMIT $2",
        [PG_EACH_RUN] = "SELECT hook, attempt, started, duration, status, exit_status, signal, "
                        "tail FROM @hook_run WHERE event_id = $1 ORDER BY number",
        [PG_COUNT] = "SELECT (SELECT count(*) FROM @task WHERE event_id <> ''), "
                     "(SELECT count(*) FROM @event WHERE state = 2)",
};

int pg_statements_make(const char *fleet, char *ret[PG_STATEMENTS]) {
        for (size_t i = 0; i < PG_STATEMENTS; i++) {
                ret[i] = pg_schema_sql(fleet, templates[i]);
                if (!ret[i])
                        return -ENOMEM;
        }
        return 0;
}

void pg_statements_clear(char *statements[PG_STATEMENTS]) {
        for (size_t i = 0; i < PG_STATEMENTS; i++)
                free(STEAL_PTR(statements[i]));
}

size_t pg_statements_of(const struct store_op *op, enum pg_statement ret[PG_WRITE_STEPS]) {
        static const struct {
                size_t n;
                enum pg_statement steps[PG_WRITE_STEPS];
        } table[] = {
                [STORE_PUT_TASK] = {1, {PG_PUT_TASK}},
                [STORE_DROP_TASK] = {2, {PG_FORGET_TASK, PG_MARK_GONE}},
                [STORE_MISS_TASK] = {1, {PG_MARK_AWAY}},
                [STORE_PUT_EVENT] = {1, {PG_PUT_EVENT}},
                [STORE_PUT_DELIVERY] = {1, {PG_PUT_DELIVERY}},
                [STORE_PUT_BODY] = {1, {PG_PUT_BODY}},
                [STORE_PUT_SAMPLES] = {1, {PG_PUT_SAMPLES}},
                [STORE_PUT_RUN] = {2, {PG_PUT_RUN, PG_CUT_RUNS}},
                [STORE_PRUNE] = {2, {PG_PRUNE_TASKS, PG_PRUNE_EVENTS}},
        };

        if (op->kind == STORE_PRUNE && op->history >= op->now)
                return 0;
        memcpy(ret, table[op->kind].steps, sizeof(table[op->kind].steps));
        return table[op->kind].n;
}
