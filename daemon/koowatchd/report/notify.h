#pragma once
/*
 * Notify: what the service manager is sent, see sd_notify(3)
 *
 * Each does nothing where no service manager listens.
 */
#include "common/timespan.h"

void notify_ready(void);
void notify_reloading(void);
/* timeout: how long the stop takes at most. */
void notify_stopping(usec_t timeout);
void notify_watchdog(void);
/* Cut to what the service manager takes; control characters and bytes that are no UTF-8 become '?'.
 */
void notify_status(char *text);
