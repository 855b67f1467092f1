#pragma once
/*
 * koowatchctl remove, poll, redeliver, dismiss and reload: one call each
 */
#include "koowatchctl/ctl.h"

extern const struct option_row redeliver_options[];

int remove_run(struct ctl *ctl, const struct options *options);
int poll_run(struct ctl *ctl, const struct options *options);
int redeliver_run(struct ctl *ctl, const struct options *options);
int dismiss_run(struct ctl *ctl, const struct options *options);
int reload_run(struct ctl *ctl, const struct options *options);
