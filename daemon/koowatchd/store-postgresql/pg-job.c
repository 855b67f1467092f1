#include "koowatchd/store-postgresql/pg-job.h"

#include <errno.h>

#include "koowatchd/store-postgresql/pg-row.h"

bool pg_job_is_impatient(const struct pg_job *job) {
        switch (job->statement) {
        case PG_FIND_EVENT:
        case PG_EACH_EVENT:
        case PG_EACH_RUN:
        case PG_COUNT:
        case PG_EACH_NODE:
        case PG_BEAT: /* of a session that another connection has to keep first */
        case PG_LOOK:
        case PG_LEAVE:
        case PG_ROLLBACK: /* of a transaction that ends with its connection */
                return true;
        default:
                return pg_job_is_write(job); /* commit.c has it still, and more by then */
        }
}

struct pg_job *pg_job_new(enum pg_statement statement, const struct pg_callbacks *callbacks,
                          const struct pg_arguments *arguments) {
        CLEANUP(pg_job_freep) struct pg_job *job = calloc(1, sizeof(*job));

        if (!job)
                return NULL;
        job->statement = statement;
        job->callbacks = *callbacks;
        job->n_numbers = arguments->n_numbers;
        memcpy(job->numbers, arguments->numbers, sizeof(job->numbers));
        for (; job->n_texts < arguments->n_texts; job->n_texts++) {
                job->texts[job->n_texts] = strdup(arguments->texts[job->n_texts]);
                if (!job->texts[job->n_texts])
                        return NULL;
        }
        return STEAL_PTR(job);
}

void pg_job_free(struct pg_job *job) {
        for (int i = 0; i < job->n_texts; i++)
                free(job->texts[i]);
        store_batch_free(job->batch);
        PQclear(job->kept);
        free(job);
}

/* ---- rows ---- */

static void add_found_task(const struct pg_callbacks *c, const struct pg_row *row) {
        struct store_task task;

        pg_row_task(row, &task);
        c->on.found(c->userdata, 1, &task);
}

static void add_pending(const struct pg_callbacks *c, const struct pg_row *row) {
        struct store_delivery delivery;

        pg_row_pending(row, &delivery);
        c->on.pending(c->userdata, pg_row_text(row, 0), &delivery);
}

static void add_event(const struct pg_callbacks *c, const struct pg_row *row, bool is_found) {
        struct store_event event;

        pg_row_event(row, &event);
        if (is_found)
                c->on.event_found(c->userdata, 1, &event);
        else
                c->on.event_row(c->userdata, &event);
}

static void add_run(const struct pg_callbacks *c, const struct pg_row *row) {
        struct store_run run;

        pg_row_run(row, &run);
        c->on.run(c->userdata, &run);
}

/* What has changed begins with what is seen by it. */
static void add_source(struct pg_job *job, const struct pg_row *row) {
        const bool is_changed = job->statement == PG_EACH_CHANGED_SOURCE;
        struct store_source source;

        if (is_changed)
                job->seen = pg_row_any_number(row, 0);
        if (is_changed && PQgetisnull(row->result, row->number, 1))
                return;
        pg_row_source(row, is_changed, &source);
        job->callbacks.on.source(job->callbacks.userdata, &source);
}

static void add_node(const struct pg_callbacks *c, const struct pg_row *row) {
        struct store_node node;

        pg_row_node(row, &node);
        c->on.node(c->userdata, &node);
}

static void add_counts(const struct pg_callbacks *c, const struct pg_row *row) {
        const struct store_counts counts = {
                .finished = (unsigned) pg_row_number(row, 0),
                .parked = (unsigned) pg_row_number(row, 1),
        };

        c->on.counted(c->userdata, 0, &counts);
}

void pg_job_add_row(struct pg_job *job, const PGresult *result, int number) {
        const struct pg_row row = {result, number};
        const struct pg_callbacks *c = &job->callbacks;

        if (pg_job_is_write(job))
                return;
        job->has_answered = true;
        switch (job->statement) {
        case PG_FIND_TASK:
                add_found_task(c, &row);
                break;
        case PG_EACH_TASK:
                c->on.task(c->userdata,
                           &(struct store_key){pg_row_text(&row, 0), pg_row_text(&row, 1),
                                               pg_row_text(&row, 2)});
                break;
        case PG_GET_EVENT:
                c->on.event(c->userdata, 0, pg_row_text(&row, 0));
                break;
        case PG_FIND_SECRET:
                c->on.secret(c->userdata, 0, pg_row_text(&row, 0));
                break;
        case PG_CLAIM:
        case PG_EACH_OWN:
                add_pending(c, &row);
                break;
        case PG_EACH_SOURCE:
        case PG_EACH_CHANGED_SOURCE:
                add_source(job, &row);
                break;
        case PG_EACH_NODE:
                add_node(c, &row);
                break;
        case PG_LOOK:
                c->on.account(c->userdata, pg_row_text(&row, 0));
                break;
        case PG_BEAT:
                c->on.beat(c->userdata, pg_row_is_true(&row, 0), pg_row_text(&row, 1));
                break;
        case PG_LEAVE:
                break;
        case PG_EACH_LATEST:
                c->on.body(c->userdata, pg_row_text(&row, 0));
                break;
        case PG_FIND_EVENT:
        case PG_EACH_EVENT:
                add_event(c, &row, job->statement == PG_FIND_EVENT);
                break;
        case PG_EACH_RUN:
                add_run(c, &row);
                break;
        default:
                add_counts(c, &row);
        }
}

/* ---- the end ---- */

/* error: 0: there was no row. */
static void end(enum pg_statement statement, const struct pg_callbacks *c, int error) {
        switch (statement) {
        case PG_FIND_TASK:
                c->on.found(c->userdata, error, NULL);
                break;
        case PG_GET_EVENT:
                c->on.event(c->userdata, error < 0 ? error : -ENOENT, NULL);
                break;
        case PG_FIND_SECRET:
                c->on.secret(c->userdata, error < 0 ? error : -ENOENT, NULL);
                break;
        case PG_FIND_EVENT:
                c->on.event_found(c->userdata, error, NULL);
                break;
        case PG_COUNT:
                c->on.counted(c->userdata, error < 0 ? error : -EIO, NULL);
                break;
        default:
                if (c->done)
                        c->done(c->userdata, error);
        }
}

void pg_callbacks_fail(enum pg_statement statement, const struct pg_callbacks *callbacks,
                       int error) {
        end(statement, callbacks, error);
}

void pg_job_end(struct pg_job *job) {
        bool has_end = job->callbacks.done;

        if (has_end || !job->has_answered)
                end(job->statement, &job->callbacks, job->error);
}
