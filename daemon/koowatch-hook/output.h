#pragma once
/*
 * What hooks print, as log entries
 *
 * A hook's two streams are taken apart into lines; each goes to the log as it is,
 * with the event's fields. A line over 8 KiB becomes several. There is a budget
 * of bytes and lines for the whole event: once it is spent, all further output is
 * counted and dropped, and output_finish() says how much that was.
 */
#include <stddef.h>

#include "koowatch-hook/event.h"
#include "koowatch-hook/tail.h"

#define OUTPUT_LINE_MAX ((size_t) 8 * 1024)
#define OUTPUT_BYTES_MAX ((size_t) 64 * 1024)
#define OUTPUT_LINES_MAX ((size_t) 1000)

/* The budget of an event. */
struct output {
        const struct event *event; /* borrowed */
        size_t bytes, lines;       /* logged */
        size_t cut_bytes, cut_lines;
};

/* One stream of one hook; starts zeroed but for the first three. */
struct output_stream {
        struct output *output; /* borrowed */
        const char *hook;      /* borrowed */
        struct tail *tail;     /* gets what it prints, too; borrowed */
        size_t length;
        char line[OUTPUT_LINE_MAX + 1];
};

void output_feed(struct output_stream *stream, const char *data, size_t length);

/* The stream is over: what is left is a line, too. */
void output_flush(struct output_stream *stream);

void output_finish(const struct output *output);
