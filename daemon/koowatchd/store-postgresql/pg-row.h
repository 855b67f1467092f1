#pragma once
/*
 * PostgreSQL rows: what is read of one, whoever has written it, is within what the rest of the
 * daemon can reckon with
 */
#include <libpq-fe.h>

#include "koowatchd/store/fleet.h"

struct pg_row {
        const PGresult *result;
        int number;
};

/* Borrowed from the result; "" where the column is NULL. */
const char *pg_row_text(const struct pg_row *row, int column);
/* From 0 to UINT_MAX; 0 where the column is NULL. */
int64_t pg_row_number(const struct pg_row *row, int column);

int64_t pg_row_any_number(const struct pg_row *row, int column);
bool pg_row_is_true(const struct pg_row *row, int column);

/* Rows of the statements PG_FIND_TASK, PG_CLAIM and PG_EACH_OWN, PG_FIND_EVENT and PG_EACH_EVENT,
 * PG_EACH_RUN, and PG_EACH_NODE; a source from the column first on. Strings are the result's. */
void pg_row_task(const struct pg_row *row, struct store_task *ret);
void pg_row_pending(const struct pg_row *row, struct store_delivery *ret);
void pg_row_event(const struct pg_row *row, struct store_event *ret);
void pg_row_run(const struct pg_row *row, struct store_run *ret);
void pg_row_source(const struct pg_row *row, int first, struct store_source *ret);
void pg_row_node(const struct pg_row *row, struct store_node *ret);
