#pragma once
/* koowatchctl nodes and store: the fleet, and the store that it shares */
#include "koowatchctl/ctl.h"

int nodes_run(struct ctl *ctl, const struct options *options);
int store_run(struct ctl *ctl, const struct options *options);
