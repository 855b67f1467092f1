#include "common/log-fields.h"

void log_fields_add(struct log_fields *f, const char *name, const char *value) {
        if (value && f->count < LOG_FIELDS_MAX)
                f->list[f->count++] = (struct log_field){name, value};
}

void log_fields_add_number(struct log_fields *f, const char *name, long value) {
        char *text;

        if (value < 0 || f->n_numbers == LOG_NUMBERS_MAX)
                return;
        text = f->numbers[f->n_numbers++];
        (void) snprintf(text, sizeof(f->numbers[0]), "%ld", value);
        log_fields_add(f, name, text);
}
