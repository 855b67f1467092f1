#pragma once
/*
 * Notify: what the service manager is sent, see sd_notify(3)
 *
 * Each does nothing where no service manager listens. None waits: what the manager does not read
 * now is sent later by notify_flush(), each message a datagram of its own and in order. Of several
 * STATUS= only the newest is sent, in the place of the first: before the READY=1 that follows it.
 * A WATCHDOG=1 that is the last to wait stands for another one.
 *
 * NOTIFY_SOCKET= is a path or an abstract name; a vsock, which is how a virtual machine tells its
 * host and no service manager its services, is not used.
 */
#include <stdbool.h>

#include "common/timespan.h"

void notify_ready(void);
void notify_reloading(void);
/* timeout: how long the stop takes at most. */
void notify_stopping(usec_t timeout);
void notify_watchdog(void);
/*
 * At now, on any one clock, a start or reload is still under way, and the loop does not turn: asks
 * for more time, every second from the second call on. Ends with notify_ready().
 */
void notify_busy(usec_t now);
/* Cut to what the service manager takes; control characters and bytes that are no UTF-8 become '?'.
 */
void notify_status(char *text);

/* Tries to send what waits. Returns whether something still waits. */
bool notify_flush(void);
/* Descriptor to wait for while something waits (POLLOUT), or -1. */
int notify_fd(void);
/* Forgets what waits, and where the service manager listens until the next message. */
void notify_close(void);
