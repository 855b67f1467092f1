#pragma once
/* koowatchctl status, is-ok and account: how the daemon fares */
#include "koowatchctl/ctl.h"

extern const struct option_row status_options[];

int status_run(struct ctl *ctl, const struct options *options);
int is_ok_run(struct ctl *ctl, const struct options *options);
int account_run(struct ctl *ctl, const struct options *options);
