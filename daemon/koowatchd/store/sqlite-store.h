#pragma once
/*
 * SQLite store: the store of one machine, state.db
 *
 * WAL with full sync: what is committed survives a power failure. A batch is one
 * transaction. Every callback comes before the function returns.
 */
#include "koowatchd/store/store.h"

/*
 * Opens or makes the database at path. Returns 0 or a negative errno; -EUCLEAN: it is
 * damaged, -EPROTO: it was written by a later version. Also then *ret is set, where there
 * was memory for it: store_error() has the words, and the caller closes it.
 */
int sqlite_store_open(const char *path, struct store **ret);
