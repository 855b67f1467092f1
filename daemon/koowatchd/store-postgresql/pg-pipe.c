#include "koowatchd/store-postgresql/pg-pipe.h"

#include <errno.h>

#include "common/crash-point.h"
#include "koowatchd/store-postgresql/pg-connection.h"
#include "koowatchd/store/store-batch.h"

#define SENT_MAX 64             /* jobs that the server has before it */
#define RESULTS_IN_A_TURN 500   /* rows and other results */
#define WRITES_IN_A_TURN 200    /* of a batch */
#define BYTES_IN_A_TURN 1000000 /* of their texts, about */

struct pg_pipe {
        struct pg_connection *connection;
        char *statements[PG_STATEMENTS];
        struct pg_pipe_handler handler;
        struct pg_jobs sent, waiting;
        unsigned n_sent;
        unsigned expected; /* statements and ends of jobs that the server has not answered */
        uint64_t results;  /* that have come, each row of many being one */
        bool is_unreachable, was_down;
        bool is_over; /* the session */
        char error[PG_ERROR_MAX];
};

static void result_clear(PGresult **result) {
        PQclear(*result);
}

/* ---- sending ---- */

static int send_statement(struct pg_pipe *p, enum pg_statement which,
                          const struct pg_values *values) {
        static const struct pg_values none;
        PGconn *conn = pg_connection_get(p->connection);

        values = values ? values : &none;
        if (PQsendQueryParams(conn, p->statements[which], values->n, NULL, values->at, NULL, NULL,
                              0) != 1)
                return -ENOTCONN;
        p->expected++;
        return 0;
}

static int send_end(struct pg_pipe *p) {
        if (PQpipelineSync(pg_connection_get(p->connection)) != 1)
                return -ENOTCONN;
        p->expected++;
        return 0;
}

/* What comes before the statement of a job. */
static int send_before(struct pg_pipe *p, enum pg_statement which) {
        struct pg_values values = {};

        if (which == PG_STATEMENTS)
                return 0;
        pg_values_add_identity(&values, which, pg_connection_identity(p->connection));
        return send_statement(p, which, &values);
}

static int send_read(struct pg_pipe *p, struct pg_job *job) {
        struct pg_values values = {};
        int r = send_before(p, pg_statement_before(job->statement));

        for (int i = 0; i < job->n_texts; i++)
                pg_values_add_text(&values, job->texts[i]);
        for (int i = 0; i < job->n_numbers; i++)
                pg_values_add_number(&values, job->numbers[i]);
        pg_values_add_identity(&values, job->statement, pg_connection_identity(p->connection));
        if (r == 0)
                r = values.failed ? -ENOMEM : send_statement(p, job->statement, &values);
        pg_values_clear(&values);
        job->is_whole = true;
        return r < 0 ? r : send_end(p);
}

static int send_op(struct pg_pipe *p, const struct store_op *op) {
        enum pg_statement steps[PG_WRITE_STEPS];
        const size_t n = pg_statements_of(op, steps);
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                struct pg_values values;

                r = pg_values_of(op, steps[i], &values);
                pg_values_add_identity(&values, steps[i], pg_connection_identity(p->connection));
                if (r == 0)
                        r = values.failed ? -ENOMEM : send_statement(p, steps[i], &values);
                pg_values_clear(&values);
        }
        return r;
}

/* As much of it as a turn of the loop has time for. */
static int send_batch(struct pg_pipe *p, struct pg_job *job) {
        size_t bytes = 0;

        for (unsigned i = 0; i < WRITES_IN_A_TURN && bytes < BYTES_IN_A_TURN; i++) {
                const struct store_op *op = store_batch_next(job->batch, job->op);
                int r;

                if (!op) {
                        CRASH_POINT("commit");
                        r = send_statement(p, PG_COMMIT, NULL);
                        job->is_whole = true;
                        return r < 0 ? r : send_end(p);
                }
                r = send_op(p, op);
                if (r < 0)
                        return r;
                bytes += op->body ? strlen(op->body) : 0;
                bytes += op->source.text ? strlen(op->source.text) : 0;
                job->op = op;
        }
        return 0;
}

