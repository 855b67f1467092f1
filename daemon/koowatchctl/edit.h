#pragma once
/*
 * koowatchctl edit: a task's file in an editor, checked before it takes the old one's place
 */
#include "koowatchctl/ctl.h"

int edit_run(struct ctl *ctl, const struct options *options);
