#pragma once
/*
 * PostgreSQL values: the parameters of a statement
 *
 * All of them as text. One that is no UTF-8 is made plain: the server would refuse it, and with it
 * all that is written together with it, for as long as that is tried.
 */
#include <stdint.h>

#include "koowatchd/store-postgresql/pg-statements.h"

#define PG_VALUES_MAX 13

/* What this node is to the database. Strings are borrowed. */
struct pg_identity {
        const char *node, *labels;
        int64_t session; /* 0: none yet */
        int64_t base;    /* fences are larger: they rise also after a standby went back */
        int64_t writes;  /* of its transactions, those that are known to be written */
        int64_t seen;    /* what transactions before this one did to sources is known here */
};

struct pg_values {
        int n;
        const char *at[PG_VALUES_MAX]; /* NULL: NULL */
        char numbers[PG_VALUES_MAX][24];
        char *plain[PG_VALUES_MAX];
        bool failed; /* memory was short */
};

/* text: borrowed. */
void pg_values_add_text(struct pg_values *values, const char *text);
void pg_values_add_number(struct pg_values *values, int64_t number);
/* What the statement needs of it (enum pg_need), behind its other values. */
void pg_values_add_identity(struct pg_values *values, enum pg_statement which,
                            const struct pg_identity *identity);
/* For a statement of a write. Returns 0 or -ENOMEM. To be cleared in any case. */
int pg_values_of(const struct store_op *op, enum pg_statement which, struct pg_values *ret);
void pg_values_clear(struct pg_values *values);
