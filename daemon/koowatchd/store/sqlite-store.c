#include "koowatchd/store/sqlite-store.h"

#include <errno.h>
#include <sqlite3.h>

#include "common/crash-point.h"
#include "koowatchd/store/sqlite-column.h"
#include "koowatchd/store/sqlite-context.h"
#include "koowatchd/store/sqlite-copy.h"
#include "koowatchd/store/sqlite-damage.h"
#include "koowatchd/store/sqlite-history.h"
#include "koowatchd/store/sqlite-place.h"
#include "koowatchd/store/sqlite-schema.h"
#include "koowatchd/store/store-batch.h"

/* A few milliseconds of SQLite's work. */
#define BUSY_STEPS 10000

static int call_on_busy(void *userdata) {
        void (*const *on_busy)(void) = userdata;

        (*on_busy)();
        return 0;
}

/* Made, or brought up to date; of what that alters, a copy is kept. */
static int prepare_schema(struct sqlite_store *s) {
        bool is_earlier = false;
        int version = 0, code, r;

        code = sqlite_schema_inspect(s->db, &version, &is_earlier);
        if (code != SQLITE_OK)
                return sqlite_note_failure(s, code);
        if (version > SQLITE_SCHEMA_VERSION) {
                (void) snprintf(s->error, sizeof(s->error),
                                "it has schema %d, this koowatchd knows %d", version,
                                SQLITE_SCHEMA_VERSION);
                return -EPROTO;
        }
        if (is_earlier) {
                r = sqlite_copy_keep(s);
                if (r < 0)
                        return r;
        }
        code = sqlite_schema_prepare(s->db, version);
        return code != SQLITE_OK ? sqlite_note_failure(s, code) : 0;
}

static int prepare_database(struct sqlite_store *s, void (*on_busy)(void)) {
        int r;

        if (on_busy)
                sqlite3_progress_handler(s->db, BUSY_STEPS, call_on_busy, (void *) &on_busy);
        r = prepare_schema(s);
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
        if (r < 0)
                return r;
        if (sqlite_damage_check(s->db, s->path) != SQLITE_OK) {
                sqlite_suspect_damage(s);
                (void) snprintf(s->error, sizeof(s->error), "%s", sqlite3_errstr(SQLITE_CORRUPT));
                return -EUCLEAN;
        }
        return sqlite_prepare_statements(s);
}

