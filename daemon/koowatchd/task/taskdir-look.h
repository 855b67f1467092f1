#pragma once
/*
 * Look: reading all task directories, at once or in pieces
 *
 * What inotify does not tell of (links, mounts, directories that were exchanged, file systems
 * without events) is found by looking at all files again, every minute. That is done in pieces,
 * between which the loop runs; a scan is the same without pauses.
 *
 * For each directory from the highest on, its files are listed and those that are new or have
 * changed are read, the oldest first. What was seen nowhere is gone, unless its directory is
 * away or cannot be read.
 */
#include "common/timespan.h"

struct taskdir;

#define LOOK_PERIOD USEC_MINUTE

/* Reads all directories now; a look that is under way ends there. */
void look_scan(struct taskdir *taskdir);
/* Begins one in pieces at once, or when the one that is under way has ended. */
void look_soon(struct taskdir *taskdir);
/* The one that is under way ends there; the directories are about to be others. */
void look_cancel(struct taskdir *taskdir);

/* The first look follows the first scan. Returns 0 or a negative errno. */
int look_open(struct taskdir *taskdir);
void look_close(struct taskdir *taskdir);
