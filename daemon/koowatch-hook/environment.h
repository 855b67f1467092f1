#pragma once
/*
 * The environment of a hook, made from the event
 *
 * A hook gets exactly this: PATH, LANG, HOME, the KOOWATCH_ variables of the facts
 * that are known, and one for each variable of the task. Nothing of the runner's
 * own environment but LANG.
 */
#include "common/timespan.h"
#include "koowatch-hook/event.h"

/*
 * A NULL-terminated array of "NAME=value". timeout is what a hook may take; for USEC_INFINITY
 * there is no variable. Returns 0 or -ENOMEM.
 */
int environment_new(const struct event *event, usec_t timeout, char ***ret);

char **environment_free(char **environment);
DEFINE_CLEANUP(char **, environment_free)
