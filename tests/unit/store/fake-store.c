#include "unit/store/fake-store.h"

#include <errno.h>
#include <sys/queue.h>

#include "koowatchd/store/store-backend.h"
#include "koowatchd/store/store-batch.h"
#include "unit/short-memory.h"
#include "unit/support.h"

struct task_row {
        TAILQ_ENTRY(task_row) link;
        char *account, *share_id, *task_id, *name;
        struct store_task task; /* delivery and gone: filled in when it is looked up */
        usec_t gone;            /* 0: not */
};

struct run_row {
        TAILQ_ENTRY(run_row) link;
        char *hook, *status, *tail;
        struct store_run run; /* its texts are the row's */
};

struct event_row {
        TAILQ_ENTRY(event_row) link;
        int64_t number;
        char *event_id, *body, *settled, *samples;
        TAILQ_HEAD(run_rows, run_row) runs;
        struct store_delivery delivery; /* its settled is the row's */
        const struct fake_store *owner; /* where it is shared; NULL: nobody delivers it */
};

struct fake_store;

/* An account that somebody has. */
struct holding {
        TAILQ_ENTRY(holding) link;
        const struct fake_store *owner;
        char *account;
};

/* One of task files, as store_source says. */
struct source_row {
        TAILQ_ENTRY(source_row) link;
        char *node, *path, *account, *text;
        char *old_account; /* that was named before; NULL: none */
        struct store_source source;
        uint64_t changed;
};

/* What is kept for an account, sealed. */
struct secret_row {
        TAILQ_ENTRY(secret_row) link;
        char *account, *sealed;
};

/* What a database has: that of one daemon, or of several. */
struct fake_rows {
        unsigned references;
        TAILQ_HEAD(task_rows, task_row) tasks;
        TAILQ_HEAD(event_rows, event_row) events; /* the oldest first */
        TAILQ_HEAD(source_rows, source_row) sources;
        TAILQ_HEAD(holdings, holding) holdings;
        TAILQ_HEAD(secret_rows, secret_row) secrets;
        int64_t number;   /* of the event that was put last */
        uint64_t changes; /* of sources */
};

/* An operation that waits, with copies of its arguments. */
struct fake_op {
        TAILQ_ENTRY(fake_op) link;
        /* error: 0, or the negative errno with which it is to fail. */
        void (*carry_out)(struct fake_store *f, const struct fake_op *op, int error);
        struct store_batch *batch;
        char *account, *share_id, *task_id, *event_id;
        void (*on_task)(void *userdata, const struct store_key *key);
        void (*on_pending)(void *userdata, const char *event_id,
                           const struct store_delivery *delivery);
        store_done_fn on_done;
        store_found_fn on_found;
        store_event_fn on_event;
        store_counted_fn on_counted;
        void (*on_body)(void *userdata, const char *body);
        store_event_found_fn on_whole_event;
        store_event_row_fn on_event_row;
        store_run_fn on_run;
        store_source_fn on_source;
        store_secret_fn on_secret;
        int64_t before;
        unsigned most;
        void *userdata;
};

/* EXPIRED: as others see it; OVER: it was told so. */
enum fake_session { SESSION_NONE, SESSION_BEGUN, SESSION_EXPIRED, SESSION_OVER };

struct fake_store {
        struct store store;
        struct store_backend backend; /* of one that is shared */
        struct fake_rows *rows;
        TAILQ_HEAD(fake_ops, fake_op) queue;
        size_t writes, sources_put;
        int next_error;
        bool is_immediate, in_rows;
        char error[128];

        char *node; /* NULL: it is not shared */
        struct fleet_handler handler;
        enum fake_session session;
        char *served;          /* "default other " */
        uint64_t changes_told; /* of sources; 0: none */
};

static struct fake_store *fake_of(const struct store *store) {
        return container_of(store, struct fake_store, store);
}

/* NULL for NULL. */
static char *copy_text(const char *s) {
        return s ? strcpy(sure_calloc(strlen(s) + 1), s) : NULL;
}

/* ---- rows ---- */

static struct task_row *task_find(struct fake_store *f, const struct store_key *key) {
        struct task_row *row;

        TAILQ_FOREACH(row, &f->rows->tasks, link)
        if (streq(row->account, key->account) && streq(row->share_id, key->share_id) &&
            streq(row->task_id, key->task_id))
                return row;
        return NULL;
}

static struct event_row *event_find(struct fake_store *f, const char *event_id) {
        struct event_row *row;

        TAILQ_FOREACH(row, &f->rows->events, link)
        if (streq(row->event_id, event_id))
                return row;
        return NULL;
}

static struct source_row *source_find(const struct fake_rows *rows, const char *node,
                                      const char *path) {
        struct source_row *row;

        TAILQ_FOREACH(row, &rows->sources, link)
        if (streq(row->node, node) && streq(row->path, path))
                return row;
        return NULL;
}

