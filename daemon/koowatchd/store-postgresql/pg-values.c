#include "koowatchd/store-postgresql/pg-values.h"

#include <errno.h>

void pg_values_add_text(struct pg_values *v, const char *text) {
        const int i = v->n++;

        v->at[i] = text;
        if (!text || utf8_is_valid(text, strlen(text)))
                return;
        v->at[i] = v->plain[i] = strdup(text);
        if (v->plain[i])
                str_make_plain(v->plain[i]);
        else
                v->failed = true;
}

void pg_values_add_number(struct pg_values *v, int64_t number) {
        (void) snprintf(v->numbers[v->n], sizeof(v->numbers[v->n]), "%jd", (intmax_t) number);
        v->at[v->n] = v->numbers[v->n];
        v->n++;
}

/* NULL where it is not known. */
static void add_known(struct pg_values *v, int number) {
        if (number >= 0)
                pg_values_add_number(v, number);
        else
                pg_values_add_text(v, NULL);
}

static void add_key(struct pg_values *v, const struct store_key *key) {
        pg_values_add_text(v, key->account);
        pg_values_add_text(v, key->share_id);
        pg_values_add_text(v, key->task_id);
}

static void add_task(struct pg_values *v, const struct store_op *op) {
        const struct store_task *task = &op->task;

        add_key(v, &op->key);
        pg_values_add_text(v, op->name);
        pg_values_add_number(v, task->registered);
        pg_values_add_number(v, (int64_t) task->inode);
        pg_values_add_number(v, task->mtime_ns);
        pg_values_add_text(v, task->event_id);
        pg_values_add_number(v, task->refusals);
        pg_values_add_number(v, task->refused);
        pg_values_add_number(v, task->boot);
        pg_values_add_number(v, task->booted);
        pg_values_add_text(v, task->confirmed ? "t" : "f");
}

static void add_delivery(struct pg_values *v, const struct store_op *op) {
        const struct store_delivery *d = &op->delivery;

        pg_values_add_text(v, op->event_id);
        pg_values_add_number(v, d->state);
        pg_values_add_number(v, d->attempts);
        pg_values_add_number(v, d->next);
        pg_values_add_text(v, d->settled);
        pg_values_add_number(v, d->futile);
        pg_values_add_text(v, d->told ? "t" : "f");
}

static void add_source(struct pg_values *v, const struct store_op *op) {
        const struct store_source *source = &op->source;

        pg_values_add_text(v, source->path);
        pg_values_add_text(v, source->account);
        pg_values_add_text(v, source->text);
        pg_values_add_number(v, (int64_t) source->inode);
        pg_values_add_number(v, source->mtime_ns);
        pg_values_add_text(v, source->removes_finished ? "t" : "f");
}

static void add_finished_source(struct pg_values *v, const struct store_op *op) {
        pg_values_add_text(v, op->source.node);
        pg_values_add_text(v, op->source.path);
        pg_values_add_number(v, (int64_t) op->source.inode);
        pg_values_add_number(v, op->source.mtime_ns);
}

void pg_values_add_identity(struct pg_values *v, enum pg_statement which,
                            const struct pg_identity *identity) {
        const unsigned needs = pg_statement_needs(which);

        if (needs & PG_NEEDS_SESSION)
                pg_values_add_number(v, identity->session);
        if (needs & PG_NEEDS_NODE)
                pg_values_add_text(v, identity->node);
        if (needs & PG_NEEDS_LABELS)
                pg_values_add_text(v, identity->labels);
        if (needs & PG_NEEDS_BASE)
                pg_values_add_number(v, identity->base);
        if (needs & PG_NEEDS_SEEN)
                pg_values_add_number(v, identity->seen);
        if (needs & PG_NEEDS_WRITES)
                pg_values_add_number(v, identity->writes);
}

static void add_run(struct pg_values *v, const struct store_op *op) {
        const struct store_run *run = &op->run;

        pg_values_add_text(v, op->event_id);
        pg_values_add_text(v, run->hook);
        pg_values_add_number(v, run->attempt);
        pg_values_add_number(v, run->started);
        pg_values_add_number(v, run->duration);
        pg_values_add_text(v, run->status);
        add_known(v, run->exit_status);
        add_known(v, run->signal);
        pg_values_add_text(v, run->tail);
}

int pg_values_of(const struct store_op *op, enum pg_statement which, struct pg_values *ret) {
        *ret = (struct pg_values){};
        switch (which) {
        case PG_PUT_TASK:
                add_task(ret, op);
                break;
        case PG_FORGET_TASK:
                add_key(ret, &op->key);
                break;
        case PG_MARK_GONE:
        case PG_MARK_AWAY:
                add_key(ret, &op->key);
                pg_values_add_number(ret, op->now);
                break;
        case PG_PUT_EVENT:
                pg_values_add_text(ret, op->event_id);
                pg_values_add_text(ret, op->body);
                pg_values_add_number(ret, op->now);
                pg_values_add_text(ret, op->run_on);
                break;
        case PG_PUT_SOURCE:
                add_source(ret, op);
                break;
        case PG_DROP_SOURCE:
                pg_values_add_text(ret, op->source.path);
                break;
        case PG_FINISH_SOURCE:
                add_finished_source(ret, op);
                break;
        case PG_PUT_SECRET:
                pg_values_add_text(ret, op->key.account);
                pg_values_add_text(ret, op->body);
                break;
        case PG_PRUNE_SOURCES:
                break;
        case PG_PUT_DELIVERY:
                add_delivery(ret, op);
                break;
        case PG_PUT_RUN:
                add_run(ret, op);
                break;
        case PG_CUT_RUNS:
                pg_values_add_text(ret, op->event_id);
                pg_values_add_number(ret, STORE_RUNS_MAX);
                break;
        case PG_PRUNE_TASKS:
        case PG_PRUNE_EVENTS:
                pg_values_add_number(ret, op->now - op->history);
                break;
        case PG_PUT_BODY:
                pg_values_add_text(ret, op->event_id);
                pg_values_add_text(ret, op->body);
                pg_values_add_text(ret, op->run_on);
                break;
        default: /* PG_PUT_SAMPLES */
                pg_values_add_text(ret, op->event_id);
                pg_values_add_text(ret, op->body);
        }
        return ret->failed ? -ENOMEM : 0;
}

void pg_values_clear(struct pg_values *v) {
        for (int i = 0; i < v->n; i++)
                free(v->plain[i]);
}
