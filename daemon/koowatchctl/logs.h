#pragma once
/* koowatchctl logs: what the journal has of a task */
#include "koowatchctl/ctl.h"

extern const struct option_row logs_options[];

int logs_run(struct ctl *ctl, const struct options *options);
