/*
 * The event on its way to hooks: any line that a hook runner may get, and any event that koowatchd
 * makes, which the runner must take
 */
#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>

#include "fuzz/fuzz.h"
#include "fuzz/hook-event.h"
#include "koowatch-hook/protocol.h"
#include "koowatchd/report/event.h"

static int file;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        (void) argc;
        (void) argv;
        file = memfd_create("event", MFD_CLOEXEC);
        REQUIRE(file >= 0);
        return 0;
}

/* As execve() takes it, each name once, and none that a shell or the loader obeys. */
static void check_environment(const struct event *event) {
        char **strings = NULL;

        REQUIRE(environment_new(event, USEC_HOUR, &strings) == 0);
        for (char **s = strings; *s; s++) {
                size_t n = strcspn(*s, "=");

                REQUIRE(n > 0 && (*s)[n] == '=');
                REQUIRE(str_after(*s, "KOOWATCH_") || str_after(*s, "PATH=") ||
                        str_after(*s, "LANG=") || str_after(*s, "HOME="));
                for (size_t i = 0; i < n; i++)
                        REQUIRE(isupper((unsigned char) (*s)[i]) ||
                                isdigit((unsigned char) (*s)[i]) || (*s)[i] == '_');
        }
        environment_free(strings);
}

static void check_texts(json_object *array) {
        for (size_t i = 0; array && i < json_object_array_length(array); i++)
                REQUIRE(json_object_is_type(json_object_array_get_idx(array, i), json_type_string));
}

/* What hooks read is one line, and is read as the same by them. */
static void check_event(const struct event *event) {
        struct log_fields fields = {};
        struct event again = {};
        const char *why;

        REQUIRE(strspn(event->event, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
                strlen(event->event));
        REQUIRE(*event->event && !streq(event->event, "named"));
        REQUIRE(!strchr(event->id, '/') && !strchr(event->id, '.'));
        REQUIRE(!strchr(event->name, '/') && *event->name != '.');
        check_texts(event->hooks);
        check_texts(event->settled);
        REQUIRE(memchr(event->text, '\n', event->text_length) ==
                event->text + event->text_length - 1);
        check_environment(event);
        event_log_fields(event, "finished.d/a", &fields);
        REQUIRE(fields.count >= 3 && streq(fields.list[0].value, event->name));
        REQUIRE(hook_event_parse(event->text, event->text_length, &again, &why) == 0);
        REQUIRE(json_object_equal(event->json, again.json) && !again.hooks && !again.settled);
        event_clear(&again);
}

/* Returns whether the runner takes it. */
static bool read_line(const void *data, size_t size) {
        struct event event = {};
        const char *why = NULL;
        char *line = NULL;
        size_t length = 0, read = 0;
        int r;

        REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t) size);
        REQUIRE(lseek(file, 0, SEEK_SET) == 0);
        REQUIRE(protocol_read_line(file, USEC_INFINITY, &line, &length, &read) == 0);
        REQUIRE(length <= size && (length == 0 || memcmp(line, data, length) == 0));
        REQUIRE(read >= length && read <= size && memcmp(line, data, read) == 0);
        REQUIRE(length == size || ((const char *) data)[length] == '\n');
        r = hook_event_parse(line, length, &event, &why);
        free(line);
        REQUIRE(r == 0 || (r == -EBADMSG && why));
        if (r < 0)
                return false;
        check_event(&event);
        event_clear(&event);
        return true;
}

/* Texts as they may come out of a task file: UTF-8, without a NUL, on one line. */
static char *take_text(struct bytes *b) {
        size_t length;
        char *text = take_until(b, '\n', &length);

        if (!utf8_is_valid(text, length))
                *text = '\0';
        return text;
}

static json_object *take_json(struct bytes *b) {
        CLEANUP(freep) char *text = take_text(b);

        json_object *event = NULL;

        (void) event_parse(text, &event); /* read as an answer is, but for a level */
        return event;
}

static void require_taken(json_object *event, unsigned attempt) {
        CLEANUP(freep) char *line = NULL;

        REQUIRE(event);
        line = event_line(event, &(struct event_attempt){.number = attempt});
        REQUIRE(line && read_line(line, strlen(line)));
        json_object_put(event);
}

static void make_line(struct bytes *b) {
        CLEANUP(freep) char *file_name = take_text(b);
        CLEANUP(freep) char *value = take_text(b);
        CLEANUP(freep) char *url = take_text(b);
        CLEANUP(freep) char *message = take_text(b);
        CLEANUP(freep) char *variable = str_printf("Name=%s", value);
        const char *variables[] = {variable, NULL};
        struct koodrive_answer answer = {.json = take_json(b), .raw_status = take(b, 5)};
        const struct event_task task = {
                .name = "photos",
                .file = file_name,
                .hooks = take(b, 2) ? "a b" : NULL,
                .variables = variables,
                .registered = take_int64(b) / 1024,
                .finished = take_int64(b) / 1024,
                .outcome = (enum outcome) take(b, OUTCOMES),
                .answer = &answer,
                .download_url = url,
        };

        answer.disposition.class = (enum koodrive_class) take(b, KOODRIVE_CLASSES);
        answer.result = (enum koodrive_result) take(b, 4);
        (void) utf8_cut(message, sizeof(answer.message) - 1);
        (void) snprintf(answer.message, sizeof(answer.message), "%s", message);
        require_taken(event_of_task(EVENT_FINISHED, "0123456789abcdef", &task), take(b, 50) + 1);
        require_taken(event_of_account("0123456789abcdef", "eu", "throttled", message), 1);
        json_object_put(answer.json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct bytes b = {data, size};

        if (size > 0 && *data == '+') {
                (void) take_byte(&b);
                make_line(&b);
        } else {
                (void) read_line(data, size);
        }
        return 0;
}
