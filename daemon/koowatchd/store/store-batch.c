#include "koowatchd/store/store-batch.h"

#include <errno.h>
#include <sys/queue.h>

#define TEXTS_MAX 15

struct batch_op {
        struct store_op op; /* a backend's way back to the whole */
        STAILQ_ENTRY(batch_op) link;
        char strings[]; /* all that op points to */
};

struct store_batch {
        STAILQ_HEAD(batch_ops, batch_op) ops;
};

struct store_batch *store_batch_new(void) {
        struct store_batch *batch = calloc(1, sizeof(*batch));

        if (batch)
                STAILQ_INIT(&batch->ops);
        return batch;
}

void store_batch_free(struct store_batch *batch) {
        struct batch_op *op;

        if (!batch)
                return;
        while ((op = STAILQ_FIRST(&batch->ops))) {
                STAILQ_REMOVE_HEAD(&batch->ops, link);
                free(op);
        }
        free(batch);
}

bool store_batch_is_empty(const struct store_batch *batch) {
        return STAILQ_EMPTY(&batch->ops);
}

const struct store_op *store_batch_next(const struct store_batch *batch,
                                        const struct store_op *op) {
        const struct batch_op *next = op ? STAILQ_NEXT(container_of(op, struct batch_op, op), link)
                                         : STAILQ_FIRST(&batch->ops);

        return next ? &next->op : NULL;
}

/* Where the texts of an op are. */
static size_t list_texts(struct store_op *op, const char **ret[TEXTS_MAX]) {
        const char **const texts[] = {
                &op->key.account, &op->key.share_id,   &op->key.task_id, &op->name,
                &op->event_id,    &op->body,           &op->run_on,      &op->delivery.settled,
                &op->run.hook,    &op->run.status,     &op->run.tail,    &op->source.node,
                &op->source.path, &op->source.account, &op->source.text,
        };

        _Static_assert(ARRAY_LEN(texts) <= TEXTS_MAX, "there is room for all");
        memcpy(ret, texts, sizeof(texts));
        return ARRAY_LEN(texts);
}

/* Copies what op points to, and adds it. */
static int add_op(struct store_batch *batch, const struct store_op *op) {
        struct store_op copy = *op;
        const char **texts[TEXTS_MAX];
        size_t sizes[TEXTS_MAX], size = 0, n = list_texts(&copy, texts);
        struct batch_op *own;
        char *at;

        for (size_t i = 0; i < n; i++)
                size += sizes[i] = *texts[i] ? strlen(*texts[i]) + 1 : 0;
        own = malloc(sizeof(*own) + size);
        if (!own)
                return -ENOMEM;
        at = own->strings;
        for (size_t i = 0; i < n; i++) {
                if (!*texts[i])
                        continue;
                *texts[i] = memcpy(at, *texts[i], sizes[i]);
                at += sizes[i];
        }
        own->op = copy;
        STAILQ_INSERT_TAIL(&batch->ops, own, link);
        return 0;
}

int store_batch_put_task(struct store_batch *batch, const struct store_key *key, const char *name,
                         const struct store_task *task) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_TASK,
                                     .key = *key,
                                     .name = name,
                                     .task = *task,
                             });
}

int store_batch_drop_task(struct store_batch *batch, const struct store_key *key, usec_t now) {
        return add_op(batch, &(struct store_op){.kind = STORE_DROP_TASK, .key = *key, .now = now});
}

int store_batch_miss_task(struct store_batch *batch, const struct store_key *key, usec_t now) {
        return add_op(batch, &(struct store_op){.kind = STORE_MISS_TASK, .key = *key, .now = now});
}

int store_batch_put_event(struct store_batch *batch, const char *event_id, const char *body,
                          const char *run_on, usec_t now) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_EVENT,
                                     .event_id = event_id,
                                     .body = body,
                                     .run_on = run_on,
                                     .now = now,
                             });
}

int store_batch_put_delivery(struct store_batch *batch, const char *event_id,
                             const struct store_delivery *delivery) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_DELIVERY,
                                     .event_id = event_id,
                                     .delivery = *delivery,
                             });
}

int store_batch_put_body(struct store_batch *batch, const char *event_id, const char *body,
                         const char *run_on) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_BODY,
                                     .event_id = event_id,
                                     .body = body,
                                     .run_on = run_on,
                             });
}

int store_batch_put_samples(struct store_batch *batch, const char *event_id, const char *samples) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_SAMPLES,
                                     .event_id = event_id,
                                     .body = samples,
                             });
}

int store_batch_put_run(struct store_batch *batch, const char *event_id,
                        const struct store_run *run) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_RUN,
                                     .event_id = event_id,
                                     .run = *run,
                             });
}

int store_batch_prune(struct store_batch *batch, usec_t now, usec_t history) {
        return add_op(batch,
                      &(struct store_op){.kind = STORE_PRUNE, .now = now, .history = history});
}

int store_batch_put_source(struct store_batch *batch, const struct store_source *source) {
        return add_op(batch, &(struct store_op){.kind = STORE_PUT_SOURCE, .source = *source});
}

int store_batch_drop_source(struct store_batch *batch, const char *path) {
        return add_op(batch, &(struct store_op){.kind = STORE_DROP_SOURCE, .source.path = path});
}

int store_batch_finish_source(struct store_batch *batch, const struct store_source *source) {
        return add_op(batch, &(struct store_op){.kind = STORE_FINISH_SOURCE, .source = *source});
}

int store_batch_put_secret(struct store_batch *batch, const char *account, const char *sealed) {
        return add_op(batch, &(struct store_op){
                                     .kind = STORE_PUT_SECRET,
                                     .key.account = account,
                                     .body = sealed,
                             });
}
