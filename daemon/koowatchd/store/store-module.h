#pragma once
/*
 * Store module: a store in a library of its own, which is loaded when the configuration asks for it
 *
 * So the daemon depends on no client library of a database that it does not use. The module has
 * one function, STORE_MODULE_OPEN, and uses those of the daemon that the file store-module.symbols
 * lists.
 */
#include "common/event-id.h"
#include "common/util.h"
#include "koowatchd/store/store.h"

struct ev_loop;
struct timers;

/*
 * What this process is in a fleet, {} at first: kept by whoever opens a store again after its
 * session was over (fleet.h). Only the first session of a process takes over from another one that
 * is alive.
 */
struct store_incarnation {
        char id[EVENT_ID_LENGTH + 1];
        bool has_taken;
        int64_t session; /* its last one */
};

/* What a module is opened with. Strings are copied, all else is borrowed while it is open. */
struct store_module_settings {
        const char *version; /* of the daemon: a module of another one is refused */
        struct ev_loop *loop;
        struct timers *timers;
        const char *connection; /* as configured */
        const char *fleet;
        const char *host;   /* the name of this machine, for others that look at the database */
        const char *node;   /* of all in the fleet only this one has the name */
        const char *labels; /* space-separated; see store_batch_put_event() */
        struct store_incarnation *incarnation;
        /*
         * The password of now, asked for before each attempt to connect: the caller frees it by
         * secret_free(); NULL: there is none, or no memory for it.
         */
        char *(*password)(void *userdata);
        void *userdata;
};

/*
 * Begins to connect and returns: whether that succeeds is told as store_set_on_reach() says.
 * Returns 0, or a negative errno with what is wrong in *ret_problem, which the caller frees (NULL:
 * memory is short). *ret_name: how messages call it, without a secret; the caller frees it.
 */
typedef int (*store_module_open_fn)(const struct store_module_settings *settings,
                                    struct store **ret, char **ret_name, char **ret_problem);

#define STORE_MODULE_OPEN "koowatch_store_open"

/* Whether connection may be one: 0, or a negative errno with *ret_problem as above. */
typedef int (*store_module_check_fn)(const char *connection, char **ret_problem);

#define STORE_MODULE_CHECK "koowatch_store_check"

/* As below, without opening anything. */
int store_module_check(const char *name, const char *connection, char **ret_problem);

/*
 * Loads the module of that name (store-NAME.so), from beside the daemon where that runs from its
 * build tree, and opens it, as above. It stays loaded. settings->version is set by this.
 */
int store_module_open(const char *name, struct store_module_settings *settings, struct store **ret,
                      char **ret_name, char **ret_problem);
