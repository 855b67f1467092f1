#include "koowatchd/store/store-batch.h"

#include <errno.h>
#include <sys/queue.h>

#include "common/texts.h"

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

/* Copies what op points to, and adds it. */
static int add_op(struct store_batch *batch, const struct store_op *op) {
        struct store_op copy = *op;
        const char **const texts[] = {
                &copy.key.account, &copy.key.share_id,   &copy.key.task_id, &copy.name,
                &copy.event_id,    &copy.body,           &copy.run_on,      &copy.delivery.settled,
                &copy.run.hook,    &copy.run.status,     &copy.run.tail,    &copy.source.node,
                &copy.source.path, &copy.source.account, &copy.source.text,
        };
        const size_t size = texts_size(texts, ARRAY_LEN(texts));
        struct batch_op *own = malloc(sizeof(*own) + size);

        if (!own)
                return -ENOMEM;
        texts_copy(own->strings, texts, ARRAY_LEN(texts));
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