static struct holding *holding_find(const struct fake_rows *rows, const char *account) {
        struct holding *h;

        TAILQ_FOREACH(h, &rows->holdings, link)
        if (streq(h->account, account))
                return h;
        return NULL;
}

static struct secret_row *secret_find(const struct fake_rows *rows, const char *account) {
        struct secret_row *row;

        TAILQ_FOREACH(row, &rows->secrets, link)
        if (streq(row->account, account))
                return row;
        return NULL;
}

static void secret_remove(struct fake_rows *rows, struct secret_row *row) {
        TAILQ_REMOVE(&rows->secrets, row, link);
        free(row->account);
        free(row->sealed);
        free(row);
}

static bool holds(const struct fake_store *f, const char *account) {
        const struct holding *h = account ? holding_find(f->rows, account) : NULL;

        return h && h->owner == f;
}

static void holding_remove(struct fake_rows *rows, struct holding *h) {
        TAILQ_REMOVE(&rows->holdings, h, link);
        free(h->account);
        free(h);
}

static void source_clear(struct source_row *row) {
        free(row->account);
        free(row->text);
        free(row->old_account);
}

static void source_remove(struct fake_rows *rows, struct source_row *row) {
        TAILQ_REMOVE(&rows->sources, row, link);
        source_clear(row);
        free(row->node);
        free(row->path);
        free(row);
}

static void task_remove(struct fake_store *f, struct task_row *row) {
        if (!row)
                return;
        TAILQ_REMOVE(&f->rows->tasks, row, link);
        free(row->account);
        free(row->share_id);
        free(row->task_id);
        free(row->name);
        free(row);
}

static void run_remove(struct event_row *event, struct run_row *row) {
        TAILQ_REMOVE(&event->runs, row, link);
        free(row->hook);
        free(row->status);
        free(row->tail);
        free(row);
}

static void event_remove(struct fake_store *f, struct event_row *row) {
        if (!row)
                return;
        while (!TAILQ_EMPTY(&row->runs))
                run_remove(row, TAILQ_FIRST(&row->runs));
        TAILQ_REMOVE(&f->rows->events, row, link);
        free(row->samples);
        free(row->event_id);
        free(row->body);
        free(row->settled);
        free(row);
}

static void rows_unref(struct fake_store *f) {
        struct fake_rows *rows = f->rows;

        if (--rows->references > 0)
                return;
        while (!TAILQ_EMPTY(&rows->tasks))
                task_remove(f, TAILQ_FIRST(&rows->tasks));
        while (!TAILQ_EMPTY(&rows->events))
                event_remove(f, TAILQ_FIRST(&rows->events));
        while (!TAILQ_EMPTY(&rows->sources))
                source_remove(rows, TAILQ_FIRST(&rows->sources));
        while (!TAILQ_EMPTY(&rows->holdings))
                holding_remove(rows, TAILQ_FIRST(&rows->holdings));
        while (!TAILQ_EMPTY(&rows->secrets))
                secret_remove(rows, TAILQ_FIRST(&rows->secrets));
        free(rows);
}

static const struct store_task *task_look_up(struct fake_store *f, struct task_row *row) {
        const struct event_row *event = event_find(f, row->task.event_id);

        row->task.delivery = event ? event->delivery.state : DELIVERY_DONE;
        row->task.gone = row->gone > 0;
        row->task.name = row->name;
        return &row->task;
}

/* ---- writes ---- */

static void put_task(struct fake_store *f, const struct store_op *op) {
        struct task_row *row = sure_calloc(sizeof(*row));

        if (f->node && !holds(f, op->key.account))
                fail_msg("a task of account %s was written, which is not this node's",
                         op->key.account);
        task_remove(f, task_find(f, &op->key));
        row->account = copy_text(op->key.account);
        row->share_id = copy_text(op->key.share_id);
        row->task_id = copy_text(op->key.task_id);
        row->name = copy_text(op->name);
        row->task = op->task;
        row->task.is_away = false;
        TAILQ_INSERT_TAIL(&f->rows->tasks, row, link);
}

static void drop_task(struct fake_store *f, const struct store_op *op) {
        struct task_row *row = task_find(f, &op->key);

        if (row && str_empty(row->task.event_id))
                task_remove(f, row);
        else if (row && row->gone == 0)
                row->gone = op->now;
}

static void miss_task(struct fake_store *f, const struct store_op *op) {
        struct task_row *row = task_find(f, &op->key);

        if (!row || row->gone > 0)
                return;
        row->gone = op->now;
        row->task.is_away = true;
}

