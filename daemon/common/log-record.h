#pragma once
/*
 * Log record: what a log entry is made of
 */
#include <stddef.h>

/* The numbers are syslog's. */
enum log_level {
        LEVEL_ERROR = 3,
        LEVEL_WARNING = 4,
        LEVEL_NOTICE = 5,
        LEVEL_INFO = 6,
        LEVEL_DEBUG = 7
};

/* "error" for LEVEL_ERROR and so on; and back: 0 or -EINVAL. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret);

/* One field; value NULL or "" means that the field is left out. Both are borrowed for the call. */
struct log_field {
        const char *name;
        const char *value;
};

/* An entry on its way. Whoever is handed one borrows all of it for the call. */
struct log_record {
        const char *identifier;
        enum log_level level;
        const char *message_id; /* NULL: none */
        const char *message;
        const struct log_field *fields;
        size_t count;
};
