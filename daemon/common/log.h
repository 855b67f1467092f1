#pragma once
/*
 * Log entries with fields, to the journal or to stderr
 *
 * One global: the target and level, set once at start and at reload; logging is
 * the one thing that every module may do without being handed an object.
 * An entry is a level, a message and a list of fields. On stderr it is one line:
 * level, message, two blanks, the fields as NAME=value (quoted when the value
 * has blanks). MESSAGE_ID and other fields that do not start with KOO are for the
 * journal alone. On stderr a control character other than TAB becomes '?'; the
 * journal, which any byte is safe in, gets message and fields unchanged.
 *
 * Logging never waits. What the journal or stderr does not take now waits in a backlog, in order,
 * until log_flush(); whoever has a loop calls that when log_fd() can be written. Beyond the bound
 * of the backlog new entries are dropped and counted, and an entry says how many when it drains.
 * Without a journal, entries go to stderr.
 *
 * Nobody passes a token, a secret or a kdstoken here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log-record.h"
#include "common/timespan.h"
#include "common/util.h"

enum log_target { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_CONSOLE };

/*
 * identifier is the SYSLOG_IDENTIFIER (borrowed for good). AUTO takes the
 * journal when stderr is connected to it (JOURNAL_STREAM), else stderr.
 */
void log_open(const char *identifier, enum log_target target);
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* message_id may be NULL; fields end after count. errno is left alone. */
void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) PRINTF_LIKE(5, 6);

/* The same for one that its caller logs again if it was dropped: that is not counted as lost. */
void log_entry_retold(enum log_level level, const char *message_id, const struct log_field *fields,
                      size_t count, const char *format, ...) PRINTF_LIKE(5, 6);

/*
 * Number of the entry that was logged last; 0: it was dropped. One below the level has a number
 * that is sent.
 */
uint64_t log_last(void);
/* Up to which number all entries have been taken by the journal or the console, or never will be.
 */
uint64_t log_sent(void);
/* How many entries were dropped. */
uint64_t log_lost(void);

/* Tries to send what waits, some of it at a time. Returns whether something still waits. */
bool log_flush(void);
/* Descriptor to wait for while something waits (POLLOUT), or -1. */
int log_fd(void);
/* For a program that ends: until all is sent and the journal has read it, or patience is over. */
void log_drain(usec_t patience);

#define log_error(...) log_entry(LEVEL_ERROR, NULL, NULL, 0, __VA_ARGS__)
#define log_warning(...) log_entry(LEVEL_WARNING, NULL, NULL, 0, __VA_ARGS__)
#define log_notice(...) log_entry(LEVEL_NOTICE, NULL, NULL, 0, __VA_ARGS__)
#define log_info(...) log_entry(LEVEL_INFO, NULL, NULL, 0, __VA_ARGS__)
#define log_debug(...) log_entry(LEVEL_DEBUG, NULL, NULL, 0, __VA_ARGS__)