static void put_event(struct fake_store *f, const struct store_op *op) {
        struct event_row *row = sure_calloc(sizeof(*row));

        event_remove(f, event_find(f, op->event_id));
        TAILQ_INIT(&row->runs);
        row->number = ++f->rows->number;
        row->event_id = copy_text(op->event_id);
        row->body = copy_text(op->body);
        row->delivery = (struct store_delivery){
                .state = DELIVERY_PENDING,
                .finished = op->now,
                .fence = f->node ? 1 : 0,
        };
        row->owner = f->node ? f : NULL;
        TAILQ_INSERT_TAIL(&f->rows->events, row, link);
}

/* One that this node may write. */
static struct event_row *event_of(struct fake_store *f, const char *event_id) {
        struct event_row *row = event_find(f, event_id);

        return row && (!f->node || row->owner == f) ? row : NULL;
}

/* One that nobody delivers, or that is over, is taken from whoever had it. */
static struct event_row *take_event(struct fake_store *f, const char *event_id) {
        struct event_row *row = event_find(f, event_id);

        if (f->node && row && row->owner != f &&
            (!row->owner || (row->delivery.state != DELIVERY_PENDING && row->delivery.told))) {
                row->owner = f;
                row->delivery.fence++;
        }
        return event_of(f, event_id);
}

static void put_delivery(struct fake_store *f, const struct store_op *op) {
        struct event_row *row = take_event(f, op->event_id);
        usec_t finished;
        int64_t fence;

        if (!row)
                return;
        finished = row->delivery.finished;
        fence = row->delivery.fence;
        free(row->settled);
        row->settled = copy_text(op->delivery.settled);
        row->delivery = op->delivery;
        row->delivery.settled = row->settled;
        row->delivery.finished = finished;
        row->delivery.fence = fence;
}

static void put_text(struct fake_store *f, const struct store_op *op) {
        struct event_row *row = event_of(f, op->event_id);
        char **text = row && op->kind == STORE_PUT_BODY ? &row->body : row ? &row->samples : NULL;

        if (!text)
                return;
        free(*text);
        *text = copy_text(op->body);
}

static void put_run(struct fake_store *f, const struct store_op *op) {
        struct event_row *event = event_of(f, op->event_id);
        struct run_row *row;
        unsigned count = 0;

        if (!event)
                return;
        row = sure_calloc(sizeof(*row));
        row->run = op->run;
        row->run.hook = row->hook = copy_text(op->run.hook);
        row->run.status = row->status = copy_text(op->run.status);
        row->run.tail = row->tail = copy_text(op->run.tail);
        TAILQ_INSERT_TAIL(&event->runs, row, link);
        TAILQ_FOREACH(row, &event->runs, link)
        count++;
        if (count > STORE_RUNS_MAX)
                run_remove(event, TAILQ_FIRST(&event->runs));
}

static bool event_has_task(struct fake_store *f, const struct event_row *event) {
        const struct task_row *row;

        TAILQ_FOREACH(row, &f->rows->tasks, link)
        if (streq(row->task.event_id, event->event_id))
                return true;
        return false;
}

static void prune(struct fake_store *f, const struct store_op *op) {
        usec_t oldest = op->now - op->history;
        struct task_row *task, *next_task;
        struct event_row *event, *next_event;

        if (op->history >= op->now)
                return;
        for (task = TAILQ_FIRST(&f->rows->tasks); task; task = next_task) {
                next_task = TAILQ_NEXT(task, link);
                if (task->gone > 0 && task->gone < oldest)
                        task_remove(f, task);
        }
        for (event = TAILQ_FIRST(&f->rows->events); event; event = next_event) {
                next_event = TAILQ_NEXT(event, link);
                if (event->delivery.state != DELIVERY_PENDING && event->delivery.told &&
                    event->delivery.finished < oldest && !event_has_task(f, event))
                        event_remove(f, event);
        }
}

static void put_source(struct fake_store *f, const struct store_op *op) {
        struct source_row *row = source_find(f->rows, f->node, op->source.path);
        struct source_row old = row ? *row : (struct source_row){};

        f->sources_put++;
        fake_store_put_source(&f->store, f->node, &op->source);
        row = source_find(f->rows, f->node, op->source.path);
        row->source.is_done = old.source.is_done && old.source.inode == op->source.inode &&
                              old.source.mtime_ns == op->source.mtime_ns;
}

static void drop_source(struct fake_store *f, const struct store_op *op) {
        fake_store_drop_source(&f->store, f->node, op->source.path);
}

static void finish_source(struct fake_store *f, const struct store_op *op) {
        struct source_row *row = source_find(f->rows, op->source.node, op->source.path);

        if (!row || row->source.is_gone || row->source.inode != op->source.inode ||
            row->source.mtime_ns != op->source.mtime_ns)
                return;
        if (!holds(f, row->account))
                fail_msg("a file of account %s was finished, which is not this node's",
                         row->account);
        row->source.is_done = true;
        row->changed = ++f->rows->changes;
}

