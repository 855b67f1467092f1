#pragma once
/* koowatchctl check: configuration, task files, hooks and tokens */
#include "koowatchctl/ctl.h"

extern const struct option_row check_options[];

int check_run(struct ctl *ctl, const struct options *options);