static void roll_back(const struct sqlite_store *s) {
        if (s->db && !sqlite3_get_autocommit(s->db))
                (void) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/*
 * Within a transaction the database is locked once, and not for each row that is read. One that
 * is not to be had is none that is missed.
 */
static void sqlite_begin_reading(struct store *store) {
        const struct sqlite_store *s = sqlite_of(store);

        if (s->db && sqlite3_get_autocommit(s->db))
                (void) sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
}

static void sqlite_end_reading(struct store *store) {
        roll_back((const struct sqlite_store *) store);
}

/* ---- writing ---- */

static int put_task(struct sqlite_store *s, const struct store_op *op) {
        const struct store_task *task = &op->task;
        sqlite3_stmt *q = sqlite_bind_key(s, PUT_TASK, &op->key);

        (void) sqlite3_bind_text(q, 4, op->name, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 5, task->registered);
        (void) sqlite3_bind_int64(q, 6, (sqlite3_int64) task->inode);
        (void) sqlite3_bind_int64(q, 7, task->mtime_ns);
        (void) sqlite3_bind_text(q, 8, task->event_id, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 9, task->refusals);
        (void) sqlite3_bind_int64(q, 10, task->refused);
        (void) sqlite3_bind_int64(q, 11, task->boot);
        (void) sqlite3_bind_int64(q, 12, task->booted);
        (void) sqlite3_bind_int(q, 13, task->confirmed);
        return sqlite_run_statement(s, q);
}

static int drop_task(struct sqlite_store *s, const struct store_op *op) {
        sqlite3_stmt *q = sqlite_bind_key(s, FORGET_TASK, &op->key);
        int r;

        r = sqlite_run_statement(s, q);
        if (r < 0)
                return r;
        q = sqlite_bind_key(s, MARK_GONE, &op->key);
        (void) sqlite3_bind_int64(q, 4, op->now);
        return sqlite_run_statement(s, q);
}

static int miss_task(struct sqlite_store *s, const struct store_op *op) {
        sqlite3_stmt *q = sqlite_bind_key(s, MARK_AWAY, &op->key);

        (void) sqlite3_bind_int64(q, 4, op->now);
        return sqlite_run_statement(s, q);
}

static int put_event(struct sqlite_store *s, const struct store_op *op) {
        sqlite3_stmt *q = sqlite_bind_event(s, PUT_EVENT, op->event_id);

        (void) sqlite3_bind_text(q, 2, op->body, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 3, op->now);
        return sqlite_run_statement(s, q);
}

static int put_delivery(struct sqlite_store *s, const struct store_op *op) {
        const struct store_delivery *d = &op->delivery;
        sqlite3_stmt *q = sqlite_bind_event(s, PUT_DELIVERY, op->event_id);

        (void) sqlite3_bind_int(q, 2, (int) d->state);
        (void) sqlite3_bind_int64(q, 3, d->attempts);
        (void) sqlite3_bind_int64(q, 4, d->next);
        if (d->settled)
                (void) sqlite3_bind_text(q, 5, d->settled, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 6, d->futile);
        (void) sqlite3_bind_int(q, 7, d->told);
        return sqlite_run_statement(s, q);
}

static int prune(struct sqlite_store *s, const struct store_op *op) {
        static const enum sqlite_statement steps[] = {PRUNE_TASKS, PRUNE_EVENTS};
        int r = 0;

        if (op->history >= op->now)
                return 0;
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(steps); i++) {
                (void) sqlite3_bind_int64(s->statements[steps[i]], 1, op->now - op->history);
                r = sqlite_run_statement(s, s->statements[steps[i]]);
        }
        return r;
}

static int write_op(struct sqlite_store *s, const struct store_op *op) {
        switch (op->kind) {
        case STORE_PUT_TASK:
                return put_task(s, op);
        case STORE_DROP_TASK:
                return drop_task(s, op);
        case STORE_MISS_TASK:
                return miss_task(s, op);
        case STORE_PUT_EVENT:
                return put_event(s, op);
        case STORE_PUT_DELIVERY:
                return put_delivery(s, op);
        case STORE_PUT_BODY:
                return sqlite_put_body(s, op);
        case STORE_PUT_SAMPLES:
                return sqlite_put_samples(s, op);
        case STORE_PUT_RUN:
                return sqlite_put_run(s, op);
        case STORE_PRUNE:
                return prune(s, op);
        case STORE_PUT_SOURCE: /* it is not shared */
        case STORE_DROP_SOURCE:
        case STORE_FINISH_SOURCE:
        case STORE_PUT_SECRET:
                break;
        }
        return -EINVAL;
}

static int write_batch(struct sqlite_store *s, const struct store_batch *batch) {
        int r;

        sqlite_end_reading(&s->store);
        if (sqlite_place_is_lost(s->db)) {
                (void) snprintf(s->error, sizeof(s->error),
                                "it was removed or moved away; put it back, or restart koowatchd, "
                                "which starts with a new one");
                return -ESTALE;
        }
        r = sqlite_run_statement(s, s->statements[BEGIN]);
        if (r < 0)
                return r;
        for (const struct store_op *op = NULL; r == 0 && (op = store_batch_next(batch, op));)
                r = write_op(s, op);
        CRASH_POINT("commit");
        if (r == 0)
                r = sqlite_run_statement(s, s->statements[COMMIT]);
        CRASH_POINT("committed");
        if (r < 0) /* a statement that failed may have done it already */
                roll_back(s);
        return r;
}

