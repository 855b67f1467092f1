#pragma once
/*
 * SQLite copy: the database as it was before it is altered, for the version that wrote it
 */
#include "koowatchd/store/sqlite-context.h"

/*
 * Writes PATH.previous, readable for its owner alone, in place of an earlier one. It is on disk,
 * whole, when this returns 0; else a negative errno, for which the store has the words, and an
 * earlier copy is still there. For a database in no transaction.
 */
int sqlite_copy_keep(struct sqlite_store *s);
