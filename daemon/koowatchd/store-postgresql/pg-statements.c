#include "koowatchd/store-postgresql/pg-statements.h"

#include <errno.h>

#include "koowatchd/store-postgresql/pg-schema.h"

#define KEY "account = $1 AND share_id = $2 AND task_id = $3"
#define DELIVERY "state, attempts, futile, next, settled, finished, told, fence"
/* With who delivers it; the parameter is this node's session. */
#define WHOLE_EVENT(mine)                                                                      \
        "SELECT id, event_id, body, samples, " DELIVERY                                        \
        ", (SELECT name FROM @node WHERE session = e.owner AND alive), coalesce(owner = " mine \
        ", false) FROM @event AS e "
#define SOURCE(node)                                                                     \
        "s.node, path, account, text, inode, mtime_ns, removes_finished, s.node = " node \
        ", done, gone IS NOT NULL"
#define ACCOUNTS                                                                             \
        "(SELECT string_agg(name, ' ' ORDER BY name) FROM @account WHERE owner = n.session " \
        "AND n.alive)"
/* In microseconds. */
#define AGO(time) "(extract(epoch FROM clock_timestamp() - " time ") * 1000000)::bigint"
/* The others want some, too. */
#define CLAIM_MAX "1000"
#define MAY_CHANGE(session) "(owner = " session " OR owner IS NULL OR (state <> 0 AND told))"
/* In one go: more would take longer than a write may. The rest waits for the next time. */
#define PRUNE_MAX "50000"

