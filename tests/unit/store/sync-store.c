#include "unit/store/sync-store.h"

#include "koowatchd/store/store-batch.h"
#include "unit/support.h"

#define ROWS_MAX (STORE_RUNS_MAX + 1)

/* What the callbacks of one operation have brought. */
struct reply {
        unsigned ends;
        int result;
        struct store_task task;
        struct store_counts counts;
        char *body;
        char *rows[ROWS_MAX];
        size_t count;
};

static void reply_settle(const struct sync_store *s, const struct reply *reply) {
        if (s->settle)
                s->settle(s->store);
        assert_int_equal(reply->ends, 1);
}

static void reply_add_row(struct reply *reply, char *row) {
        assert_int_equal(reply->ends, 0);
        assert_non_null(row);
        assert_true(reply->count < ROWS_MAX);
        reply->rows[reply->count++] = row;
}

/* All rows as one text. */
static char *reply_join(struct reply *reply) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        for (size_t i = 0; i < reply->count; i++) {
                (void) fprintf(out, "%s ", reply->rows[i]);
                free(reply->rows[i]);
        }
        assert_int_equal(fclose(out), 0);
        return text;
}

static void on_done(void *userdata, int error) {
        struct reply *reply = userdata;

        assert_true(error <= 0);
        reply->ends++;
        reply->result = error;
}

int sync_write(const struct sync_store *s, struct store_batch *batch) {
        struct reply reply = {};

        store_write(s->store, batch, on_done, &reply);
        reply_settle(s, &reply);
        return reply.result;
}

static void on_found(void *userdata, int found, const struct store_task *task) {
        static char name[64];
        struct reply *reply = userdata;

        assert_true(found <= 1);
        if (found == 1) {
                reply->task = *task;
                (void) snprintf(name, sizeof(name), "%s", task->name);
                reply->task.name = name;
        }
        on_done(reply, found < 0 ? found : 0);
        reply->result = found;
}

int sync_find_task(const struct sync_store *s, const struct store_key *key,
                   struct store_task *ret) {
        struct reply reply = {};

        store_find_task(s->store, key, on_found, &reply);
        reply_settle(s, &reply);
        *ret = reply.task;
        return reply.result;
}

static void on_event(void *userdata, int error, const char *body) {
        struct reply *reply = userdata;

        assert_int_equal(error == 0, body != NULL);
        if (body)
                reply->body = strdup(body);
        on_done(reply, error);
}

int sync_get_event(const struct sync_store *s, const char *event_id, char **ret_body) {
        struct reply reply = {};

        store_get_event(s->store, event_id, on_event, &reply);
        reply_settle(s, &reply);
        *ret_body = reply.body;
        return reply.result;
}

static void on_counted(void *userdata, int error, const struct store_counts *counts) {
        struct reply *reply = userdata;

        assert_int_equal(error == 0, counts != NULL);
        if (counts)
                reply->counts = *counts;
        on_done(reply, error);
}

int sync_count(const struct sync_store *s, struct store_counts *ret) {
        struct reply reply = {};

        store_count(s->store, on_counted, &reply);
        reply_settle(s, &reply);
        *ret = reply.counts;
        return reply.result;
}

static void on_task(void *userdata, const struct store_key *key) {
        reply_add_row(userdata, str_printf("%s/%s/%s", key->account, key->share_id, key->task_id));
}

