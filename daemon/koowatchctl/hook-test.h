#pragma once
/* koowatchctl hook test */
#include "koowatchctl/ctl.h"

extern const struct option_row hook_options[];

int hook_run(struct ctl *ctl, const struct options *options);
