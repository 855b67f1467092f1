#pragma once
/*
 * The hooks of one event, in their order, one after the other
 *
 * First those of the event's own directories, then the named ones that the event
 * asks for; each once, and none that has ended well before. A hook that is refused
 * has failed. A file that is no hook (no x bit) is skipped, but has failed when it
 * was asked for by name.
 */
#include "common/config.h"
#include "koowatch-hook/event.h"
#include "koowatch-hook/stop.h"

/*
 * Runs them and tells the daemon of each. Returns 0 when all have had their turn,
 * however they ended; -EINTR when stop has ended the run early; or another
 * negative errno.
 */
int hooks_run(const struct config *config, const struct event *event, struct stop *stop);
