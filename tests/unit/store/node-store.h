#pragma once
/*
 * Node store: a shared store that knows nothing but its nodes, and tells them when the test says
 *
 * There is no task file in it. What its handler is told, the test tells it.
 */
#include "koowatchd/store/fleet.h"
#include "koowatchd/store/store-backend.h"

#define NODE_STORE_MAX 4

struct node_store {
        struct store store;
        struct store_node nodes[NODE_STORE_MAX];
        size_t n;
        unsigned asked;
        struct fleet_handler handler;
        size_t served;
        /* What is under way. */
        store_node_fn on_row;
        store_done_fn on_end;
        void *userdata;
};

/* Without nodes. */
void node_store_init(struct node_store *store);
/* Alive, silent for a second, since a minute ago. */
void node_store_put(struct node_store *store, const char *name, const char *accounts);
void node_store_clear(struct node_store *store);
/* Answers what is under way, which there must be; error: 0 or a negative errno. */
void node_store_tell(struct node_store *store, int error);