static int begin_write(struct pg_pipe *p) {
        int r = send_statement(p, PG_BEGIN, NULL);

        return r < 0 ? r : send_before(p, PG_BEGIN_BATCH);
}

/* What follows a write waits for its end: where that fails, there is something to roll back. */
static bool can_send(const struct pg_pipe *p) {
        const struct pg_job *last = TAILQ_LAST(&p->sent, pg_jobs);

        return !TAILQ_EMPTY(&p->waiting) && p->n_sent < SENT_MAX &&
               !(last && pg_job_is_write(last));
}

static int send_job(struct pg_pipe *p, struct pg_job *job) {
        int r;

        TAILQ_INSERT_TAIL(&p->sent, job, link);
        p->n_sent++;
        if (!pg_job_is_write(job))
                return send_read(p, job);
        r = begin_write(p);
        return r < 0 ? r : send_batch(p, job);
}

static void pump(struct pg_pipe *p) {
        struct pg_job *job = TAILQ_LAST(&p->sent, pg_jobs);
        int r = 0;

        if (!pg_connection_get(p->connection) || !pg_connection_flush(p->connection))
                return;
        if (job && !job->is_whole)
                r = send_batch(p, job);
        while (r == 0 && can_send(p)) {
                job = TAILQ_FIRST(&p->waiting);
                TAILQ_REMOVE(&p->waiting, job, link);
                r = send_job(p, job);
        }
        if (r < 0) {
                pg_connection_drop(p->connection, NULL);
                return;
        }
        if (pg_connection_flush(p->connection) && job && !job->is_whole)
                pg_connection_again(p->connection, false);
        pg_connection_wait(p->connection, p->expected > 0, false);
}

/* ---- answers ---- */

/* The transaction that has failed is still there. Before all that waits. */
static int roll_back(struct pg_pipe *p) {
        struct pg_job *job =
                pg_job_new(PG_ROLLBACK, &(struct pg_callbacks){}, &(struct pg_arguments){});

        return job ? send_job(p, job) : -ENOMEM;
}

/* What it has kept holds. */
static void hand_over(struct pg_pipe *p, struct pg_job *job) {
        for (int i = 0; job->kept && i < PQntuples(job->kept); i++)
                pg_job_add_row(job, job->kept, i);
        if (pg_job_begins_batch(job))
                pg_connection_identity(p->connection)->writes++;
        if (job->statement == PG_EACH_CHANGED_SOURCE)
                pg_connection_identity(p->connection)->seen = job->seen;
}

/* Returns false when the connection is no more. */
static bool end_first(struct pg_pipe *p) {
        CLEANUP(pg_job_freep) struct pg_job *job = TAILQ_FIRST(&p->sent);

        TAILQ_REMOVE(&p->sent, job, link);
        p->n_sent--;
        if (pg_job_is_write(job) && job->error < 0 && roll_back(p) < 0) {
                TAILQ_INSERT_HEAD(&p->sent, job, link);
                p->n_sent++;
                job = NULL;
                pg_connection_drop(p->connection, NULL);
                return false;
        }
        if (pg_job_is_write(job) && job->error == 0)
                CRASH_POINT("committed");
        if (job->error == 0)
                hand_over(p, job);
        pg_job_end(job);
        return pg_connection_get(p->connection);
}

/* Returns false when the connection is no more. */
static bool note_failure(struct pg_pipe *p, struct pg_job *job, const PGresult *result) {
        struct pg_error error;

        pg_error_of_result(result, &error);
        if (error.number == -ESTALE) {
                pg_pipe_stop(p, error.text);
                return false;
        }
        /* Whoever is patient does not hear of a lock: it is asked again by the next connection. */
        if (error.ends_connection ||
            (error.number == -ETIMEDOUT && !pg_job_is_impatient(job) && !pg_job_keeps_rows(job))) {
                pg_connection_drop(p->connection, &error);
                return false;
        }
        if (job->error < 0) /* one follows from the other */
                return true;
        job->error = error.number;
        (void) snprintf(p->error, sizeof(p->error), "%s", error.text);
        return true;
}

static void add_rows(struct pg_job *job, const PGresult *result) {
        for (int i = 0; job->error == 0 && i < PQntuples(result); i++)
                pg_job_add_row(job, result, i);
}

