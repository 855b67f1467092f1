#pragma once
/* koowatchctl config: each effective key with its origin */
#include "koowatchctl/ctl.h"

struct config;

int config_run(struct ctl *ctl, const struct options *options);

/*
 * Reads koowatchd's configuration, accounts included. Returns 0 or -1 with its first fault. The
 * caller owns *ret.
 */
int config_load(const struct ctl *ctl, struct config **ret, struct failure *failure);
