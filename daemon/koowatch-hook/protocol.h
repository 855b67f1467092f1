#pragma once
/*
 * The conversation with the daemon: one JSON line in, JSON lines out
 *
 * The lines out are news, not requests: when the daemon is gone they go nowhere,
 * and the hooks still run to their end, unless the event says otherwise; the lines
 * that then follow it are in stop.h. One that cannot be said for another reason must
 * not be followed by protocol_done(): the daemon would not run again what it knows nothing of.
 */
#include <stddef.h>

#include "koowatch-hook/hook-process.h"

#define PROTOCOL_LINE_MAX ((size_t) 8 * 1024 * 1024)

/*
 * Reads up to the first newline or the end. What follows the newline may have been
 * read as well: *ret has *ret_read bytes in all. Returns 0, -EFBIG for a line over
 * PROTOCOL_LINE_MAX, -ETIMEDOUT when it has not come within that time, or another
 * negative errno.
 */
int protocol_read_line(int fd, usec_t within, char **ret, size_t *ret_length, size_t *ret_read);

/* Each returns 0, also when the daemon is gone, or a negative errno. */
int protocol_busy(void);
int protocol_ready(void);
/* timeout: what it may take; USEC_INFINITY: as long as it likes. */
int protocol_start(const char *hook, usec_t timeout);
int protocol_end(const char *hook, const struct hook_end *end);

/* The end of a hook that never started; result: "failed" or "skipped". */
int protocol_not_run(const char *hook, const char *result, const char *reason);

int protocol_done(void);
/* Nothing more is said: the daemon need not wait for this process to end. */
void protocol_close(void);
