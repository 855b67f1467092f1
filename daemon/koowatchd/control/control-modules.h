#pragma once
/*
 * Control modules: what control is made with
 */
#include <stdbool.h>

#include "common/callback.h"

struct accounts;
struct deliveries;
struct node_list;
struct poller;
struct registry;
struct store;
struct timers;

/* All borrowed. */
struct control_modules {
        struct timers *timers;
        struct store *store;
        struct accounts *accounts;
        struct poller *poller;
        struct deliveries *deliveries;
        struct registry *registry;
        struct node_list *nodes; /* NULL: the store is not shared */
        /* Whether what is read from the store may wait for long; NULL: never. */
        bool (*is_store_away)(void *store_userdata);
        void *store_userdata;
        /* A delivery that was parked is no more, perhaps. */
        struct callback on_delivery;
};

/*
 * Reads the configuration again. Returns 0, -EBADMSG when it has errors, or another negative
 * errno. *ret_fault, which the caller owns: the first one in words, or NULL.
 */
typedef int (*control_reload_fn)(void *userdata, char **ret_fault);
