#pragma once
/*
 * Log entries to the journal, by its native protocol; never waits
 */
#include "common/log-record.h"

/* Where the journal listens; a variable for the sake of unit tests. */
extern const char *log_journal_address;

/*
 * Returns 0, -EAGAIN while the journal does not read (wait for POLLOUT), or a negative errno: it
 * is not there. Message and fields go unchanged; an empty field is left out.
 */
int log_journal_send(const struct log_record *record);

/* -1: not opened yet. */
int log_journal_fd(void);
