#pragma once
/*
 * --check: the configuration and every task file, read as the daemon would
 */
#include <stdbool.h>

/*
 * Prints "FILE:LINE: what is wrong" to stdout for each fault; warnings say so.
 * Returns 0 when there are no errors, 1 when there are, or a negative errno.
 */
int check(const char *config_path, bool config_required);