static void sqlite_write(struct store *store, struct store_batch *taken, store_done_fn on_done,
                         void *userdata) {
        CLEANUP(store_batch_freep) struct store_batch *batch = taken;

        on_done(userdata, store_batch_is_empty(batch) ? 0 : write_batch(sqlite_of(store), batch));
}

/* ---- reading ---- */

static void sqlite_find_task(struct store *store, const struct store_key *key,
                             store_found_fn on_found, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = sqlite_bind_key(s, FIND_TASK, key);
        int code = sqlite3_step(q), found = 0;
        struct store_task task = {};
        const char *event_id, *name;
        CLEANUP(freep) char *own_name = NULL;

        if (code == SQLITE_ROW) {
                found = sqlite_read_text(s, q, 3, &event_id);
                if (found == 0)
                        found = sqlite_read_text(s, q, 11, &name);
                if (found == 0)
                        own_name = strdup(name ? name : "");
                task = (struct store_task){
                        .registered = sqlite_column_time(q, 0),
                        .inode = (uint64_t) sqlite3_column_int64(q, 1),
                        .mtime_ns = sqlite3_column_int64(q, 2),
                        .gone = sqlite3_column_int64(q, 4) > 0,
                        .refusals = sqlite_column_bounded(q, 5),
                        .refused = sqlite_column_time(q, 6),
                        .boot = sqlite3_column_int64(q, 7),
                        .booted = sqlite_column_signed_time(q, 8), /* may lie before the boot */
                        .confirmed = sqlite3_column_int(q, 9) != 0,
                        .delivery = sqlite_column_state(q, 10),
                        .name = own_name,
                        .is_away = sqlite3_column_int(q, 12) != 0,
                };
                if (found == 0 && !own_name)
                        found = -ENOMEM;
                if (found == 0 && !str_empty(event_id))
                        (void) snprintf(task.event_id, sizeof(task.event_id), "%s", event_id);
                if (found == 0)
                        found = 1;
        } else if (code != SQLITE_DONE) {
                found = sqlite_note_failure(s, code);
        }
        sqlite_resetp(&q); /* the callback may ask again */
        on_found(userdata, found, found > 0 ? &task : NULL);
}

static void each_key(struct store *store, enum sqlite_statement which,
                     void (*on_row)(void *userdata, const struct store_key *key),
                     store_done_fn on_end, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = s->statements[which];
        int code = SQLITE_DONE, r = 0;

        while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
                const char *texts[3];

                for (int i = 0; r == 0 && i < (int) ARRAY_LEN(texts); i++)
                        r = sqlite_read_text(s, q, i, &texts[i]);
                if (r == 0)
                        on_row(userdata, &(struct store_key){texts[0], texts[1], texts[2]});
        }
        if (r == 0 && code != SQLITE_DONE)
                r = sqlite_note_failure(s, code);
        sqlite_resetp(&q);
        on_end(userdata, r);
}

static void sqlite_each_task(struct store *store,
                             void (*on_row)(void *userdata, const struct store_key *key),
                             store_done_fn on_end, void *userdata) {
        each_key(store, EACH_TASK, on_row, on_end, userdata);
}

void sqlite_store_each_known(struct store *store,
                             void (*on_row)(void *userdata, const struct store_key *key),
                             store_done_fn on_end, void *userdata) {
        each_key(store, EACH_KNOWN, on_row, on_end, userdata);
}

static void sqlite_get_event(struct store *store, const char *event_id, store_event_fn on_event,
                             void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = sqlite_bind_event(s, GET_EVENT, event_id);
        int code = sqlite3_step(q), r = 0;
        CLEANUP(freep) char *body = NULL;
        const char *text;

        if (code == SQLITE_ROW) {
                r = sqlite_read_text(s, q, 0, &text);
                if (r == 0) {
                        body = strdup(text ? text : "");
                        r = body ? 0 : -ENOMEM;
                }
        } else {
                r = code == SQLITE_DONE ? -ENOENT : sqlite_note_failure(s, code);
        }
        sqlite_resetp(&q);
        on_event(userdata, r, body);
}

