#pragma once
/*
 * The fields of one log entry, collected
 *
 * Zeroed, it has none. Strings are borrowed until the entry is written. Not to be copied: the
 * texts of numbers lie inside.
 */
#include "common/log.h"

#define LOG_FIELDS_MAX 16
#define LOG_NUMBERS_MAX 6

struct log_fields {
        struct log_field list[LOG_FIELDS_MAX];
        size_t count;
        char numbers[LOG_NUMBERS_MAX][24]; /* the texts of those that are numbers */
        size_t n_numbers;
};

/* A value of NULL is left out, and so is what is too much. */
void log_fields_add(struct log_fields *fields, const char *name, const char *value);

/* The same for a number; a negative one means "not known" and is left out. */
void log_fields_add_number(struct log_fields *fields, const char *name, long value);

/* log_entry() with these fields; message_id may be NULL. */
#define log_entry_with(level, message_id, fields, ...) \
        log_entry(level, message_id, (fields)->list, (fields)->count, __VA_ARGS__)

/* The same with log_entry_retold(). */
#define log_entry_retold_with(level, message_id, fields, ...) \
        log_entry_retold(level, message_id, (fields)->list, (fields)->count, __VA_ARGS__)
