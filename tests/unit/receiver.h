#pragma once
/*
 * Somebody who listens on a Unix datagram socket, and reads when the test wants it
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "unit/support.h"

#define RECEIVER_SPACE ((size_t) 1 << 20)

/* Listens at a path, or at the abstract name behind "@"; returns the descriptor. */
static inline int receiver_open(const char *address) {
        struct sockaddr_un sun = {.sun_family = AF_UNIX};
        size_t length = strlen(address);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_true(length < sizeof(sun.sun_path));
        memcpy(sun.sun_path, address, length);
        if (address[0] == '@')
                sun.sun_path[0] = '\0';
        assert_int_equal(bind(fd, (struct sockaddr *) &sun,
                              (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)),
                         0);
        return fd;
}

/*
 * Reads one datagram, with a NUL behind it, or the file that came instead; NULL when none is
 * there. The caller frees it. *ret_file: the file's descriptor, or -1; the caller closes it.
 */
static inline char *receiver_read(int fd, size_t *ret_length, int *ret_file) {
        CLEANUP(freep) char *data = malloc(RECEIVER_SPACE);
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = {data, RECEIVER_SPACE - 1};
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        ssize_t n;

        assert_non_null(data);
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0) {
                assert_int_equal(errno, EAGAIN);
                return NULL;
        }
        *ret_file = -1;
        *ret_length = (size_t) n;
        data[n] = '\0';
        if (CMSG_FIRSTHDR(&message)) {
                memcpy(ret_file, CMSG_DATA(&control.header), sizeof(int));
                freep(&data);
                data = NULL;
                assert_int_equal(lseek(*ret_file, 0, SEEK_SET), 0);
                assert_int_equal(read_all(*ret_file, RECEIVER_SPACE, &data, ret_length), 0);
        }
        return STEAL_PTR(data);
}

/* The next datagram must be this text. */
static inline void receiver_expect(int fd, const char *expected) {
        CLEANUP(freep) char *text = NULL;
        CLEANUP(closep) int file = -1;
        size_t length;

        text = receiver_read(fd, &length, &file);
        if (!expected) {
                assert_null(text);
                return;
        }
        assert_non_null(text);
        assert_string_equal(text, expected);
        assert_int_equal(length, strlen(expected));
}

static inline bool is_writable(int fd) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

        return poll(&poll_fd, 1, 0) == 1;
}