static void put_secret(struct fake_store *f, const struct store_op *op) {
        if (holds(f, op->key.account))
                fake_store_put_secret(&f->store, op->key.account, op->body);
}

/* What a session that is over writes changes nothing. */
static int fence(struct fake_store *f, int error) {
        if (!f->node || error < 0 || f->session == SESSION_BEGUN)
                return error;
        (void) snprintf(f->error, sizeof(f->error), "the session is over");
        if (f->session == SESSION_EXPIRED)
                fake_store_end(&f->store, f->error);
        return -ESTALE;
}

static void do_write(struct fake_store *f, const struct fake_op *op, int error) {
        static void (*const writes[])(struct fake_store * f, const struct store_op *op) = {
                [STORE_PUT_TASK] = put_task,         [STORE_DROP_TASK] = drop_task,
                [STORE_MISS_TASK] = miss_task,       [STORE_PUT_EVENT] = put_event,
                [STORE_PUT_DELIVERY] = put_delivery, [STORE_PRUNE] = prune,
                [STORE_PUT_BODY] = put_text,         [STORE_PUT_SAMPLES] = put_text,
                [STORE_PUT_RUN] = put_run,           [STORE_PUT_SOURCE] = put_source,
                [STORE_DROP_SOURCE] = drop_source,   [STORE_FINISH_SOURCE] = finish_source,
                [STORE_PUT_SECRET] = put_secret,
        };

        error = fence(f, error);
        if (error == 0) {
                f->writes += !store_batch_is_empty(op->batch);
                for (const struct store_op *w = NULL; (w = store_batch_next(op->batch, w));)
                        writes[w->kind](f, w);
        }
        op->on_done(op->userdata, error);
}

/* ---- reads; what a callback is given is a copy, freed behind it ---- */

static void do_find_task(struct fake_store *f, const struct fake_op *op, int error) {
        const struct store_key key = {op->account, op->share_id, op->task_id};
        struct task_row *row = error == 0 ? task_find(f, &key) : NULL;
        CLEANUP(freep) struct store_task *task = NULL;
        CLEANUP(freep) char *name = NULL;

        if (row) {
                task = sure_calloc(sizeof(*task));
                *task = *task_look_up(f, row);
                task->name = name = copy_text(row->name);
        }
        op->on_found(op->userdata, row ? 1 : error, task);
}

