#pragma once
/*
 * Hook check: what is wrong with hooks, before they are needed
 *
 * The runner decides when an event comes; this only looks, so that a slip of the pen shows
 * at registration and not when the task has ended.
 */
#include <stdint.h>

/*
 * The first of the hooks (bare names, one blank between) that would not run: "Hook=mail is not
 * there". NULL: none, or memory is short. The caller frees it.
 */
char *hook_check_named(const char *directories, const char *hooks);

/* Changes when anything in the directories of hooks does, be it what a link leads to. */
uint64_t hook_check_fingerprint(const char *directories);

/* Tells of each file among the events' own hooks that would not run. */
void hook_check_events(const char *directories,
                       void (*fn)(void *userdata, const char *path, const char *why),
                       void *userdata);