static const char *const templates[PG_STATEMENTS] = {
        [PG_BEGIN] = "BEGIN",
        [PG_COMMIT] = "COMMIT",
        [PG_ROLLBACK] = "ROLLBACK",
        [PG_BEGIN_BATCH] = "SELECT @begin_batch($1, $2, $3)",
        [PG_BEGIN_BEAT] = "SELECT set_config('statement_timeout', '3000', true)",
        [PG_BEGIN_READ] = "SELECT set_config('lock_timeout', '5000', true)",
        [PG_BEAT] = pg_schema_keep,
        [PG_LOOK] = "SELECT @look($2, string_to_array($1, E'\\n'))",
        [PG_LEAVE] = "WITH gone AS (UPDATE @node SET alive = false WHERE session = $1 AND alive "
                     "RETURNING 1) SELECT @wake() FROM gone",
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
        /*
         * One that is put again is a new one, with a number of its own; but for one that another
         * node has: that it was put is what this one was not told when it put it first.
         */
        [PG_PUT_EVENT] =
                "INSERT INTO @event AS e (event_id, body, finished, run_on, owner, fence) "
                "VALUES ($1, $2, $3, $4, $5, $6::bigint + 1) "
                "ON CONFLICT (event_id) DO UPDATE SET id = excluded.id, body = excluded.body, "
                "finished = excluded.finished, state = 0, attempts = 0, futile = 0, next = 0, "
                "settled = NULL, told = false, samples = NULL, run_on = excluded.run_on, "
                "owner = excluded.owner, fence = greatest(e.fence + 1, excluded.fence) "
                "WHERE NOT EXISTS (SELECT 1 FROM @node AS n WHERE n.session = e.owner AND n.alive "
                "AND n.session <> $5)",
        /*
         * One that is over, or that nobody has, anybody may take up. It is left when it has been
         * told and this node must not run its hooks.
         */
        [PG_PUT_DELIVERY] =
                "WITH put AS (UPDATE @event SET state = $2::smallint, attempts = $3, next = $4, "
                "settled = $5, futile = $6, told = $7, owner = CASE WHEN $2::smallint <> 0 OR "
                "NOT $7 OR @may_run(run_on, string_to_array($9, ' ')) THEN $8::bigint END, "
                "fence = CASE WHEN owner = $8 THEN fence ELSE greatest(fence, $10::bigint) + 1 END "
                "WHERE event_id = $1 AND " MAY_CHANGE(
                        "$8") " RETURNING owner) "
                              "SELECT @wake() FROM put WHERE owner IS NULL",
        [PG_PUT_BODY] = "UPDATE @event SET body = $2, run_on = $3 WHERE event_id = $1 "
                        "AND " MAY_CHANGE("$4"),
        [PG_PUT_SAMPLES] = "UPDATE @event SET samples = $2 WHERE event_id = $1 AND owner = $3",
        /* Once, also when it is written again because the answer to the commit was lost. */
        [PG_PUT_RUN] =
                "INSERT INTO @hook_run (event_id, number, hook, attempt, started, duration, "
                "status, exit_status, signal, tail) SELECT $1::text, "
                "(SELECT coalesce(max(number), 0) + 1 FROM @hook_run WHERE event_id = $1), "
                "$2::text, $3::integer, $4::bigint, $5::bigint, $6::text, $7::integer, "
                "$8::integer, $9::text "
                "WHERE EXISTS (SELECT 1 FROM @event WHERE event_id = $1 AND owner = $10) AND NOT EXISTS "
                "(SELECT 1 FROM @hook_run WHERE event_id = $1 AND hook = $2 AND attempt = $3 "
                "AND started = $4)",
        [PG_CUT_RUNS] = "DELETE FROM @hook_run WHERE event_id = $1 AND number <= "
                        "(SELECT max(number) FROM @hook_run WHERE event_id = $1) - $2::bigint",
        /*
         * That it is done holds for the file that it was, also when that is put again because the
         * answer to the commit was lost.
         */
        [PG_PUT_SOURCE] =
                "WITH put AS (INSERT INTO @source AS s (path, account, text, inode, mtime_ns, "
                "removes_finished, node, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, "
                "txid_current()) ON CONFLICT (node, path) DO UPDATE SET account = excluded.account, "
                "former = CASE WHEN s.account = excluded.account THEN s.former "
                "ELSE array_append(array_remove(s.former, s.account), s.account) END, "
                "text = excluded.text, inode = excluded.inode, mtime_ns = excluded.mtime_ns, "
                "removes_finished = excluded.removes_finished, done = s.done AND s.gone IS NULL "
                "AND s.inode = excluded.inode AND s.mtime_ns = excluded.mtime_ns, gone = NULL, "
                "changed = excluded.changed RETURNING 1) SELECT @wake() FROM put",
        [PG_DROP_SOURCE] =
                "WITH dropped AS (UPDATE @source SET text = '', gone = clock_timestamp(), "
                "changed = txid_current() WHERE path = $1 AND node = $2 AND gone IS NULL "
                "RETURNING 1) SELECT @wake() FROM dropped",
        [PG_FINISH_SOURCE] =
                "WITH done AS (UPDATE @source SET done = true, changed = txid_current() "
                "WHERE node = $1 AND path = $2 AND inode = $3 AND mtime_ns = $4 AND NOT done "
                "AND gone IS NULL RETURNING 1) SELECT @wake() FROM done",
        [PG_PUT_SECRET] = "INSERT INTO @secret (account, sealed, changed) "
                          "SELECT $1::text, $2::text, clock_timestamp() WHERE EXISTS "
                          "(SELECT 1 FROM @account WHERE name = $1 AND owner = $3) "
                          "ON CONFLICT (account) DO UPDATE SET sealed = excluded.sealed, "
                          "changed = excluded.changed",
        [PG_PRUNE_SOURCES] = "DELETE FROM @source WHERE gone < clock_timestamp() - "
                             "interval '1 hour'",
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
        [PG_CLAIM] = "SELECT event_id, " DELIVERY
                     " FROM @claim($1, string_to_array($2, ' '), $3, " CLAIM_MAX ")",
        [PG_EACH_OWN] = "SELECT event_id, " DELIVERY " FROM @event "
                        "WHERE (state = 0 OR NOT told) AND owner = $1 ORDER BY id",
        [PG_EACH_LATEST] = "SELECT body FROM (SELECT id, body FROM @event ORDER BY id DESC "
                           "LIMIT $1) AS latest ORDER BY id",
        [PG_FIND_EVENT] = WHOLE_EVENT("$2") "WHERE event_id = $1",
        [PG_EACH_EVENT] = WHOLE_EVENT("$3") "WHERE id < $1 ORDER BY id DESC LIMIT $2",
        [PG_EACH_RUN] = "SELECT hook, attempt, started, duration, status, exit_status, signal, "
                        "tail FROM @hook_run WHERE event_id = $1 ORDER BY number",
        [PG_EACH_SOURCE] =
                "SELECT " SOURCE("$2") " FROM @source AS s "
                                       "WHERE account = $1 AND node <> $2 AND gone IS NULL",
        /*
         * First what is to be asked next time: the first transaction that is not over by the
         * snapshot by which the rest is read. There is a row even if nothing has changed.
         */
        [PG_EACH_CHANGED_SOURCE] = "SELECT txid_snapshot_xmin(txid_current_snapshot()), " SOURCE(
                "$2") " "
                      "FROM (SELECT 1) AS one LEFT JOIN @source AS s ON s.changed >= $3 "
                      "AND (s.node = $2 OR EXISTS (SELECT 1 FROM @account AS a WHERE a.owner = $1 "
                      "AND (a.name = s.account OR a.name = ANY (s.former))))",
        [PG_FIND_SECRET] = "SELECT sealed FROM @secret WHERE account = $1",
        [PG_EACH_NODE] = "SELECT name, version, " ACCOUNTS ", labels, " AGO("since") ", " AGO(
                "beat") ", "
                        "(SELECT count(*) FROM @event AS e WHERE state = 0 AND e.owner = n.session), "
                        "alive AND expires >= clock_timestamp(), session = $1 FROM @node AS n "
                        "ORDER BY name",
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

unsigned pg_statement_needs(enum pg_statement which) {
        static const unsigned needs[PG_STATEMENTS] = {
                [PG_BEGIN_BATCH] = PG_NEEDS_SESSION | PG_NEEDS_NODE | PG_NEEDS_WRITES,
                [PG_BEAT] = PG_NEEDS_SESSION | PG_NEEDS_NODE | PG_NEEDS_WRITES,
                [PG_LOOK] = PG_NEEDS_SESSION,
                [PG_LEAVE] = PG_NEEDS_SESSION,
                [PG_PUT_EVENT] = PG_NEEDS_SESSION | PG_NEEDS_BASE,
                [PG_PUT_DELIVERY] = PG_NEEDS_SESSION | PG_NEEDS_LABELS | PG_NEEDS_BASE,
                [PG_PUT_BODY] = PG_NEEDS_SESSION,
                [PG_PUT_SAMPLES] = PG_NEEDS_SESSION,
                [PG_PUT_RUN] = PG_NEEDS_SESSION,
                [PG_PUT_SOURCE] = PG_NEEDS_NODE,
                [PG_DROP_SOURCE] = PG_NEEDS_NODE,
                [PG_PUT_SECRET] = PG_NEEDS_SESSION,
                [PG_CLAIM] = PG_NEEDS_SESSION | PG_NEEDS_LABELS | PG_NEEDS_BASE,
                [PG_EACH_OWN] = PG_NEEDS_SESSION,
                [PG_FIND_EVENT] = PG_NEEDS_SESSION,
                [PG_EACH_EVENT] = PG_NEEDS_SESSION,
                [PG_EACH_SOURCE] = PG_NEEDS_NODE,
                [PG_EACH_CHANGED_SOURCE] = PG_NEEDS_SESSION | PG_NEEDS_NODE | PG_NEEDS_SEEN,
                [PG_EACH_NODE] = PG_NEEDS_SESSION,
        };

        return needs[which];
}

enum pg_statement pg_statement_before(enum pg_statement which) {
        switch (which) {
        case PG_BEAT:
                return PG_BEGIN_BEAT;
        case PG_LOOK:
        case PG_CLAIM:
                return PG_BEGIN_BATCH;
        case PG_ROLLBACK:
                return PG_STATEMENTS;
        default:
                return PG_BEGIN_READ;
        }
}

bool pg_statement_changes(enum pg_statement which) {
        return which == PG_BEAT || which == PG_LOOK || which == PG_CLAIM;
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
                [STORE_PRUNE] = {3, {PG_PRUNE_SOURCES, PG_PRUNE_TASKS, PG_PRUNE_EVENTS}},
                [STORE_PUT_SOURCE] = {1, {PG_PUT_SOURCE}},
                [STORE_DROP_SOURCE] = {1, {PG_DROP_SOURCE}},
                [STORE_FINISH_SOURCE] = {1, {PG_FINISH_SOURCE}},
                [STORE_PUT_SECRET] = {1, {PG_PUT_SECRET}},
        };

        memcpy(ret, table[op->kind].steps, sizeof(table[op->kind].steps));
        if (op->kind == STORE_PRUNE && op->history >= op->now)
                return 1;
        return table[op->kind].n;
}
