#pragma once
/* koowatchctl check: configuration, task files, hooks and tokens */
#include "koowatchctl/ctl.h"

int check_run(struct ctl *ctl, const struct options *options);
