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
 * Nobody passes a token, a secret or a kdstoken here.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"

/* The numbers are syslog's. */
enum log_level {
        LEVEL_ERROR = 3,
        LEVEL_WARNING = 4,
        LEVEL_NOTICE = 5,
        LEVEL_INFO = 6,
        LEVEL_DEBUG = 7
};

enum log_target { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_CONSOLE };

/* One field; value NULL or "" means that the field is left out. Both are borrowed for the call. */
struct log_field {
        const char *name;
        const char *value;
};

/*
 * identifier is the SYSLOG_IDENTIFIER (borrowed for good). AUTO takes the
 * journal when stderr is connected to it (JOURNAL_STREAM), else stderr.
 */
void log_open(const char *identifier, enum log_target target);
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* "error" for LEVEL_ERROR and so on; and back: 0 or -EINVAL. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret);

/* message_id may be NULL; fields end after count. errno is left alone. */
void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) PRINTF_LIKE(5, 6);

#define log_error(...) log_entry(LEVEL_ERROR, NULL, NULL, 0, __VA_ARGS__)
#define log_warning(...) log_entry(LEVEL_WARNING, NULL, NULL, 0, __VA_ARGS__)
#define log_notice(...) log_entry(LEVEL_NOTICE, NULL, NULL, 0, __VA_ARGS__)
#define log_info(...) log_entry(LEVEL_INFO, NULL, NULL, 0, __VA_ARGS__)
#define log_debug(...) log_entry(LEVEL_DEBUG, NULL, NULL, 0, __VA_ARGS__)