static void sqlite_each_pending(struct store *store,
                                void (*on_row)(void *userdata, const char *event_id,
                                               const struct store_delivery *delivery),
                                store_done_fn on_end, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = s->statements[EACH_PENDING];
        int code = SQLITE_DONE, r = 0;

        while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
                struct store_delivery delivery = {
                        .attempts = sqlite_column_bounded(q, 1),
                        .next = sqlite_column_time(q, 2),
                        .futile = sqlite_column_bounded(q, 4),
                        .finished = sqlite_column_time(q, 5),
                        .state = sqlite_column_state(q, 6),
                        .told = sqlite3_column_int(q, 7) != 0,
                };
                const char *event_id;

                r = sqlite_read_text(s, q, 0, &event_id);
                if (r == 0)
                        r = sqlite_read_text(s, q, 3, &delivery.settled);
                if (r == 0)
                        on_row(userdata, event_id, &delivery);
        }
        if (r == 0 && code != SQLITE_DONE)
                r = sqlite_note_failure(s, code);
        sqlite_resetp(&q);
        on_end(userdata, r);
}

static void sqlite_each_latest(struct store *store, unsigned most,
                               void (*on_row)(void *userdata, const char *body),
                               store_done_fn on_end, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = s->statements[EACH_LATEST];
        int code = SQLITE_DONE, r = 0;

        (void) sqlite3_bind_int64(q, 1, most);
        while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
                const char *body;

                r = sqlite_read_text(s, q, 0, &body);
                if (r == 0)
                        on_row(userdata, body ? body : "");
        }
        if (r == 0 && code != SQLITE_DONE)
                r = sqlite_note_failure(s, code);
        sqlite_resetp(&q);
        on_end(userdata, r);
}

static void sqlite_count(struct store *store, store_counted_fn on_counted, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = s->statements[COUNT];
        struct store_counts counts = {};
        int code = sqlite3_step(q), r = 0;

        if (code == SQLITE_ROW) {
                counts.finished = (unsigned) sqlite3_column_int64(q, 0);
                counts.parked = (unsigned) sqlite3_column_int64(q, 1);
        } else {
                r = sqlite_note_failure(s, code);
        }
        sqlite_resetp(&q);
        on_counted(userdata, r, r == 0 ? &counts : NULL);
}

/* ---- the whole ---- */

static const char *sqlite_error(const struct store *store) {
        return ((const struct sqlite_store *) store)->error;
}

static void sqlite_close(struct store *store) {
        struct sqlite_store *s = (struct sqlite_store *) store;

        sqlite_close_database(s);
        free(s->path);
        free(s);
}

int sqlite_store_open(const char *path, void (*on_busy)(void), struct store **ret) {
        static const struct store_backend backend = {
                .error = sqlite_error,
                .close = sqlite_close,
                .write = sqlite_write,
                .begin_reading = sqlite_begin_reading,
                .end_reading = sqlite_end_reading,
                .find_task = sqlite_find_task,
                .each_task = sqlite_each_task,
                .get_event = sqlite_get_event,
                .each_pending = sqlite_each_pending,
                .each_latest = sqlite_each_latest,
                .find_event = sqlite_find_event,
                .each_event = sqlite_each_event,
                .each_run = sqlite_each_run,
                .count = sqlite_count,
        };
        struct sqlite_store *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->store.backend = &backend;
        *ret = &s->store;
        s->path = strdup(path);
        if (!s->path)
                return -ENOMEM;
        r = sqlite_open_database(s);
        return r < 0 ? r : prepare_database(s, on_busy);
}
