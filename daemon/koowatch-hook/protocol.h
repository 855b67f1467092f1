#pragma once
/*
 * The conversation with the daemon: one JSON line in, JSON lines out
 *
 * The lines out are news, not requests: when the daemon is gone they go nowhere,
 * and the hooks still run to their end.
 */
#include <stddef.h>

#include "koowatch-hook/hook-process.h"

#define PROTOCOL_LINE_MAX ((size_t) 8 * 1024 * 1024)

/*
 * Reads up to the first newline or the end; what follows the newline is not
 * looked at. Returns 0, -EFBIG for a line over PROTOCOL_LINE_MAX, -ETIMEDOUT when
 * it has not come within that time, or another negative errno.
 */
int protocol_read_line(int fd, usec_t within, char **ret, size_t *ret_length);

void protocol_busy(void);
void protocol_ready(void);
void protocol_start(const char *hook);
void protocol_end(const char *hook, const struct hook_end *end);

/* The end of a hook that never started; result: "failed" or "skipped". */
void protocol_not_run(const char *hook, const char *result, const char *reason);

void protocol_done(void);
/* Nothing more is said: the daemon need not wait for this process to end. */
void protocol_close(void);
