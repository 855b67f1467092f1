#include "koowatchd/store/store-backend.h"

const char *store_error(const struct store *s) {
        return s->backend->error(s);
}

bool store_is_damaged(const struct store *s) {
        return s->is_damaged;
}

void store_set_on_reach(struct store *s, store_reach_fn on_reach, void *userdata) {
        s->on_reach = on_reach;
        s->reach_userdata = userdata;
}

void store_report_reach(const struct store *s, int error) {
        if (s->on_reach)
                s->on_reach(s->reach_userdata, error);
}

void store_close(struct store *s) {
        if (s)
                s->backend->close(s);
}

void store_write(struct store *s, struct store_batch *batch, store_done_fn on_done,
                 void *userdata) {
        s->backend->write(s, batch, on_done, userdata);
}

void store_begin_reading(struct store *s) {
        if (s->backend->begin_reading)
                s->backend->begin_reading(s);
}

void store_end_reading(struct store *s) {
        if (s->backend->end_reading)
                s->backend->end_reading(s);
}

void store_find_task(struct store *s, const struct store_key *key, store_found_fn on_found,
                     void *userdata) {
        s->backend->find_task(s, key, on_found, userdata);
}

void store_each_task(struct store *s, void (*on_row)(void *userdata, const struct store_key *key),
                     store_done_fn on_end, void *userdata) {
        s->backend->each_task(s, on_row, on_end, userdata);
}

void store_get_event(struct store *s, const char *event_id, store_event_fn on_event,
                     void *userdata) {
        s->backend->get_event(s, event_id, on_event, userdata);
}

void store_each_pending(struct store *s,
                        void (*on_row)(void *userdata, const char *event_id,
                                       const struct store_delivery *delivery),
                        store_done_fn on_end, void *userdata) {
        s->backend->each_pending(s, on_row, on_end, userdata);
}

void store_each_latest(struct store *s, unsigned most,
                       void (*on_row)(void *userdata, const char *body), store_done_fn on_end,
                       void *userdata) {
        s->backend->each_latest(s, most, on_row, on_end, userdata);
}

void store_find_event(struct store *s, const char *event_id, store_event_found_fn on_found,
                      void *userdata) {
        s->backend->find_event(s, event_id, on_found, userdata);
}

void store_each_event(struct store *s, int64_t before, unsigned most, store_event_row_fn on_row,
                      store_done_fn on_end, void *userdata) {
        s->backend->each_event(s, before, most, on_row, on_end, userdata);
}

void store_each_run(struct store *s, const char *event_id, store_run_fn on_row,
                    store_done_fn on_end, void *userdata) {
        s->backend->each_run(s, event_id, on_row, on_end, userdata);
}

void store_count(struct store *s, store_counted_fn on_counted, void *userdata) {
        s->backend->count(s, on_counted, userdata);
}

/* ---- of a fleet ---- */

bool store_is_shared(const struct store *s) {
        return s->backend->fleet;
}

void store_set_fleet_handler(struct store *s, const struct fleet_handler *handler) {
        s->backend->fleet->set_handler(s, handler);
}

int store_serve(struct store *s, const char *const accounts[], size_t n) {
        return s->backend->fleet->serve(s, accounts, n);
}

usec_t store_trusted_until(const struct store *s) {
        return s->backend->fleet->trusted_until(s);
}

void store_leave(struct store *s, store_done_fn on_done, void *userdata) {
        s->backend->fleet->leave(s, on_done, userdata);
}

void store_each_source(struct store *s, const char *account, store_source_fn on_row,
                       store_done_fn on_end, void *userdata) {
        s->backend->fleet->each_source(s, account, on_row, on_end, userdata);
}

void store_each_changed_source(struct store *s, store_source_fn on_row, store_done_fn on_end,
                               void *userdata) {
        s->backend->fleet->each_changed_source(s, on_row, on_end, userdata);
}

void store_find_secret(struct store *s, const char *account, store_secret_fn on_found,
                       void *userdata) {
        s->backend->fleet->find_secret(s, account, on_found, userdata);
}

void store_each_node(struct store *s, store_node_fn on_row, store_done_fn on_end, void *userdata) {
        s->backend->fleet->each_node(s, on_row, on_end, userdata);
}
