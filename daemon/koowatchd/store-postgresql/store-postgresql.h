#pragma once
/*
 * PostgreSQL store: the store of a fleet, on a server
 *
 * A batch is one transaction, which begins by making sure that this node's session is not over.
 * While the server cannot be reached, what the daemon itself reads waits, and all else fails at
 * once. A commit whose answer was lost may have happened: each write gives the same when it is made
 * again.
 */
#include "koowatchd/store/store-module.h"

/* As store_module_open_fn; also the module's STORE_MODULE_OPEN. */
__attribute__((visibility("default"))) int koowatch_store_open(
        const struct store_module_settings *settings, struct store **ret, char **ret_name,
        char **ret_problem);

/* As store_module_check_fn; also the module's STORE_MODULE_CHECK. */
__attribute__((visibility("default"))) int koowatch_store_check(const char *connection,
                                                                char **ret_problem);

/* For tests: nothing waits for an answer. */
bool postgresql_store_is_idle(const struct store *store);
