#pragma once
/*
 * Conninfo: a connection string of libpq, as KEYWORD=VALUE pairs, looked at without libpq
 */
#include <stdbool.h>

/*
 * Whether it is one that may stand in a configuration that everybody can read: well-formed, and
 * without a password or another place for one. Which keywords there are libpq knows.
 */
bool conninfo_is_allowed(const char *text);
