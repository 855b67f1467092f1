#pragma once
/*
 * PostgreSQL jobs: what the store was asked for, in order, until it has been answered
 */
#include <libpq-fe.h>
#include <sys/queue.h>

#include "koowatchd/store-postgresql/pg-values.h"
#include "koowatchd/store/fleet.h"

#define PG_TEXTS_MAX 3
#define PG_NUMBERS_MAX 2

/* What a read is asked with; borrowed. */
struct pg_arguments {
        int n_texts, n_numbers;
        const char *texts[PG_TEXTS_MAX];
        int64_t numbers[PG_NUMBERS_MAX];
};

/* Whoever asked, by kind of job; those for rows end by done. */
struct pg_callbacks {
        store_done_fn done;
        union {
                store_found_fn found;
                void (*task)(void *userdata, const struct store_key *key);
                store_event_fn event;
                void (*pending)(void *userdata, const char *event_id,
                                const struct store_delivery *delivery);
                void (*body)(void *userdata, const char *body);
                store_event_found_fn event_found;
                store_event_row_fn event_row;
                store_run_fn run;
                store_counted_fn counted;
                store_source_fn source;
                store_node_fn node;
                store_secret_fn secret;
                void (*account)(void *userdata, const char *name);
                /* why: where it is not good. */
                void (*beat)(void *userdata, bool is_good, const char *why);
        } on;
        void *userdata;
};

struct pg_job {
        TAILQ_ENTRY(pg_job) link;
        enum pg_statement statement; /* of a read; of a write: PG_BEGIN_BATCH */
        struct pg_callbacks callbacks;
        struct store_batch *batch; /* of a write */

        /* Of a read: its parameters, the texts before the numbers. */
        char *texts[PG_TEXTS_MAX];
        int64_t numbers[PG_NUMBERS_MAX];
        int n_texts, n_numbers;

        const struct store_op *op; /* of a write: the last one that was sent; NULL: none */
        bool is_whole;             /* all of it has been sent */
        bool has_answered;         /* by a row, or by the one callback that it has */
        unsigned n_over;           /* statements that have been answered */
        PGresult *kept;            /* rows, until they hold: see pg_statement_before() */
        int64_t seen;              /* EACH_CHANGED_SOURCE: for struct pg_identity */
        int error;                 /* a negative errno; 0: none so far */
};
TAILQ_HEAD(pg_jobs, pg_job);

static inline bool pg_job_is_write(const struct pg_job *job) {
        return job->statement == PG_BEGIN_BATCH;
}

/* Of those transactions the node counts how many there were. */
static inline bool pg_job_begins_batch(const struct pg_job *job) {
        return pg_job_is_write(job) || pg_statement_before(job->statement) == PG_BEGIN_BATCH;
}

/* Asked for by a person who waits, and not by the daemon itself: it had better fail than wait. */
bool pg_job_is_impatient(const struct pg_job *job);

/* NULL when memory is short. arguments: copied. */
struct pg_job *pg_job_new(enum pg_statement statement, const struct pg_callbacks *callbacks,
                          const struct pg_arguments *arguments);
void pg_job_free(struct pg_job *job);
DEFINE_CLEANUP(struct pg_job *, pg_job_free)

/* Its rows are handed over when all of it has ended well. */
static inline bool pg_job_keeps_rows(const struct pg_job *job) {
        return pg_statement_changes(job->statement);
}

/* A row has come: hands it over. The first failure is noted and ends the job in the end. */
void pg_job_add_row(struct pg_job *job, const PGresult *result, int row);
/* Calls the callback that ends it, unless a row has done so. The job may be freed then. */
void pg_job_end(struct pg_job *job);
/* Likewise, for one that was never begun; also without a job. error: a negative errno. */
void pg_callbacks_fail(enum pg_statement statement, const struct pg_callbacks *callbacks,
                       int error);
