#pragma once
/*
 * Store backend: what a database has to offer to be a store
 *
 * A backend embeds struct store as its first member. The contracts are those of the
 * functions of the same names in store.h, which are here too and only pass on.
 */
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store.h"

struct store_backend {
        const char *(*error)(const struct store *store);
        void (*close)(struct store *store);
        /* Takes over the batch. */
        void (*write)(struct store *store, struct store_batch *batch, store_done_fn on_done,
                      void *userdata);
        /* NULL: it makes no difference. */
        void (*begin_reading)(struct store *store);
        void (*end_reading)(struct store *store);
        void (*find_task)(struct store *store, const struct store_key *key, store_found_fn on_found,
                          void *userdata);
        void (*each_task)(struct store *store,
                          void (*on_row)(void *userdata, const struct store_key *key),
                          store_done_fn on_end, void *userdata);
        void (*get_event)(struct store *store, const char *event_id, store_event_fn on_event,
                          void *userdata);
        void (*each_pending)(struct store *store,
                             void (*on_row)(void *userdata, const char *event_id,
                                            const struct store_delivery *delivery),
                             store_done_fn on_end, void *userdata);
        void (*each_latest)(struct store *store, unsigned most,
                            void (*on_row)(void *userdata, const char *body), store_done_fn on_end,
                            void *userdata);
        void (*find_event)(struct store *store, const char *event_id, store_event_found_fn on_found,
                           void *userdata);
        void (*each_event)(struct store *store, int64_t before, unsigned most,
                           store_event_row_fn on_row, store_done_fn on_end, void *userdata);
        void (*each_run)(struct store *store, const char *event_id, store_run_fn on_row,
                         store_done_fn on_end, void *userdata);
        void (*count)(struct store *store, store_counted_fn on_counted, void *userdata);
        const struct store_fleet_backend *fleet; /* NULL: it is not shared */
};

/* Likewise, as those of fleet.h say. */
struct store_fleet_backend {
        void (*set_handler)(struct store *store, const struct fleet_handler *handler);
        int (*serve)(struct store *store, const char *const accounts[], size_t n);
        usec_t (*trusted_until)(const struct store *store);
        void (*leave)(struct store *store, store_done_fn on_done, void *userdata);
        void (*each_source)(struct store *store, const char *account, store_source_fn on_row,
                            store_done_fn on_end, void *userdata);
        void (*each_changed_source)(struct store *store, store_source_fn on_row,
                                    store_done_fn on_end, void *userdata);
        void (*find_secret)(struct store *store, const char *account, store_secret_fn on_found,
                            void *userdata);
        void (*each_node)(struct store *store, store_node_fn on_row, store_done_fn on_end,
                          void *userdata);
};

struct store {
        const struct store_backend *backend;
        bool is_damaged; /* as store_is_damaged() says; set by the backend */
        store_reach_fn on_reach;
        void *reach_userdata;
};

/* For backends: as store_set_on_reach() says. */
void store_report_reach(const struct store *store, int error);
