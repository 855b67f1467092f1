#pragma once
/* koowatchctl add */
#include "koowatchctl/ctl.h"

extern const struct option_row add_options[];

int add_run(struct ctl *ctl, const struct options *options);
