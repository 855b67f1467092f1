#pragma once
/*
 * Log entries to stderr, a line each; never waits
 *
 * Owns the line that stderr has taken a part of: the rest follows before any other, so that lines
 * stay whole. (Another process on the same terminal may write between the parts.)
 */
#include <stdbool.h>

#include "common/log-record.h"

/*
 * Returns 0, perhaps with a part of the line still to be written; -EAGAIN: stderr takes nothing
 * now, wait for POLLOUT; -ENOMEM; or why stderr has no room (-ENOSPC, ...). What it refuses
 * otherwise is lost: there is nobody left to tell.
 */
int log_console_write(const struct log_record *record);

/* Returns whether a part of a line still waits. */
bool log_console_flush(void);
bool log_console_is_waiting(void);

/* For poll(). */
int log_console_fd(void);
