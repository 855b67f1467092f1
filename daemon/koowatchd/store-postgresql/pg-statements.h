#pragma once
/*
 * PostgreSQL statements: all that is asked of the database, once its schema is there
 *
 * Unnamed, with parameters as text: a prepared one would be left behind when a pooler gives us
 * another connection.
 */
#include "koowatchd/store/store-batch.h"

enum pg_statement {
        PG_BEGIN,
        PG_COMMIT,
        PG_ROLLBACK,
        PG_BEGIN_BATCH,
        PG_BEGIN_BEAT,
        PG_BEGIN_READ,
        PG_BEAT,
        PG_LOOK,
        PG_LEAVE,
        PG_PUT_TASK,
        PG_FORGET_TASK,
        PG_MARK_GONE,
        PG_MARK_AWAY,
        PG_PUT_EVENT,
        PG_PUT_DELIVERY,
        PG_PUT_BODY,
        PG_PUT_SAMPLES,
        PG_PUT_RUN,
        PG_CUT_RUNS,
        PG_PUT_SOURCE,
        PG_DROP_SOURCE,
        PG_FINISH_SOURCE,
        PG_PUT_SECRET,
        PG_PRUNE_TASKS,
        PG_PRUNE_EVENTS,
        PG_PRUNE_SOURCES,
        PG_FIND_TASK,
        PG_EACH_TASK,
        PG_GET_EVENT,
        PG_CLAIM,
        PG_EACH_OWN,
        PG_EACH_LATEST,
        PG_FIND_EVENT,
        PG_EACH_EVENT,
        PG_EACH_RUN,
        PG_EACH_SOURCE,
        PG_EACH_CHANGED_SOURCE,
        PG_FIND_SECRET,
        PG_EACH_NODE,
        PG_COUNT,
        PG_STATEMENTS
};

/* Returns 0 or -ENOMEM; what was made before that is to be cleared as well. */
int pg_statements_make(const char *fleet, char *ret[PG_STATEMENTS]);
void pg_statements_clear(char *statements[PG_STATEMENTS]);

/* Which values of this node's a statement has behind its own, in this order. */
enum pg_need {
        PG_NEEDS_SESSION = 1,
        PG_NEEDS_NODE = 2,
        PG_NEEDS_LABELS = 4,
        PG_NEEDS_BASE = 8,
        PG_NEEDS_SEEN = 16,
        PG_NEEDS_WRITES = 32,
};
unsigned pg_statement_needs(enum pg_statement which);
/*
 * What comes before it, in the same transaction; PG_STATEMENTS: nothing. It limits how long the
 * server waits for a lock: nobody ends what it does for a connection that has been given up.
 */
enum pg_statement pg_statement_before(enum pg_statement which);
/* It changes rows: those that it returns hold when the transaction has ended. */
bool pg_statement_changes(enum pg_statement which);

/* Of a write, the statements it needs, in order. Returns how many, at most PG_WRITE_STEPS. */
#define PG_WRITE_STEPS 3
size_t pg_statements_of(const struct store_op *op, enum pg_statement ret[PG_WRITE_STEPS]);
