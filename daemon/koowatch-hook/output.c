#include "koowatch-hook/output.h"

#include "common/log-fields.h"
#include "common/util.h"

/* Takes size bytes from the budget. Once something was cut, all that follows is. */
static bool spend(struct output *output, size_t size) {
        if (output->cut_lines > 0 || output->lines == OUTPUT_LINES_MAX ||
            size > OUTPUT_BYTES_MAX - output->bytes) {
                output->cut_lines++;
                output->cut_bytes += size;
                return false;
        }

        output->lines++;
        output->bytes += size;
        return true;
}

/*
 * Logs the first length bytes collected and keeps the others. An empty line costs
 * but is not logged: an entry without a message would be none.
 */
static void emit(struct output_stream *stream, size_t length, bool newline) {
        struct log_fields fields = {};
        char kept = stream->line[length];

        tail_add(stream->tail, stream->line, length);
        if (newline)
                tail_add(stream->tail, "\n", 1);
        if (spend(stream->output, length + newline) && length > 0) {
                for (size_t i = 0; i < length; i++)
                        if (stream->line[i] == '\0')
                                stream->line[i] = '?';

                event_log_fields(stream->output->event, stream->hook, &fields);
                stream->line[length] = '\0';
                log_entry_with(LEVEL_INFO, NULL, &fields, "%s", stream->line);
                stream->line[length] = kept;
        }

        stream->length -= length;
        memmove(stream->line, stream->line + length, stream->length);
}

void output_feed(struct output_stream *stream, const char *data, size_t length) {
        while (length > 0) {
                const char *newline = memchr(data, '\n', length);
                size_t n = newline ? (size_t) (newline - data) : length;
                size_t fits = MIN(n, OUTPUT_LINE_MAX - stream->length);

                memcpy(stream->line + stream->length, data, fits);
                stream->length += fits;
                data += fits;
                length -= fits;

                if (fits < n) {
                        emit(stream, utf8_whole(stream->line, stream->length), false);
                } else if (newline) {
                        emit(stream, stream->length, true);
                        data++;
                        length--;
                }
        }
}

void output_flush(struct output_stream *stream) {
        if (stream->length > 0)
                emit(stream, stream->length, false);
}

void output_finish(const struct output *output) {
        struct log_fields fields = {};

        if (output->cut_lines == 0)
                return;

        event_log_fields(output->event, NULL, &fields);
        log_entry_with(LEVEL_NOTICE, NULL, &fields,
                       "%s: %zu bytes in %zu lines of hook output were dropped; the limit for an "
                       "event is %zu bytes and %zu lines",
                       output->event->name, output->cut_bytes, output->cut_lines, OUTPUT_BYTES_MAX,
                       OUTPUT_LINES_MAX);
}
