#pragma once
/*
 * Descriptors: how many requests may be open at once, so that files and hooks have theirs
 *
 * A request for which there is no descriptor looks like a service that cannot be reached. So no
 * more are made than the process has descriptors for, next to all else that it opens.
 */
#include <sys/resource.h>

struct config;

/* How many requests that is with a limit of so many descriptors; at least 1. */
unsigned descriptors_for_requests(rlim_t limit, const struct config *config);

/*
 * Where the accounts of the configuration may make more requests, gives each its part of those
 * that limit allows, at least 1, and says so in the log. Returns how many they may make together.
 */
unsigned descriptors_share(rlim_t limit, const struct config *config);
