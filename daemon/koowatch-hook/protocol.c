#include "koowatch-hook/protocol.h"

#include <errno.h>
#include <poll.h>

#include "common/json.h"
#include "common/util.h"

#define EXIT_LATER 75
#define EXIT_SKIPPED 77
#define EXIT_PROGRESS 79

/* What was handed over may be blocking or not: it is waited for before each read. */
static ssize_t read_until(int fd, char *buffer, size_t size, usec_t deadline) {
        for (;;) {
                struct pollfd pollfd = {.fd = fd, .events = POLLIN};
                usec_t left = deadline - clock_running();
                int n;
                ssize_t length;

                n = poll(&pollfd, 1,
                         deadline == USEC_INFINITY ? -1 : (int) MAX(left / 1000 + 1, (usec_t) 0));
                if (n == 0 && clock_running() >= deadline) {
                        errno = ETIMEDOUT;
                        return -1;
                }
                length = n > 0 ? read(fd, buffer, size) : -1;
                if (n > 0 && (length >= 0 || (errno != EAGAIN && errno != EINTR)))
                        return length;
        }
}

int protocol_read_line(int fd, usec_t within, char **ret, size_t *ret_length, size_t *ret_read) {
        usec_t deadline = usec_add(clock_running(), within);
        CLEANUP(freep) char *line = NULL;
        size_t length = 0, allocated = 0;

        while (length <= PROTOCOL_LINE_MAX) {
                char *newline;
                ssize_t n;

                if (length == allocated) {
                        char *grown;

                        allocated = allocated == 0 ? 4096 : allocated * 2;
                        grown = realloc(line, allocated);
                        if (!grown)
                                return -ENOMEM;
                        line = grown;
                }

                n = read_until(fd, line + length, allocated - length, deadline);
                if (n < 0)
                        return -errno;

                newline = memchr(line + length, '\n', (size_t) n);
                if (!newline && n > 0) {
                        length += (size_t) n;
                        continue;
                }

                *ret_length = newline ? (size_t) (newline - line) : length;
                if (*ret_length > PROTOCOL_LINE_MAX)
                        break;
                *ret_read = length + (size_t) (newline ? n : 0);
                *ret = STEAL_PTR(line);
                return 0;
        }

        return -EFBIG;
}

/* A line on its way: NULL when there was no memory for a part of it. */
static void add(json_object **object, const char *key, json_object *value) {
        if (*object && value && json_object_object_add(*object, key, value) == 0)
                return;
        json_object_put(value);
        json_object_put(STEAL_PTR(*object));
}

static json_object *object_with(const char *key, json_object *value) {
        json_object *object = json_object_new_object();

        add(&object, key, value);
        return object;
}

/* Takes over the object. One write a line, so that a line is there or not. */
static int send_object(json_object *taken) {
        CLEANUP(json_object_putp) json_object *object = taken;
        CLEANUP(freep) char *line = NULL;
        const char *text = NULL;
        int r;

        if (object)
                text = json_text(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (text)
                line = str_printf("%s\n", text);
        if (!line)
                return -ENOMEM;
        r = write_all(STDOUT_FILENO, line, strlen(line));
        return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

int protocol_busy(void) {
        return send_object(object_with("busy", json_object_new_boolean(true)));
}

int protocol_ready(void) {
        return send_object(object_with("ready", json_object_new_boolean(true)));
}

int protocol_done(void) {
        return send_object(object_with("done", json_object_new_boolean(true)));
}

void protocol_close(void) {
        (void) close(STDIN_FILENO);
        (void) close(STDOUT_FILENO);
}

int protocol_start(const char *hook, usec_t timeout) {
        json_object *object = object_with("start", json_object_new_string(hook));

        if (timeout != USEC_INFINITY)
                add(&object, "timeout", json_object_new_int64((timeout + USEC_SEC - 1) / USEC_SEC));

        return send_object(object);
}

static const char *result_name(const struct hook_end *end) {
        if (end->timed_out)
                return "failed";

        switch (end->status) {
        case 0:
                return "done";
        case EXIT_LATER:
                return "later";
        case EXIT_SKIPPED:
                return "skipped";
        case EXIT_PROGRESS:
                return "progress";
        default:
                return "failed";
        }
}

int protocol_end(const char *hook, const struct hook_end *end) {
        json_object *object = object_with("end", json_object_new_string(hook));
        char seconds[32];

        (void) snprintf(seconds, sizeof(seconds), "%.3f",
                        (double) end->duration / (double) USEC_SEC);

        add(&object, "result", json_object_new_string(result_name(end)));
        if (end->signal > 0)
                add(&object, "signal", json_object_new_int(end->signal));
        else
                add(&object, "status", json_object_new_int(end->status));
        if (end->timed_out)
                add(&object, "timeout", json_object_new_boolean(true));
        add(&object, "seconds", json_object_new_double_s(strtod(seconds, NULL), seconds));
        if (*end->tail)
                add(&object, "tail", json_object_new_string(end->tail));

        return send_object(object);
}

int protocol_not_run(const char *hook, const char *result, const char *reason) {
        json_object *object = object_with("end", json_object_new_string(hook));

        add(&object, "result", json_object_new_string(result));
        add(&object, "reason", json_object_new_string(reason));

        return send_object(object);
}
