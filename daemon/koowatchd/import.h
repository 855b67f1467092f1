#pragma once
/*
 * Import: what an SQLite store holds, moved to the store that is configured
 *
 * For a command that does nothing else. What the other store has of it already is left alone, so
 * that an import that was interrupted can be made again.
 */
#include <stdbool.h>

/*
 * config_path, config_required: as for the daemon, which must not run. path: the database; when
 * all of it is there it is renamed to PATH.imported. Returns an exit status, with all said.
 */
int import_store(const char *config_path, bool config_required, const char *path);