/* Takes it over. Returns false when the connection is no more. */
static bool take_result(struct pg_pipe *p, PGresult *taken) {
        CLEANUP(result_clear) PGresult *result = taken;
        struct pg_job *job = TAILQ_FIRST(&p->sent);

        switch (PQresultStatus(result)) {
        case PGRES_PIPELINE_SYNC:
                p->expected--;
                return end_first(p);
        case PGRES_SINGLE_TUPLE:
        case PGRES_TUPLES_OK:
                if (job->n_over != 1) /* of what comes before or, of a write, behind it */
                        return true;
                if (!pg_job_keeps_rows(job))
                        add_rows(job, result);
                else
                        job->kept = STEAL_PTR(result);
                return true;
        case PGRES_COMMAND_OK:
        case PGRES_PIPELINE_ABORTED: /* after a failure */
                return true;
        default:
                return note_failure(p, job, result);
        }
}

/* The rows of a read come one by one, whatever their number. */
static void end_statement(struct pg_pipe *p) {
        struct pg_job *job = TAILQ_FIRST(&p->sent);

        p->expected--;
        if (!job)
                return;
        job->n_over++;
        if (job->n_over == 1 && !pg_job_is_write(job) && !pg_job_keeps_rows(job))
                (void) PQsetSingleRowMode(pg_connection_get(p->connection));
}

/* Our own come back, too. */
static void take_notifications(struct pg_pipe *p, PGconn *conn) {
        bool is_notified = false;
        PGnotify *notify;

        while ((notify = PQnotifies(conn))) {
                is_notified |= notify->be_pid != PQbackendPID(conn);
                PQfreemem(notify);
        }
        if (is_notified)
                p->handler.on_notified(p->handler.userdata);
}

/* Returns false when the connection is no more. */
static bool receive(struct pg_pipe *p) {
        PGconn *conn = pg_connection_get(p->connection);

        if ((p->expected == 0 || PQisBusy(conn)) && PQconsumeInput(conn) != 1) {
                pg_connection_drop(p->connection, NULL);
                return false;
        }
        for (unsigned i = 0; p->expected > 0 && !PQisBusy(conn); i++) {
                PGresult *result;
                bool goes_on = true;

                if (i >= RESULTS_IN_A_TURN) {
                        pg_connection_again(p->connection, true);
                        break;
                }
                result = PQgetResult(conn);
                p->results += result != NULL;
                if (result)
                        goes_on = take_result(p, result);
                else
                        end_statement(p);
                if (!goes_on)
                        return false;
        }
        return true;
}

static void on_io(void *userdata, int revents) {
        struct pg_pipe *p = userdata;
        const uint64_t results = p->results;

        if (revents & EV_READ) {
                if (!receive(p))
                        return;
                take_notifications(p, pg_connection_get(p->connection));
                pg_connection_wait(p->connection, p->expected > 0, p->results != results);
        }
        pump(p);
}

/* ---- the connection comes and goes ---- */

/* Those that are not tried again, each with its callback. */
static void fail_all(struct pg_jobs *jobs, int error) {
        struct pg_job *job;

        while ((job = TAILQ_FIRST(jobs))) {
                TAILQ_REMOVE(jobs, job, link);
                job->error = error;
                pg_job_end(job);
                pg_job_free(job);
        }
}

/* What was sent: reads that nobody has heard of yet are asked again, before all that waits. */
static void take_back(struct pg_pipe *p, struct pg_jobs *ret_failed) {
        struct pg_job *job;

        while ((job = TAILQ_LAST(&p->sent, pg_jobs))) {
                TAILQ_REMOVE(&p->sent, job, link);
                if (pg_job_is_impatient(job) || job->has_answered) {
                        TAILQ_INSERT_HEAD(ret_failed, job, link);
                        continue;
                }
                job->is_whole = false;
                job->error = 0;
                job->n_over = 0;
                PQclear(STEAL_PTR(job->kept));
                TAILQ_INSERT_HEAD(&p->waiting, job, link);
        }
        p->n_sent = p->expected = 0;
}

static void take_impatient(struct pg_pipe *p, struct pg_jobs *ret_failed) {
        struct pg_job *job, *next;

        for (job = TAILQ_FIRST(&p->waiting); job; job = next) {
                next = TAILQ_NEXT(job, link);
                if (!pg_job_is_impatient(job))
                        continue;
                TAILQ_REMOVE(&p->waiting, job, link);
                TAILQ_INSERT_TAIL(ret_failed, job, link);
        }
}

