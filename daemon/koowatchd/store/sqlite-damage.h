#pragma once
/*
 * SQLite damage: whether a database is damaged, and where one goes that is
 *
 * What one run has found is known to the next one: PATH.suspect stands beside the database until
 * that has been checked.
 */
#include <sqlite3.h>

#include "common/timespan.h"

/* It may be damaged: the next sqlite_damage_check() is to look at all of it. */
void sqlite_damage_suspect(const char *path);

/*
 * Checks a database, opened from path, that is suspected or small; a large one would hold up each
 * start for seconds. Returns SQLITE_OK or SQLITE_CORRUPT; what keeps it from being checked for
 * now is no damage.
 */
int sqlite_damage_check(sqlite3 *db, const char *path);

/*
 * Renames a database that is not open to PATH.damaged-TIME, with its companions. now: wall clock.
 * Returns 0 with the new path, which the caller frees, or a negative errno.
 */
int sqlite_damage_move_aside(const char *path, usec_t now, char **ret);
