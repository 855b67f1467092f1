#include "koowatchd/store-postgresql/pg-row.h"

#include <limits.h>

int64_t pg_row_any_number(const struct pg_row *r, int column) {
        return strtoll(PQgetvalue(r->result, r->number, column), NULL, 10);
}

int64_t pg_row_number(const struct pg_row *r, int column) {
        return MIN(MAX(pg_row_any_number(r, column), 0), UINT_MAX);
}

const char *pg_row_text(const struct pg_row *r, int column) {
        return PQgetvalue(r->result, r->number, column);
}

static const char *text_or_null(const struct pg_row *r, int column) {
        return PQgetisnull(r->result, r->number, column) ? NULL : pg_row_text(r, column);
}

bool pg_row_is_true(const struct pg_row *r, int column) {
        return *pg_row_text(r, column) == 't';
}

static usec_t time_of(const struct pg_row *r, int column) {
        return MIN(MAX(pg_row_any_number(r, column), 0), STORE_TIME_MAX);
}

static unsigned bounded(const struct pg_row *r, int column) {
        return (unsigned) MIN(MAX(pg_row_any_number(r, column), 0), STORE_COUNT_MAX);
}

static enum delivery_state state_of(const struct pg_row *r, int column) {
        int64_t state = pg_row_any_number(r, column);

        if (PQgetisnull(r->result, r->number, column))
                return DELIVERY_DONE;
        return state == DELIVERY_PENDING || state == DELIVERY_DONE ? (enum delivery_state) state
                                                                   : DELIVERY_PARKED;
}

/* -1 where there is none. */
static int known(const struct pg_row *r, int column) {
        if (PQgetisnull(r->result, r->number, column))
                return -1;
        return (int) MIN(MAX(pg_row_any_number(r, column), -1), INT_MAX);
}

void pg_row_task(const struct pg_row *r, struct store_task *ret) {
        *ret = (struct store_task){
                .registered = time_of(r, 0),
                .inode = (uint64_t) pg_row_any_number(r, 1),
                .mtime_ns = pg_row_any_number(r, 2),
                .gone = pg_row_any_number(r, 4) > 0,
                .refusals = bounded(r, 5),
                .refused = time_of(r, 6),
                .boot = pg_row_any_number(r, 7),
                /* may lie before the boot */
                .booted = MIN(MAX(pg_row_any_number(r, 8), -STORE_TIME_MAX), STORE_TIME_MAX),
                .confirmed = pg_row_is_true(r, 9),
                .delivery = state_of(r, 10),
                .name = pg_row_text(r, 11),
                .is_away = pg_row_is_true(r, 12),
        };
        (void) snprintf(ret->event_id, sizeof(ret->event_id), "%s", pg_row_text(r, 3));
}

/* From the column first on. */
static struct store_delivery delivery_of(const struct pg_row *r, int first) {
        return (struct store_delivery){
                .state = state_of(r, first),
                .attempts = bounded(r, first + 1),
                .futile = bounded(r, first + 2),
                .next = time_of(r, first + 3),
                .settled = text_or_null(r, first + 4),
                .finished = time_of(r, first + 5),
                .told = pg_row_is_true(r, first + 6),
                .fence = MAX(pg_row_any_number(r, first + 7), 0),
        };
}

void pg_row_pending(const struct pg_row *r, struct store_delivery *ret) {
        *ret = delivery_of(r, 1);
}

void pg_row_event(const struct pg_row *r, struct store_event *ret) {
        *ret = (struct store_event){
                .number = pg_row_any_number(r, 0),
                .event_id = pg_row_text(r, 1),
                .body = pg_row_text(r, 2),
                .samples = text_or_null(r, 3),
                .delivery = delivery_of(r, 4),
                .node = text_or_null(r, 12),
                .is_mine = pg_row_is_true(r, 13),
        };
}

void pg_row_run(const struct pg_row *r, struct store_run *ret) {
        *ret = (struct store_run){
                .hook = pg_row_text(r, 0),
                .attempt = bounded(r, 1),
                .started = time_of(r, 2),
                .duration = time_of(r, 3),
                .status = pg_row_text(r, 4),
                .exit_status = known(r, 5),
                .signal = known(r, 6),
                .tail = text_or_null(r, 7),
        };
}

void pg_row_source(const struct pg_row *r, int first, struct store_source *ret) {
        *ret = (struct store_source){
                .node = pg_row_text(r, first),
                .path = pg_row_text(r, first + 1),
                .account = pg_row_text(r, first + 2),
                .text = pg_row_text(r, first + 3),
                .inode = (uint64_t) pg_row_any_number(r, first + 4),
                .mtime_ns = pg_row_any_number(r, first + 5),
                .removes_finished = pg_row_is_true(r, first + 6),
                .is_mine = pg_row_is_true(r, first + 7),
                .is_done = pg_row_is_true(r, first + 8),
                .is_gone = pg_row_is_true(r, first + 9),
        };
}

void pg_row_node(const struct pg_row *r, struct store_node *ret) {
        *ret = (struct store_node){
                .name = pg_row_text(r, 0),
                .version = pg_row_text(r, 1),
                .accounts = pg_row_text(r, 2),
                .labels = pg_row_text(r, 3),
                .since = time_of(r, 4),
                .silent = time_of(r, 5),
                .pending = (unsigned) pg_row_number(r, 6),
                .is_alive = pg_row_is_true(r, 7),
                .is_mine = pg_row_is_true(r, 8),
        };
}