static void on_down(void *userdata, const struct pg_error *error, bool was_ready) {
        struct pg_jobs failed = TAILQ_HEAD_INITIALIZER(failed);
        struct pg_pipe *p = userdata;
        bool is_news = !was_ready && !p->is_unreachable;

        (void) snprintf(p->error, sizeof(p->error), "%s", error->text);
        p->was_down = true;
        p->is_unreachable |= !was_ready;
        take_back(p, &failed);
        if (p->is_unreachable)
                take_impatient(p, &failed);
        if (is_news)
                p->handler.on_reach(p->handler.userdata, error->number);
        fail_all(&failed, error->number);
}

static void on_ready(void *userdata, usec_t asked) {
        struct pg_pipe *p = userdata;
        bool was_down = p->was_down;

        p->is_unreachable = p->was_down = false;
        if (was_down)
                p->handler.on_reach(p->handler.userdata, 0);
        p->handler.on_ready(p->handler.userdata, asked);
        pump(p);
}

void pg_pipe_stop(struct pg_pipe *p, const char *why) {
        struct pg_jobs failed = TAILQ_HEAD_INITIALIZER(failed);

        p->is_over = true;
        (void) snprintf(p->error, sizeof(p->error), "%s", why);
        pg_connection_stop(p->connection);
        take_back(p, &failed);
        take_impatient(p, &failed);
        p->handler.on_over(p->handler.userdata, p->error);
        fail_all(&failed, -ESTALE);
}

static void on_over(void *userdata, const char *why) {
        pg_pipe_stop(userdata, why);
}

/* ---- the whole ---- */

/* Returns whether it waits. */
static bool accept(struct pg_pipe *p, struct pg_job *job) {
        if (!(p->is_unreachable || p->is_over) || !pg_job_is_impatient(job))
                return true;
        job->error = p->is_over ? -ESTALE : -ENOTCONN;
        pg_job_end(job);
        pg_job_free(job);
        return false;
}

/* With all else that this turn of the loop brings. */
static void pump_soon(struct pg_pipe *p) {
        if (pg_connection_get(p->connection))
                pg_connection_again(p->connection, false);
}

void pg_pipe_submit(struct pg_pipe *p, struct pg_job *job) {
        if (!accept(p, job))
                return;
        TAILQ_INSERT_TAIL(&p->waiting, job, link);
        pump_soon(p);
}

void pg_pipe_submit_first(struct pg_pipe *p, struct pg_job *job) {
        if (!accept(p, job))
                return;
        TAILQ_INSERT_HEAD(&p->waiting, job, link);
        pump_soon(p);
}

const char *pg_pipe_error(const struct pg_pipe *p) {
        return p->error;
}

bool pg_pipe_is_idle(const struct pg_pipe *p) {
        return TAILQ_EMPTY(&p->sent) && TAILQ_EMPTY(&p->waiting);
}

int pg_pipe_new(const struct store_module_settings *settings, const struct pg_pipe_handler *handler,
                struct pg_pipe **ret, char **ret_name, char **ret_problem) {
        struct pg_connection_handler own = {on_ready, on_down, on_over, on_io, NULL};
        CLEANUP(pg_pipe_freep) struct pg_pipe *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->handler = *handler;
        TAILQ_INIT(&p->sent);
        TAILQ_INIT(&p->waiting);
        own.userdata = p;
        r = pg_statements_make(settings->fleet, p->statements);
        if (r == 0)
                r = pg_connection_new(settings, &own, &p->connection, ret_name, ret_problem);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(p);
        return 0;
}

static void free_all(struct pg_jobs *jobs) {
        struct pg_job *job;

        while ((job = TAILQ_FIRST(jobs))) {
                TAILQ_REMOVE(jobs, job, link);
                pg_job_free(job);
        }
}

void pg_pipe_free(struct pg_pipe *p) {
        if (!p)
                return;
        pg_connection_free(p->connection);
        free_all(&p->sent);
        free_all(&p->waiting);
        pg_statements_clear(p->statements);
        free(p);
}
