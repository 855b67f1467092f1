/* What hooks print, as the log gets it: this program keeps the entries itself. */
#include "koowatch-hook/output.h"
#include "unit/hook/hook-support.h"

struct fixture {
        struct event event;
        struct output output;
        struct tail tail;
        struct output_stream stream;
};

static struct {
        size_t entries, bytes;
        char text[4096]; /* cut */
        char last[2 * OUTPUT_LINE_MAX];
} logged;

static const char *field_value(const struct log_field *fields, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++)
                if (streq(fields[i].name, name))
                        return fields[i].value;
        fail_msg("no field %s", name);
        return NULL;
}

/* Instead of that of common/log.c. */
void log_entry(enum log_level level, const char *message_id, const struct log_field *fields,
               size_t count, const char *format, ...) {
        size_t n = strlen(logged.text);
        va_list arguments;

        (void) message_id;
        assert_string_equal(field_value(fields, count, "KOOWATCH_NAME"), "photos");
        if (level == LEVEL_INFO)
                assert_string_equal(field_value(fields, count, "KOOWATCH_HOOK"), "finished.d/a");
        va_start(arguments, format);
        (void) vsnprintf(logged.last, sizeof(logged.last), format, arguments);
        va_end(arguments);
        logged.entries++;
        logged.bytes += strlen(logged.last);
        (void) snprintf(logged.text + n, sizeof(logged.text) - n, "%s|", logged.last);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        memset(&logged, 0, sizeof(logged));
        f->event = event_with("");
        f->output.event = &f->event;
        f->stream = (struct output_stream){
                .output = &f->output, .hook = "finished.d/a", .tail = &f->tail};
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        event_clear(&f->event);
        free(f);
        return 0;
}

static void feed(struct fixture *f, const char *text) {
        output_feed(&f->stream, text, strlen(text));
}

static void test_lines_however_they_come(void **state) {
        struct fixture *f = *state;

        feed(f, "one\ntw");
        assert_string_equal(logged.text, "one|");
        feed(f, "o\n\n\nthree\nfour");
        assert_string_equal(logged.text, "one|two|three|"); /* no entry without text */
        output_flush(&f->stream);
        output_flush(&f->stream);
        assert_string_equal(logged.text, "one|two|three|four|");
        output_finish(&f->output);
        assert_int_equal(logged.entries, 4); /* nothing was cut */
}

static void test_nul_bytes_are_shown(void **state) {
        struct fixture *f = *state;

        output_feed(&f->stream, "a\0b\0\n%s\n", 8);
        assert_string_equal(logged.text, "a?b?|%s|");
}

static void test_a_long_line_becomes_several(void **state) {
        struct fixture *f = *state;
        char line[OUTPUT_LINE_MAX + 100];

        memset(line, 'a', sizeof(line));
        output_feed(&f->stream, line, OUTPUT_LINE_MAX);
        assert_int_equal(logged.entries, 0); /* it may end here */
        output_feed(&f->stream, line, 100);
        assert_int_equal(logged.entries, 1);
        assert_int_equal(strlen(logged.last), OUTPUT_LINE_MAX);
        feed(f, "\n");
        assert_int_equal(logged.entries, 2);
        assert_int_equal(strlen(logged.last), 100);
}

static void test_no_character_is_cut_in_two(void **state) {
        static const char *const characters[] = {"é", "€", "🗃"};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(characters); i++) {
                size_t size = strlen(characters[i]);

                for (size_t cut = 1; cut <= size; cut++) {
                        char line[OUTPUT_LINE_MAX];

                        f->output = (struct output){.event = &f->event};
                        memset(line, 'a', sizeof(line));
                        output_feed(&f->stream, line, OUTPUT_LINE_MAX - cut);
                        feed(f, characters[i]);
                        feed(f, "b\n");
                        assert_string_equal(logged.last + (cut == size ? 0 : size), "b");
                }
        }
}

/* Bytes that are no UTF-8 are not waited for. */
static void test_stray_bytes(void **state) {
        struct fixture *f = *state;
        char line[OUTPUT_LINE_MAX + 1];

        memset(line, '\x80', sizeof(line));
        output_feed(&f->stream, line, sizeof(line));
        assert_int_equal(strlen(logged.last), OUTPUT_LINE_MAX);
}

static void test_so_many_lines(void **state) {
        struct fixture *f = *state;

        for (size_t i = 0; i < OUTPUT_LINES_MAX + 7; i++)
                feed(f, "x\n");
        assert_int_equal(logged.entries, OUTPUT_LINES_MAX);
        output_finish(&f->output);
        assert_int_equal(logged.entries, OUTPUT_LINES_MAX + 1);
        assert_non_null(strstr(logged.last, "14 bytes in 7 lines"));
}

static void test_so_many_bytes_of_all_streams_together(void **state) {
        struct fixture *f = *state;
        struct output_stream other = {
                .output = &f->output, .hook = "finished.d/a", .tail = &f->tail};
        char line[1024];

        memset(line, 'a', sizeof(line));
        line[sizeof(line) - 1] = '\n';
        for (size_t i = 0; i < OUTPUT_BYTES_MAX / sizeof(line); i++)
                output_feed(i % 2 ? &f->stream : &other, line, sizeof(line));
        assert_int_equal(logged.entries, OUTPUT_BYTES_MAX / sizeof(line));
        output_feed(&f->stream, line, sizeof(line));
        feed(f, "\n"); /* would fit: what follows a cut is cut */
        assert_int_equal(logged.entries, OUTPUT_BYTES_MAX / sizeof(line));
        output_finish(&f->output);
        assert_non_null(strstr(logged.last, "1025 bytes in 2 lines"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_lines_however_they_come),
                TEST(test_nul_bytes_are_shown),
                TEST(test_a_long_line_becomes_several),
                TEST(test_no_character_is_cut_in_two),
                TEST(test_stray_bytes),
                TEST(test_so_many_lines),
                TEST(test_so_many_bytes_of_all_streams_together),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
