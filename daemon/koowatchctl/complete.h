#pragma once
/*
 * koowatchctl __complete: what the word under the cursor may become, for the shells
 *
 * Prints a candidate a line. ":file" asks the shell for names of files. Names come from the
 * daemon, or from the task directories where that does not answer in time.
 */
#include "koowatchctl/ctl.h"

int complete_run(struct ctl *ctl, const struct options *options);