static void do_each_task(struct fake_store *f, const struct fake_op *op, int error) {
        const struct task_row *row;

        f->in_rows = true;
        TAILQ_FOREACH(row, &f->rows->tasks, link) {
                CLEANUP(freep) char *account = copy_text(row->account);
                CLEANUP(freep) char *share_id = copy_text(row->share_id);
                CLEANUP(freep) char *task_id = copy_text(row->task_id);

                if (error == 0 && row->gone == 0)
                        op->on_task(op->userdata, &(struct store_key){account, share_id, task_id});
        }
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

static void do_get_event(struct fake_store *f, const struct fake_op *op, int error) {
        const struct event_row *row = error == 0 ? event_find(f, op->event_id) : NULL;
        CLEANUP(freep) char *body = row ? copy_text(row->body) : NULL;

        op->on_event(op->userdata, error == 0 && !row ? -ENOENT : error, body);
}

/* Whether it is for this node, which takes what nobody delivers. */
static bool claim(struct fake_store *f, struct event_row *row) {
        if (!f->node)
                return true;
        if (f->session != SESSION_BEGUN || (row->owner && row->owner != f))
                return false;
        if (!row->owner)
                row->delivery.fence++;
        row->owner = f;
        return true;
}

static void do_each_pending(struct fake_store *f, const struct fake_op *op, int error) {
        struct event_row *row;

        f->in_rows = true;
        TAILQ_FOREACH(row, &f->rows->events, link) {
                CLEANUP(freep) char *event_id = copy_text(row->event_id);
                CLEANUP(freep) char *settled = copy_text(row->settled);
                struct store_delivery delivery;

                if (error < 0 || (row->delivery.state != DELIVERY_PENDING && row->delivery.told) ||
                    !claim(f, row))
                        continue;
                delivery = row->delivery;
                delivery.settled = settled;
                op->on_pending(op->userdata, event_id, &delivery);
        }
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

static void do_each_latest(struct fake_store *f, const struct fake_op *op, int error) {
        const struct event_row *row;
        size_t skip = 0;

        TAILQ_FOREACH(row, &f->rows->events, link)
        skip++;
        skip = skip > op->most ? skip - op->most : 0;
        f->in_rows = true;
        TAILQ_FOREACH(row, &f->rows->events, link) {
                CLEANUP(freep) char *body = copy_text(row->body);

                if (error == 0 && skip == 0)
                        op->on_body(op->userdata, body);
                skip -= skip > 0;
        }
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

/* A copy of a row, whose texts are freed behind the call. */
static void give_event(const struct fake_store *f, const struct event_row *row,
                       void (*give)(const struct fake_op *op, const struct store_event *event),
                       const struct fake_op *op) {
        CLEANUP(freep) char *event_id = copy_text(row->event_id);
        CLEANUP(freep) char *body = copy_text(row->body);
        CLEANUP(freep) char *samples = copy_text(row->samples);
        CLEANUP(freep) char *settled = copy_text(row->settled);
        CLEANUP(freep) char *node = row->owner ? copy_text(row->owner->node) : NULL;
        struct store_event event = {row->number,   event_id, body,           samples,
                                    row->delivery, node,     row->owner == f};

        event.delivery.settled = settled;
        give(op, &event);
}

static void give_found(const struct fake_op *op, const struct store_event *event) {
        op->on_whole_event(op->userdata, 1, event);
}

static void do_find_event(struct fake_store *f, const struct fake_op *op, int error) {
        const struct event_row *row = error == 0 ? event_find(f, op->event_id) : NULL;

        if (row)
                give_event(f, row, give_found, op);
        else
                op->on_whole_event(op->userdata, error, NULL);
}

static void give_row(const struct fake_op *op, const struct store_event *event) {
        op->on_event_row(op->userdata, event);
}

static void do_each_event(struct fake_store *f, const struct fake_op *op, int error) {
        const struct event_row *row;
        unsigned left = op->most;

        f->in_rows = true;
        TAILQ_FOREACH_REVERSE(row, &f->rows->events, event_rows, link) {
                if (error < 0 || row->number >= op->before || left == 0)
                        continue;
                give_event(f, row, give_row, op);
                left--;
        }
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

static void do_each_run(struct fake_store *f, const struct fake_op *op, int error) {
        const struct event_row *event = event_find(f, op->event_id);
        const struct run_row *row;

        f->in_rows = true;
        for (row = event && error == 0 ? TAILQ_FIRST(&event->runs) : NULL; row;
             row = TAILQ_NEXT(row, link)) {
                CLEANUP(freep) char *hook = copy_text(row->hook);
                CLEANUP(freep) char *status = copy_text(row->status);
                CLEANUP(freep) char *tail = copy_text(row->tail);
                struct store_run run = row->run;

                run.hook = hook;
                run.status = status;
                run.tail = tail;
                op->on_run(op->userdata, &run);
        }
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

/* As the others, a copy. */
static void give_source(const struct fake_store *f, const struct source_row *row,
                        const struct fake_op *op) {
        CLEANUP(freep) char *node = copy_text(row->node);
        CLEANUP(freep) char *path = copy_text(row->path);
        CLEANUP(freep) char *account = copy_text(row->account);
        CLEANUP(freep) char *text = copy_text(row->source.is_gone ? "" : row->text);
        struct store_source source = row->source;

        source.node = node;
        source.path = path;
        source.account = account;
        source.text = text;
        source.is_mine = streq(row->node, f->node);
        op->on_source(op->userdata, &source);
}

static void do_each_source(struct fake_store *f, const struct fake_op *op, int error) {
        const struct source_row *row;

        f->in_rows = true;
        TAILQ_FOREACH(row, &f->rows->sources, link)
        if (error == 0 && !row->source.is_gone && !streq(row->node, f->node) &&
            streq(row->account, op->account))
                give_source(f, row, op);
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

static void do_each_changed_source(struct fake_store *f, const struct fake_op *op, int error) {
        const struct source_row *row;
        uint64_t told = f->changes_told;

        if (error == 0)
                f->changes_told = f->rows->changes;
        f->in_rows = true;
        TAILQ_FOREACH(row, &f->rows->sources, link)
        if (error == 0 && row->changed > told &&
            (streq(row->node, f->node) || holds(f, row->account) || holds(f, row->old_account)))
                give_source(f, row, op);
        f->in_rows = false;
        op->on_done(op->userdata, error);
}

static void do_find_secret(struct fake_store *f, const struct fake_op *op, int error) {
        const struct secret_row *row = error == 0 ? secret_find(f->rows, op->account) : NULL;
        CLEANUP(freep) char *sealed = row ? copy_text(row->sealed) : NULL;

        op->on_secret(op->userdata, error == 0 && !row ? -ENOENT : error, sealed);
}

static void do_leave(struct fake_store *f, const struct fake_op *op, int error) {
        fake_store_expire(&f->store);
        f->session = SESSION_OVER;
        op->on_done(op->userdata, error);
}

static void do_count(struct fake_store *f, const struct fake_op *op, int error) {
        struct store_counts counts = {};
        const struct task_row *task;
        const struct event_row *event;

        TAILQ_FOREACH(task, &f->rows->tasks, link)
        counts.finished += !str_empty(task->task.event_id);
        TAILQ_FOREACH(event, &f->rows->events, link)
        counts.parked += event->delivery.state == DELIVERY_PARKED;
        op->on_counted(op->userdata, error, error == 0 ? &counts : NULL);
}

/* ---- the queue ---- */

static void op_free(struct fake_op *op) {
        store_batch_free(op->batch);
        free(op->account);
        free(op->share_id);
        free(op->task_id);
        free(op->event_id);
        free(op);
}
DEFINE_CLEANUP(struct fake_op *, op_free)

/* Copies the operation; its strings are copies already. */
static void op_queue(struct store *store, const struct fake_op *op) {
        struct fake_store *f = fake_of(store);
        struct fake_op *own = sure_calloc(sizeof(*own));

        if (f->in_rows)
                fail_msg("the store was called from on_row");
        *own = *op;
        TAILQ_INSERT_TAIL(&f->queue, own, link);
        if (f->is_immediate)
                fake_store_run(store);
}

size_t fake_store_pending(const struct store *store) {
        const struct fake_op *op;
        size_t count = 0;

        TAILQ_FOREACH(op, &fake_of(store)->queue, link)
        count++;
        return count;
}

bool fake_store_step(struct store *store) {
        struct fake_store *f = fake_of(store);
        CLEANUP(op_freep) struct fake_op *op = TAILQ_FIRST(&f->queue);
        int error = f->next_error;

        if (!op)
                return false;
        TAILQ_REMOVE(&f->queue, op, link);
        f->next_error = 0;
        if (error < 0)
                (void) snprintf(f->error, sizeof(f->error), "%s", strerror(-error));
        op->carry_out(f, op, error);
        return true;
}

void fake_store_run(struct store *store) {
        while (fake_store_step(store))
                ;
}

void fake_store_set_immediate(struct store *store, bool immediate) {
        fake_of(store)->is_immediate = immediate;
        if (immediate)
                fake_store_run(store);
}

void fake_store_fail_next(struct store *store, int error) {
        assert_true(error < 0);
        fake_of(store)->next_error = error;
}

void fake_store_restart(struct store *store) {
        struct fake_store *f = fake_of(store);
        struct fake_op *op;

        while ((op = TAILQ_FIRST(&f->queue))) {
                TAILQ_REMOVE(&f->queue, op, link);
                op_free(op);
        }
        if (!f->node)
                return;
        fake_store_expire(store);
        f->session = SESSION_NONE;
        f->handler = (struct fleet_handler){};
        f->changes_told = 0;
        free(STEAL_PTR(f->served));
}

/* ---- what has been carried out ---- */

const struct store_task *fake_store_task(struct store *store, const struct store_key *key) {
        struct fake_store *f = fake_of(store);
        struct task_row *row = task_find(f, key);

        return row ? task_look_up(f, row) : NULL;
}

const char *fake_store_task_name(struct store *store, const struct store_key *key) {
        const struct task_row *row = task_find(fake_of(store), key);

        return row ? row->name : NULL;
}

const struct store_delivery *fake_store_event(struct store *store, const char *event_id) {
        const struct event_row *row = event_find(fake_of(store), event_id);

        return row ? &row->delivery : NULL;
}

const char *fake_store_event_body(struct store *store, const char *event_id) {
        const struct event_row *row = event_find(fake_of(store), event_id);

        return row ? row->body : NULL;
}

size_t fake_store_tasks(const struct store *store) {
        const struct task_row *row;
        size_t count = 0;

        TAILQ_FOREACH(row, &fake_of(store)->rows->tasks, link)
        count++;
        return count;
}

size_t fake_store_events(const struct store *store) {
        const struct event_row *row;
        size_t count = 0;

        TAILQ_FOREACH(row, &fake_of(store)->rows->events, link)
        count++;
        return count;
}

size_t fake_store_writes(const struct store *store) {
        return fake_of(store)->writes;
}

/* ---- the backend ---- */

static const char *fake_error(const struct store *store) {
        return fake_of(store)->error;
}

static void fake_close(struct store *store) {
        struct fake_store *f = fake_of(store);

        fake_store_restart(store);
        rows_unref(f);
        free(f->node);
        free(f->served);
        free(f);
}

static void fake_write(struct store *store, struct store_batch *batch, store_done_fn on_done,
                       void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_write,
                                .batch = batch,
                                .on_done = on_done,
                                .userdata = userdata,
                        });
}

static void fake_find_task(struct store *store, const struct store_key *key,
                           store_found_fn on_found, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_find_task,
                                .account = copy_text(key->account),
                                .share_id = copy_text(key->share_id),
                                .task_id = copy_text(key->task_id),
                                .on_found = on_found,
                                .userdata = userdata,
                        });
}

static void fake_each_task(struct store *store,
                           void (*on_row)(void *userdata, const struct store_key *key),
                           store_done_fn on_end, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_task,
                                .on_task = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_get_event(struct store *store, const char *event_id, store_event_fn on_event,
                           void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_get_event,
                                .event_id = copy_text(event_id),
                                .on_event = on_event,
                                .userdata = userdata,
                        });
}

static void fake_each_pending(struct store *store,
                              void (*on_row)(void *userdata, const char *event_id,
                                             const struct store_delivery *delivery),
                              store_done_fn on_end, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_pending,
                                .on_pending = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_each_latest(struct store *store, unsigned most,
                             void (*on_row)(void *userdata, const char *body), store_done_fn on_end,
                             void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_latest,
                                .most = most,
                                .on_body = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_find_event(struct store *store, const char *event_id,
                            store_event_found_fn on_found, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_find_event,
                                .event_id = copy_text(event_id),
                                .on_whole_event = on_found,
                                .userdata = userdata,
                        });
}

static void fake_each_event(struct store *store, int64_t before, unsigned most,
                            store_event_row_fn on_row, store_done_fn on_end, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_event,
                                .before = before,
                                .most = most,
                                .on_event_row = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_each_run(struct store *store, const char *event_id, store_run_fn on_row,
                          store_done_fn on_end, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_run,
                                .event_id = copy_text(event_id),
                                .on_run = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_count(struct store *store, store_counted_fn on_counted, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_count,
                                .on_counted = on_counted,
                                .userdata = userdata,
                        });
}

static void fake_set_handler(struct store *store, const struct fleet_handler *handler) {
        fake_of(store)->handler = *handler;
}

/* What it has and does not serve any more is released. */
static void release_others(struct store *store) {
        struct fake_store *f = fake_of(store);
        struct holding *h, *next;

        for (h = TAILQ_FIRST(&f->rows->holdings); h; h = next) {
                next = TAILQ_NEXT(h, link);
                if (h->owner == f && !fake_store_serves(store, h->account))
                        holding_remove(f->rows, h);
        }
}

static int fake_serve(struct store *store, const char *const accounts[], size_t n) {
        struct fake_store *f = fake_of(store);
        size_t size = 1;

        for (size_t i = 0; i < n; i++)
                size += strlen(accounts[i]) + 1;
        free(f->served);
        f->served = sure_calloc(size);
        for (size_t i = 0; i < n; i++) {
                strcat(f->served, accounts[i]);
                strcat(f->served, " ");
        }
        release_others(store);
        return 0;
}

static usec_t fake_trusted_until(const struct store *store) {
        (void) store;
        return USEC_INFINITY;
}

static void fake_leave(struct store *store, store_done_fn on_done, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_leave,
                                .on_done = on_done,
                                .userdata = userdata,
                        });
}

