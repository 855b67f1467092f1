#pragma once
/* koowatchctl show */
#include "koowatchctl/ctl.h"

extern const struct option_row show_options[];

int show_run(struct ctl *ctl, const struct options *options);

/*
 * All that is known of the latest run of a task, from Get or, when its file is gone, from
 * History. Returns 0 or -1; the caller owns *ret.
 */
int show_find(const struct ctl *ctl, const char *name, json_object **ret, struct failure *failure);