static int compare_rows(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int sync_each_task(const struct sync_store *s, char **ret_text) {
        struct reply reply = {};

        store_each_task(s->store, on_task, on_done, &reply);
        reply_settle(s, &reply);
        qsort(reply.rows, reply.count, sizeof(*reply.rows), compare_rows);
        *ret_text = reply_join(&reply);
        return reply.result;
}

static void on_pending(void *userdata, const char *event_id, const struct store_delivery *d) {
        static const char *const states[] = {"", ":done", ":parked"};

        assert_true(d->state == DELIVERY_PENDING || !d->told);
        reply_add_row(userdata, str_printf("%s:%u:%u:%jd:%jd:%s%s%s", event_id, d->attempts,
                                           d->futile, (intmax_t) d->finished, (intmax_t) d->next,
                                           d->settled ? d->settled : "-", d->told ? ":told" : "",
                                           states[d->state]));
}

int sync_each_pending(const struct sync_store *s, char **ret_text) {
        struct reply reply = {};

        store_each_pending(s->store, on_pending, on_done, &reply);
        reply_settle(s, &reply);
        *ret_text = reply_join(&reply);
        return reply.result;
}

static void on_body(void *userdata, const char *body) {
        reply_add_row(userdata, str_printf("%s", body));
}

int sync_each_latest(const struct sync_store *s, unsigned most, char **ret_text) {
        struct reply reply = {};

        store_each_latest(s->store, most, on_body, on_done, &reply);
        reply_settle(s, &reply);
        *ret_text = reply_join(&reply);
        return reply.result;
}

/* ---- one write ---- */

static struct store_batch *batch_new(void) {
        struct store_batch *batch = store_batch_new();

        assert_non_null(batch);
        return batch;
}

static void write_one(const struct sync_store *s, struct store_batch *batch, int added) {
        assert_int_equal(added, 0);
        assert_int_equal(sync_write(s, batch), 0);
}

void sync_put_task(const struct sync_store *s, const struct store_key *key, const char *name,
                   const struct store_task *task) {
        struct store_batch *batch = batch_new();

        write_one(s, batch, store_batch_put_task(batch, key, name, task));
}

void sync_drop_task(const struct sync_store *s, const struct store_key *key, usec_t now) {
        struct store_batch *batch = batch_new();

        write_one(s, batch, store_batch_drop_task(batch, key, now));
}

void sync_miss_task(const struct sync_store *s, const struct store_key *key, usec_t now) {
        struct store_batch *batch = batch_new();

        write_one(s, batch, store_batch_miss_task(batch, key, now));
}

void sync_put_event(const struct sync_store *s, const char *event_id, const char *body,
                    usec_t now) {
        struct store_batch *batch = batch_new();

        write_one(s, batch, store_batch_put_event(batch, event_id, body, NULL, now));
}

void sync_put_delivery(const struct sync_store *s, const char *event_id,
                       const struct store_delivery *delivery) {
        struct store_batch *batch = batch_new();

        write_one(s, batch, store_batch_put_delivery(batch, event_id, delivery));
}

void sync_prune(const struct sync_store *s, usec_t now, usec_t history) {
        struct store_batch *batch = batch_new();

        write_one(s, batch, store_batch_prune(batch, now, history));
}

/* ---- history ---- */

static char *event_text(const struct store_event *e) {
        return str_printf("%lld:%s:%s:%s:%d:%u:%s", (long long) e->number, e->event_id, e->body,
                          e->samples ? e->samples : "-", (int) e->delivery.state,
                          e->delivery.attempts, e->delivery.settled ? e->delivery.settled : "-");
}

static void on_whole_event(void *userdata, int found, const struct store_event *event) {
        struct reply *reply = userdata;

        if (found == 1)
                reply->body = event_text(event);
        on_done(reply, found < 0 ? found : 0);
        reply->result = found;
}

int sync_find_event(const struct sync_store *s, const char *event_id, char **ret_text) {
        struct reply reply = {};

        store_find_event(s->store, event_id, on_whole_event, &reply);
        reply_settle(s, &reply);
        *ret_text = reply.body;
        return reply.result;
}

static void on_event_row(void *userdata, const struct store_event *event) {
        reply_add_row(userdata, event_text(event));
}

int sync_each_event(const struct sync_store *s, int64_t before, unsigned most, char **ret_text) {
        struct reply reply = {};

        store_each_event(s->store, before, most, on_event_row, on_done, &reply);
        reply_settle(s, &reply);
        *ret_text = reply_join(&reply);
        return reply.result;
}

static void on_run(void *userdata, const struct store_run *r) {
        reply_add_row(userdata,
                      str_printf("%s:%u:%lld:%lld:%s:%d:%d:%s", r->hook, r->attempt,
                                 (long long) r->started, (long long) r->duration, r->status,
                                 r->exit_status, r->signal, r->tail ? r->tail : "-"));
}

int sync_each_run(const struct sync_store *s, const char *event_id, char **ret_text) {
        struct reply reply = {};

        store_each_run(s->store, event_id, on_run, on_done, &reply);
        reply_settle(s, &reply);
        *ret_text = reply_join(&reply);
        return reply.result;
}
