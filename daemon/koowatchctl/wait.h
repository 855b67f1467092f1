#pragma once
/* koowatchctl wait */
#include "koowatchctl/ctl.h"

extern const struct option_row wait_options[];

int wait_run(struct ctl *ctl, const struct options *options);
