#pragma once
/*
 * SQLite history: events as a whole, and what is kept with them, in the tables event and hook_run
 *
 * What sqlite-store.c asks of it: as store.h and store-batch.h say of the functions of the same
 * names.
 */
#include "koowatchd/store/store.h"

struct sqlite_store;
struct store_op;

int sqlite_put_body(struct sqlite_store *s, const struct store_op *op);
int sqlite_put_samples(struct sqlite_store *s, const struct store_op *op);
int sqlite_put_run(struct sqlite_store *s, const struct store_op *op);

void sqlite_find_event(struct store *store, const char *event_id, store_event_found_fn on_found,
                       void *userdata);
void sqlite_each_event(struct store *store, int64_t before, unsigned most,
                       store_event_row_fn on_row, store_done_fn on_end, void *userdata);
void sqlite_each_run(struct store *store, const char *event_id, store_run_fn on_row,
                     store_done_fn on_end, void *userdata);