static void fake_each_source(struct store *store, const char *account, store_source_fn on_row,
                             store_done_fn on_end, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_source,
                                .account = copy_text(account),
                                .on_source = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_each_changed_source(struct store *store, store_source_fn on_row,
                                     store_done_fn on_end, void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_each_changed_source,
                                .on_source = on_row,
                                .on_done = on_end,
                                .userdata = userdata,
                        });
}

static void fake_find_secret(struct store *store, const char *account, store_secret_fn on_found,
                             void *userdata) {
        op_queue(store, &(struct fake_op){
                                .carry_out = do_find_secret,
                                .account = copy_text(account),
                                .on_secret = on_found,
                                .userdata = userdata,
                        });
}

struct store *fake_store_new(void) {
        static const struct store_backend backend = {
                .error = fake_error,
                .close = fake_close,
                .write = fake_write,
                .find_task = fake_find_task,
                .each_task = fake_each_task,
                .get_event = fake_get_event,
                .each_pending = fake_each_pending,
                .each_latest = fake_each_latest,
                .find_event = fake_find_event,
                .each_event = fake_each_event,
                .each_run = fake_each_run,
                .count = fake_count,
        };
        struct fake_store *f = sure_calloc(sizeof(*f));

        f->store.backend = &backend;
        f->rows = sure_calloc(sizeof(*f->rows));
        f->rows->references = 1;
        TAILQ_INIT(&f->rows->tasks);
        TAILQ_INIT(&f->rows->events);
        TAILQ_INIT(&f->rows->sources);
        TAILQ_INIT(&f->rows->holdings);
        TAILQ_INIT(&f->rows->secrets);
        TAILQ_INIT(&f->queue);
        return &f->store;
}

