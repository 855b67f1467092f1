#include "common/log-backlog.h"

#include <errno.h>

#include "common/util.h"

/* The strings of record lie behind its fields, in the same piece of memory. */
struct log_waiting {
        STAILQ_ENTRY(log_waiting) entry;
        size_t size;
        struct log_record record;
        struct log_field fields[];
};

static bool is_left_out(const struct log_field *field) {
        return str_empty(field->value);
}

static size_t text_size(const char *s) {
        return s ? strlen(s) + 1 : 0;
}

/* Copies s to *end, which moves behind the copy. */
static const char *put_text(char **end, const char *s) {
        size_t size = text_size(s);
        char *copy = *end;

        if (!s)
                return NULL;
        memcpy(copy, s, size);
        *end += size;
        return copy;
}

static size_t measure(const struct log_record *r) {
        size_t size = sizeof(struct log_waiting) + text_size(r->message_id) + text_size(r->message);

        for (size_t i = 0; i < r->count; i++)
                if (!is_left_out(r->fields + i))
                        size += sizeof(r->fields[i]) + text_size(r->fields[i].name) +
                                text_size(r->fields[i].value);
        return size;
}

static size_t count_fields(const struct log_record *r) {
        size_t n = 0;

        for (size_t i = 0; i < r->count; i++)
                n += !is_left_out(r->fields + i);
        return n;
}

static struct log_waiting *copy(const struct log_record *r, size_t size) {
        struct log_waiting *w = malloc(size);
        char *end;

        if (!w)
                return NULL;
        w->size = size;
        w->record = *r;
        w->record.fields = w->fields;
        w->record.count = 0;
        end = (char *) (w->fields + count_fields(r));
        w->record.message_id = put_text(&end, r->message_id);
        w->record.message = put_text(&end, r->message);
        for (size_t i = 0; i < r->count; i++)
                if (!is_left_out(r->fields + i)) {
                        struct log_field *field = w->fields + w->record.count++;

                        field->name = put_text(&end, r->fields[i].name);
                        field->value = put_text(&end, r->fields[i].value);
                }
        return w;
}

int log_backlog_push(struct log_backlog *backlog, const struct log_record *record) {
        size_t size = measure(record);
        struct log_waiting *w;

        if (backlog->count == LOG_BACKLOG_ENTRIES_MAX ||
            size > LOG_BACKLOG_BYTES_MAX - backlog->bytes)
                return -ENOBUFS;
        w = copy(record, size);
        if (!w)
                return -ENOMEM;
        STAILQ_INSERT_TAIL(&backlog->list, w, entry);
        backlog->count++;
        backlog->bytes += size;
        return 0;
}

const struct log_record *log_backlog_first(const struct log_backlog *backlog) {
        const struct log_waiting *w = STAILQ_FIRST(&backlog->list);

        return w ? &w->record : NULL;
}

void log_backlog_pop(struct log_backlog *backlog) {
        struct log_waiting *w = STAILQ_FIRST(&backlog->list);

        STAILQ_REMOVE_HEAD(&backlog->list, entry);
        backlog->count--;
        backlog->bytes -= w->size;
        free(w);
}
