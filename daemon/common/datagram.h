#pragma once
/*
 * Datagrams to a Unix socket that somebody else reads, or does not: sending never waits
 *
 * Owns the sending socket. It is connected, as POLLOUT then tells of the receiver's queue too
 * (unix_dgram_poll() in Linux), and connected again when the receiver has been replaced.
 *
 * In the place of sd_notify() and sd_journal_sendv(): their sockets block, and libsystemd exports
 * no way to change that (sd-daemon.c makes one SOCK_DGRAM|SOCK_CLOEXEC a call; the
 * journal_fd_nonblock() of journal-send.c is internal; 252 and 257). Both protocols are documented
 * as stable: sd_notify(3), and https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct datagram {
        int fd; /* -1: not opened yet */
        bool connected;
        struct sockaddr_un address;
        socklen_t address_length; /* 0: none was set */
};

#define DATAGRAM_NULL ((struct datagram){.fd = -1})

/* A path, or "@" and an abstract name. Returns 0, or -EINVAL for what is neither or too long. */
int datagram_set_address(struct datagram *datagram, const char *address);

/*
 * Sends one, with a descriptor unless that is -1. Returns 0, -EAGAIN while the receiver's queue or
 * the own buffer is full (wait for POLLOUT on fd), -EMSGSIZE when it is more than the socket takes
 * at once, or a negative errno: there is no receiver (-ENOENT, -ECONNREFUSED).
 */
int datagram_send(struct datagram *datagram, const void *data, size_t length, int passed_fd);

/* Whether something that was sent is still in the receiver's queue. */
bool datagram_is_unread(const struct datagram *datagram);

void datagram_close(struct datagram *datagram);
