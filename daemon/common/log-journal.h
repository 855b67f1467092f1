#pragma once
/*
 * Log entries to the journal, by its native protocol; sending never waits
 */
#include "common/log-record.h"
#include "common/timespan.h"

/* Where the journal listens; a variable for the sake of unit tests. */
extern const char *log_journal_address;

/*
 * Returns 0, -EAGAIN while the journal does not read (wait for POLLOUT), or a negative errno: it
 * is not there. Message and fields go unchanged; an empty field is left out.
 */
int log_journal_send(const struct log_record *record);

/*
 * For a program that ends: waits until the journal has dealt with all that was sent, or until end
 * (of clock_running()). It looks a sender's unit up in /proc when it comes to an entry, and finds
 * none for a process that has gone.
 */
void log_journal_wait(usec_t end);

/* -1: not opened yet. */
int log_journal_fd(void);
