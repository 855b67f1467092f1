/*
 * What hooks print, in any pieces: each byte is logged, in its order, or counted as dropped. The
 * input is two numbers, the size of a piece and how often the rest is printed.
 */
#include <stdarg.h>

#include "fuzz/fuzz.h"
#include "koowatch-hook/output.h"

static struct event event;
static struct {
        char *text; /* all that was logged, in one */
        size_t length;
        FILE *file;
        bool is_utf8; /* all that is printed is */
} logged;

/* Instead of that of common/log.c. */
void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) {
        char line[OUTPUT_LINE_MAX + 2];
        va_list arguments;

        (void) message_id;
        REQUIRE(count > 0 && streq(fields[0].value, "photos"));
        if (level != LEVEL_INFO) /* that something was dropped */
                return;
        va_start(arguments, format);
        REQUIRE(vsnprintf(line, sizeof(line), format, arguments) <= (int) OUTPUT_LINE_MAX);
        va_end(arguments);
        REQUIRE(*line && !strchr(line, '\n'));
        REQUIRE(!logged.is_utf8 || utf8_is_valid(line, strlen(line)));
        (void) fputs(line, logged.file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        static const char line[] = "{\"event\":\"finished\",\"eventId\":\"e\",\"name\":\"photos\"}";
        const char *why;

        (void) argc;
        (void) argv;
        REQUIRE(event_parse(line, strlen(line), &event, &why) == 0);
        return 0;
}

/* The printed text as it should have been logged: without ends of lines, and NUL as '?'. */
static void check_logged(const char *text, size_t length, size_t repeats, bool is_all) {
        size_t n = 0;

        for (size_t i = 0; i < length * repeats; i++) {
                char c = text[i % length];

                if (c == '\n')
                        continue;
                if (n == logged.length) {
                        REQUIRE(!is_all);
                        return;
                }
                REQUIRE(logged.text[n++] == (c ? c : '?'));
        }
        REQUIRE(n == logged.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct output output = {.event = &event};
        struct tail tail = {};
        struct output_stream stream = {.output = &output, .hook = "finished.d/a", .tail = &tail};
        struct bytes b = {data, size};
        size_t piece = 1 + 16 * (size_t) take_byte(&b), repeats = 1 + take(&b, 64), length;
        CLEANUP(freep) char *text = take_rest(&b, &length);

        logged.is_utf8 = utf8_is_valid(text, length);
        logged.file = open_memstream(&logged.text, &logged.length);
        REQUIRE(logged.file);
        for (size_t i = 0; i < repeats; i++)
                for (size_t at = 0; at < length; at += piece)
                        output_feed(&stream, text + at, MIN(piece, length - at));
        output_flush(&stream);
        output_finish(&output);
        REQUIRE(fclose(logged.file) == 0);
        REQUIRE(output.bytes <= OUTPUT_BYTES_MAX && output.lines <= OUTPUT_LINES_MAX);
        REQUIRE(output.bytes + output.cut_bytes == length * repeats);
        REQUIRE((output.cut_lines == 0) == (output.cut_bytes == 0));
        check_logged(text, length, repeats, output.cut_lines == 0);
        free(logged.text);
        return 0;
}