/* ---- the fleet ---- */

void fake_store_share(struct store *store, const char *node) {
        static const struct store_fleet_backend fleet = {
                .set_handler = fake_set_handler,
                .serve = fake_serve,
                .trusted_until = fake_trusted_until,
                .leave = fake_leave,
                .each_source = fake_each_source,
                .each_changed_source = fake_each_changed_source,
                .find_secret = fake_find_secret,
        };
        struct fake_store *f = fake_of(store);

        f->backend = *store->backend;
        f->backend.fleet = &fleet;
        store->backend = &f->backend;
        f->node = copy_text(node);
}

struct store *fake_store_join(struct store *store, const char *node) {
        struct store *other = fake_store_new();

        rows_unref(fake_of(other));
        fake_of(other)->rows = fake_of(store)->rows;
        fake_of(other)->rows->references++;
        fake_store_share(other, node);
        return other;
}

const char *fake_store_node(const struct store *store) {
        return fake_of(store)->node;
}

void fake_store_begin(struct store *store) {
        struct fake_store *f = fake_of(store);

        assert_int_equal(f->session, SESSION_NONE);
        assert_non_null(f->handler.on_begun);
        f->session = SESSION_BEGUN;
        f->handler.on_begun(f->handler.userdata);
}

bool fake_store_serves(const struct store *store, const char *account) {
        const struct fake_store *f = fake_of(store);
        char word[64];

        (void) snprintf(word, sizeof(word), "%s ", account);
        return f->served && strstr(f->served, word);
}

