#pragma once
/*
 * D-Bus messages without a bus: of a connection that nobody answers
 */
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "unit/support.h"

/* The caller releases it. */
static inline sd_bus *bus_of_nobody(void) {
        sd_bus *bus = NULL;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        (void) close(fds[1]);
        return bus;
}

static inline sd_bus_message *message_new(sd_bus *bus) {
        sd_bus_message *message = NULL;

        assert_true(sd_bus_message_new_signal(bus, &message, "/a", "a.b", "C") >= 0);
        return message;
}

/* It can be read from now on. */
static inline void message_seal(sd_bus_message *message) {
        assert_true(sd_bus_message_seal(message, 1, 0) >= 0);
        assert_true(sd_bus_message_rewind(message, true) >= 0);
}
