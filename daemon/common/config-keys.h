#pragma once
/*
 * The keys of the configuration: the table that is the one truth about them
 */
#include "common/settings.h"

#define SECTION_ACCOUNT "Account"

/* The fields are those of struct config, in SECTION_ACCOUNT those of struct account_config. */
extern const struct setting config_keys[];
extern const size_t config_n_keys;