bool fake_store_holds(const struct store *store, const char *account) {
        return holds(fake_of(store), account);
}

void fake_store_give(struct store *store, const char *account) {
        struct fake_store *f = fake_of(store);
        struct holding *h = sure_calloc(sizeof(*h));

        assert_int_equal(f->session, SESSION_BEGUN);
        assert_true(fake_store_serves(store, account));
        assert_null(holding_find(f->rows, account));
        h->owner = f;
        h->account = copy_text(account);
        TAILQ_INSERT_TAIL(&f->rows->holdings, h, link);
        f->handler.on_account(f->handler.userdata, account);
}

void fake_store_look(struct store *store) {
        struct fake_store *f = fake_of(store);

        if (f->session == SESSION_BEGUN)
                f->handler.on_look(f->handler.userdata);
}

void fake_store_expire(struct store *store) {
        struct fake_store *f = fake_of(store);
        struct holding *h, *next;
        struct event_row *event;

        if (f->session == SESSION_BEGUN)
                f->session = SESSION_EXPIRED;
        for (h = TAILQ_FIRST(&f->rows->holdings); h; h = next) {
                next = TAILQ_NEXT(h, link);
                if (h->owner == f)
                        holding_remove(f->rows, h);
        }
        TAILQ_FOREACH(event, &f->rows->events, link)
        if (event->owner == f)
                event->owner = NULL;
}

void fake_store_end(struct store *store, const char *why) {
        struct fake_store *f = fake_of(store);

        if (f->session == SESSION_NONE || f->session == SESSION_OVER)
                return;
        fake_store_expire(store);
        f->session = SESSION_OVER;
        f->handler.on_over(f->handler.userdata, why);
}

void fake_store_put_source(struct store *store, const char *node,
                           const struct store_source *source) {
        struct fake_rows *rows = fake_of(store)->rows;
        struct source_row *row = source_find(rows, node, source->path);
        char *old = row ? copy_text(row->account) : NULL;

        if (row) {
                source_clear(row);
        } else {
                row = sure_calloc(sizeof(*row));
                row->node = copy_text(node);
                row->path = copy_text(source->path);
                TAILQ_INSERT_TAIL(&rows->sources, row, link);
        }
        row->account = copy_text(source->account);
        row->text = copy_text(source->text);
        row->old_account = old;
        row->source = *source;
        row->source.node = row->node;
        row->source.path = row->path;
        row->source.account = row->account;
        row->source.text = row->text;
        row->changed = ++rows->changes;
}

void fake_store_drop_source(struct store *store, const char *node, const char *path) {
        struct fake_rows *rows = fake_of(store)->rows;
        struct source_row *row = source_find(rows, node, path);

        if (!row || row->source.is_gone)
                return;
        row->source.is_gone = true;
        row->changed = ++rows->changes;
}

const struct store_source *fake_store_source(struct store *store, const char *node,
                                             const char *path) {
        const struct source_row *row = source_find(fake_of(store)->rows, node, path);

        return row && !row->source.is_gone ? &row->source : NULL;
}

size_t fake_store_sources_put(const struct store *store) {
        return fake_of(store)->sources_put;
}

void fake_store_put_secret(struct store *store, const char *account, const char *sealed) {
        struct fake_rows *rows = fake_of(store)->rows;
        struct secret_row *old = secret_find(rows, account), *row = sure_calloc(sizeof(*row));

        row->account = copy_text(account);
        row->sealed = copy_text(sealed);
        if (old)
                secret_remove(rows, old);
        TAILQ_INSERT_TAIL(&rows->secrets, row, link);
}

const char *fake_store_secret(const struct store *store, const char *account) {
        const struct secret_row *row = secret_find(fake_of(store)->rows, account);

        return row ? row->sealed : NULL;
}
