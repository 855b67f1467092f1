#include "koowatchd/store/sqlite-history.h"

#include <errno.h>
#include <limits.h>

#include "koowatchd/store/sqlite-column.h"
#include "koowatchd/store/sqlite-context.h"
#include "koowatchd/store/store-batch.h"

/* ---- writing ---- */

static int put_text(struct sqlite_store *s, enum sqlite_statement which,
                    const struct store_op *op) {
        sqlite3_stmt *q = sqlite_bind_event(s, which, op->event_id);

        (void) sqlite3_bind_text(q, 2, op->body, -1, SQLITE_STATIC);
        return sqlite_run_statement(s, q);
}

int sqlite_put_body(struct sqlite_store *s, const struct store_op *op) {
        return put_text(s, PUT_BODY, op);
}

int sqlite_put_samples(struct sqlite_store *s, const struct store_op *op) {
        return put_text(s, PUT_SAMPLES, op);
}

static void bind_known(sqlite3_stmt *q, int parameter, int number) {
        if (number >= 0)
                (void) sqlite3_bind_int(q, parameter, number);
}

int sqlite_put_run(struct sqlite_store *s, const struct store_op *op) {
        const struct store_run *run = &op->run;
        sqlite3_stmt *q = sqlite_bind_event(s, PUT_RUN, op->event_id);
        int r;

        (void) sqlite3_bind_text(q, 2, run->hook, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(q, 3, run->attempt);
        (void) sqlite3_bind_int64(q, 4, run->started);
        (void) sqlite3_bind_int64(q, 5, run->duration);
        (void) sqlite3_bind_text(q, 6, run->status, -1, SQLITE_STATIC);
        bind_known(q, 7, run->exit_status);
        bind_known(q, 8, run->signal);
        if (run->tail)
                (void) sqlite3_bind_text(q, 9, run->tail, -1, SQLITE_STATIC);
        r = sqlite_run_statement(s, q);
        if (r < 0)
                return r;
        q = sqlite_bind_event(s, CUT_RUNS, op->event_id);
        (void) sqlite3_bind_int(q, 2, STORE_RUNS_MAX);
        return sqlite_run_statement(s, q);
}

/* ---- reading ---- */

/* The row's texts are SQLite's, until the next step. Returns 0 or -ENOMEM. */
static int read_event(struct sqlite_store *s, sqlite3_stmt *q, struct store_event *ret) {
        int r;

        *ret = (struct store_event){
                .number = sqlite3_column_int64(q, 0),
                .delivery =
                        {
                                .state = sqlite_column_state(q, 4),
                                .attempts = sqlite_column_bounded(q, 5),
                                .futile = sqlite_column_bounded(q, 6),
                                .next = sqlite_column_time(q, 7),
                                .finished = sqlite_column_time(q, 9),
                                .told = sqlite3_column_int(q, 10) != 0,
                        },
        };
        r = sqlite_read_text(s, q, 1, &ret->event_id);
        if (r == 0)
                r = sqlite_read_text(s, q, 2, &ret->body);
        if (r == 0)
                r = sqlite_read_text(s, q, 3, &ret->samples);
        if (r == 0)
                r = sqlite_read_text(s, q, 8, &ret->delivery.settled);
        ret->body = ret->body ? ret->body : "";
        return r;
}

/* Copies the text into *at and moves that on; NULL stays NULL. */
static const char *copy_text(char **at, const char *text) {
        const char *copy = *at;

        if (!text)
                return NULL;
        *at = stpcpy(*at, text) + 1;
        return copy;
}

/* Copies all texts into one block, which the caller frees. NULL when memory is short. */
static char *own_texts(struct store_event *event) {
        const char **const texts[] = {&event->event_id, &event->body, &event->samples,
                                      &event->delivery.settled};
        size_t size = 0;
        char *block, *at;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
        block = at = malloc(size);
        for (size_t i = 0; block && i < ARRAY_LEN(texts); i++)
                *texts[i] = copy_text(&at, *texts[i]);
        return block;
}

void sqlite_find_event(struct store *store, const char *event_id, store_event_found_fn on_found,
                       void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = sqlite_bind_event(s, FIND_EVENT, event_id);
        int code = sqlite3_step(q), found = 0;
        CLEANUP(freep) char *texts = NULL;
        struct store_event event;

        if (code == SQLITE_ROW) {
                found = read_event(s, q, &event);
                if (found == 0)
                        texts = own_texts(&event);
                if (found == 0)
                        found = texts ? 1 : -ENOMEM;
        } else if (code != SQLITE_DONE) {
                found = sqlite_note_failure(s, code);
        }
        sqlite_resetp(&q); /* the callback may ask again */
        on_found(userdata, found, found > 0 ? &event : NULL);
}

void sqlite_each_event(struct store *store, int64_t before, unsigned most,
                       store_event_row_fn on_row, store_done_fn on_end, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = s->statements[EACH_EVENT];
        int code = SQLITE_DONE, r = 0;

        (void) sqlite3_bind_int64(q, 1, before);
        (void) sqlite3_bind_int64(q, 2, most);
        while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
                struct store_event event;

                r = read_event(s, q, &event);
                if (r == 0)
                        on_row(userdata, &event);
        }
        if (r == 0 && code != SQLITE_DONE)
                r = sqlite_note_failure(s, code);
        sqlite_resetp(&q);
        on_end(userdata, r);
}

/* -1 where there is none. */
static int read_known(sqlite3_stmt *q, int column) {
        if (sqlite3_column_type(q, column) == SQLITE_NULL)
                return -1;
        return (int) MIN(MAX(sqlite3_column_int64(q, column), -1), INT_MAX);
}

void sqlite_each_run(struct store *store, const char *event_id, store_run_fn on_row,
                     store_done_fn on_end, void *userdata) {
        struct sqlite_store *s = sqlite_of(store);
        sqlite3_stmt *q = sqlite_bind_event(s, EACH_RUN, event_id);
        int code = SQLITE_DONE, r = 0;

        while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
                struct store_run run = {
                        .attempt = sqlite_column_bounded(q, 1),
                        .started = sqlite_column_time(q, 2),
                        .duration = sqlite_column_time(q, 3),
                        .exit_status = read_known(q, 5),
                        .signal = read_known(q, 6),
                };

                r = sqlite_read_text(s, q, 0, &run.hook);
                if (r == 0)
                        r = sqlite_read_text(s, q, 4, &run.status);
                if (r == 0)
                        r = sqlite_read_text(s, q, 7, &run.tail);
                if (r == 0 && run.hook && run.status)
                        on_row(userdata, &run);
        }
        if (r == 0 && code != SQLITE_DONE)
                r = sqlite_note_failure(s, code);
        sqlite_resetp(&q);
        on_end(userdata, r);
}
