#pragma once
/* koowatchctl list */
#include "koowatchctl/ctl.h"

extern const struct option_row list_options[];

int list_run(struct ctl *ctl, const struct options *options);
