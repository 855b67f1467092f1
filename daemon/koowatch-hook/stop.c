#include "koowatch-hook/stop.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "common/json.h"

#define GRACE_SIGNALED (2 * USEC_SEC)
#define GRACE_OVER (5 * USEC_SEC)

static int arm(struct stop *s, usec_t until) {
        const struct itimerspec at = {
                .it_value = {.tv_sec = until / USEC_SEC, .tv_nsec = until % USEC_SEC * 1000}};

        if (timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
                return -errno;
        s->run_until = until;
        return 0;
}

/* Any other line is of a later version. Without memory the time of before holds. */
static void on_line(struct stop *s) {
        static const struct json_rules rules = {.depth = 2, .containers = 4, .values = 16};
        CLEANUP(json_object_putp) json_object *line = NULL;
        char fault[JSON_FAULT_MAX];
        json_object *until;

        if (s->line_length > sizeof(s->line) ||
            json_read(s->line, s->line_length, &rules, NULL, &line, fault) < 0)
                return;
        until = json_object_object_get(line, "runUntil");
        if (json_object_is_type(until, json_type_int) && json_object_get_int64(until) > 0)
                (void) arm(s, json_object_get_int64(until));
}

static void take(struct stop *s, const char *data, size_t length) {
        for (size_t i = 0; i < length; i++) {
                if (data[i] == '\n') {
                        on_line(s);
                        s->line_length = 0;
                } else if (s->line_length < sizeof(s->line)) {
                        s->line[s->line_length++] = data[i];
                } else {
                        s->line_length = sizeof(s->line) + 1;
                }
        }
}

int stop_watch(struct stop *s, int peer, usec_t run_until, const char *data, size_t length) {
        int r;

        s->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (s->timer_fd < 0)
                return -errno;
        r = arm(s, run_until);
        if (r < 0)
                return r;
        s->peer = peer;
        take(s, data, length);
        return 0;
}

void stop_close(struct stop *s) {
        closep(&s->timer_fd);
        *s = STOP_NULL;
}

void stop_fds(const struct stop *s, struct pollfd ret[static STOP_FDS]) {
        ret[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
        ret[1] = (struct pollfd){.fd = s->peer, .events = POLLIN};
        ret[2] = (struct pollfd){.fd = s->timer_fd, .events = POLLIN};
}

static bool is_readable(int fd) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};

        return fd >= 0 && poll(&pollfd, 1, 0) > 0;
}

/* All that it has said so far. Returns whether it is still there. */
static bool read_peer(struct stop *s) {
        char buffer[512];
        ssize_t n;

        while (is_readable(s->peer)) {
                n = read(s->peer, buffer, sizeof(buffer));
                if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                        return false;
                if (n > 0)
                        take(s, buffer, (size_t) n);
        }
        return true;
}

static void end(struct stop *s, usec_t since, const char *why) {
        s->killed_at = since + GRACE_OVER;
        s->why = why;
        s->peer = -1;
}

bool stop_check(struct stop *s) {
        if (s->why || is_readable(s->signal_fd))
                return true;
        if (s->peer < 0)
                return false;
        if (!read_peer(s))
                end(s, clock_boot(), "the connection to koowatchd has closed");
        else if (clock_boot() >= s->run_until)
                end(s, s->run_until, "koowatchd has not been heard of in time");
        return s->why;
}

usec_t stop_grace(const struct stop *s) {
        return s->why ? MAX(s->killed_at - clock_boot(), (usec_t) 0) : GRACE_SIGNALED;
}
