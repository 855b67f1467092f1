#pragma once
/*
 * No exec: takes from this process, for good, the power to start programs
 *
 * The daemon holds tokens and talks to the network; hooks are started by the service
 * manager on its behalf. The unit's own SystemCallFilter= cannot forbid execve, which
 * systemd itself needs after the filter is in place. Threads stay possible: libcurl
 * resolves names in one.
 */

/* Returns 0, also when that was done before, or a negative errno with nothing changed. */
int no_exec(void);
