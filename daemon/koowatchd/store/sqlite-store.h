#pragma once
/*
 * SQLite store: the store of one machine, state.db
 *
 * WAL with full sync: what is committed survives a power failure. A batch is one
 * transaction. Every callback comes before the function returns.
 */
#include "koowatchd/store/store.h"

/*
 * Opens or makes the database at path. on_busy (or NULL) is called again and again while one of an
 * earlier version is copied and altered, which takes minutes where it is large. Returns 0 or a
 * negative errno; -EUCLEAN: it is damaged, -EPROTO: it was written by a later version. Also then
 * *ret is set, where there was memory for it: store_error() has the words, and the caller closes
 * it.
 */
int sqlite_store_open(const char *path, void (*on_busy)(void), struct store **ret);

/* As store_each_task(), with those that are gone. */
void sqlite_store_each_known(struct store *store,
                             void (*on_row)(void *userdata, const struct store_key *key),
                             store_done_fn on_end, void *userdata);
