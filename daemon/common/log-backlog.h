#pragma once
/*
 * Backlog: log entries that wait for a receiver that does not read, oldest first
 *
 * Owns copies of them. Bounded by number and by bytes, so that a journal that hangs for an hour
 * costs no more memory than one that hangs for a second.
 */
#include <stdbool.h>
#include <sys/queue.h>

#include "common/log-record.h"

#define LOG_BACKLOG_ENTRIES_MAX ((size_t) 2000)
#define LOG_BACKLOG_BYTES_MAX ((size_t) 2 * 1024 * 1024)

struct log_waiting;

struct log_backlog {
        STAILQ_HEAD(log_waiting_list, log_waiting) list;
        size_t count, bytes;
};

/* Initialises a variable of that name. */
#define LOG_BACKLOG_EMPTY(backlog) \
        { .list = STAILQ_HEAD_INITIALIZER((backlog).list) }

/* Appends a copy; the identifier stays borrowed. Returns 0, -ENOBUFS beyond the bound, or -ENOMEM.
 */
int log_backlog_push(struct log_backlog *backlog, const struct log_record *record);
/* The oldest, the backlog's until it is popped; NULL when there is none. */
const struct log_record *log_backlog_first(const struct log_backlog *backlog);
/* There must be one. */
void log_backlog_pop(struct log_backlog *backlog);
