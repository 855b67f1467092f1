#pragma once
/*
 * The settings of one account as an object of their own: copied, compared and cleared
 *
 * A copy outlives the configuration that the settings were read with.
 */
#include <stdbool.h>

struct account_config;

/*
 * Writes a copy that owns its strings to *ret, whose former content is not freed; it has no
 * file, which is the configuration's. Returns 0 or -ENOMEM with *ret left alone.
 */
int account_config_copy(const struct account_config *from, struct account_config *ret);

/* Frees the strings, the proxy blanked as it may hold a password, and zeroes the settings. */
void account_config_clear(struct account_config *settings);

/* Whether nothing differs but the file and line of the section. */
bool account_config_is_same(const struct account_config *a, const struct account_config *b);
