#include "unit/store/node-store.h"

#include <errno.h>

#include "unit/support.h"

static const char *get_error(const struct store *store) {
        (void) store;
        return "the database is away";
}

static void each_node(struct store *store, store_node_fn on_row, store_done_fn on_end,
                      void *userdata) {
        struct node_store *s = container_of(store, struct node_store, store);

        assert_null(s->on_end);
        s->asked++;
        s->on_row = on_row;
        s->on_end = on_end;
        s->userdata = userdata;
}

static void set_handler(struct store *store, const struct fleet_handler *handler) {
        container_of(store, struct node_store, store)->handler = *handler;
}

static int serve(struct store *store, const char *const accounts[], size_t n) {
        (void) accounts;
        container_of(store, struct node_store, store)->served = n;
        return 0;
}

static void each_source(struct store *store, const char *account, store_source_fn on_row,
                        store_done_fn on_end, void *userdata) {
        (void) store;
        (void) account;
        (void) on_row;
        on_end(userdata, 0);
}

static void each_changed_source(struct store *store, store_source_fn on_row, store_done_fn on_end,
                                void *userdata) {
        each_source(store, NULL, on_row, on_end, userdata);
}

static void find_secret(struct store *store, const char *account, store_secret_fn on_found,
                        void *userdata) {
        (void) store;
        (void) account;
        on_found(userdata, -ENOENT, NULL);
}

static void each_pending(struct store *store,
                         void (*on_row)(void *userdata, const char *event_id,
                                        const struct store_delivery *delivery),
                         store_done_fn on_end, void *userdata) {
        (void) store;
        (void) on_row;
        on_end(userdata, 0);
}

void node_store_init(struct node_store *s) {
        static const struct store_fleet_backend fleet = {
                .set_handler = set_handler,
                .serve = serve,
                .each_source = each_source,
                .each_changed_source = each_changed_source,
                .find_secret = find_secret,
                .each_node = each_node,
        };
        static const struct store_backend backend = {
                .error = get_error, .each_pending = each_pending, .fleet = &fleet};

        *s = (struct node_store){.store.backend = &backend};
}

void node_store_put(struct node_store *s, const char *name, const char *accounts) {
        assert_in_range(s->n, 0, NODE_STORE_MAX - 1);
        s->nodes[s->n++] = (struct store_node){
                .name = name,
                .version = "1.2",
                .accounts = accounts,
                .labels = "",
                .since = USEC_MINUTE,
                .silent = USEC_SEC,
                .is_alive = true,
        };
}

void node_store_clear(struct node_store *s) {
        s->n = 0;
}

/* Texts are the callback's only while it runs. */
static void tell_row(const struct node_store *s, const struct store_node *node) {
        CLEANUP(freep) char *name = strdup(node->name);
        CLEANUP(freep) char *accounts = strdup(node->accounts);
        struct store_node row = *node;

        assert_true(name && accounts);
        row.name = name;
        row.accounts = accounts;
        s->on_row(s->userdata, &row);
}

void node_store_tell(struct node_store *s, int error) {
        store_done_fn on_end = s->on_end;

        assert_non_null(on_end);
        for (size_t i = 0; error == 0 && i < s->n; i++)
                tell_row(s, &s->nodes[i]);
        s->on_end = NULL;
        on_end(s->userdata, error);
}
