#pragma once
/*
 * Dry run: what would be run for an event, and what hooks would be given
 *
 * Nothing is locked, logged or run.
 */
#include "common/config.h"
#include "koowatch-hook/event.h"

/*
 * Prints one JSON object: "hooks", an array in the order in which they would run of {"hook",
 * "path", "refused": why}, "environment", an array of "NAME=value", and "event", what they read.
 * "problem": a directory that cannot be read. Returns 0 or a negative errno.
 */
int dry_run(const struct config *config, const struct event *event);
