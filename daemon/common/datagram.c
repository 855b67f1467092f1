#include "common/datagram.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "common/util.h"

/* What libsystemd asks for; net.core.wmem_max allows a 20th of it by default. */
#define SEND_BUFFER (8 * 1024 * 1024)

int datagram_set_address(struct datagram *d, const char *address) {
        size_t length = strlen(address);
        bool abstract = address[0] == '@';

        if ((!abstract && address[0] != '/') || length < 2 ||
            length + !abstract > sizeof(d->address.sun_path))
                return -EINVAL;
        d->address = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(d->address.sun_path, address, length);
        if (abstract)
                d->address.sun_path[0] = '\0';
        d->address_length =
                (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length + !abstract);
        d->connected = false;
        return 0;
}

static int make_connection(struct datagram *d) {
        const int size = SEND_BUFFER;

        if (d->address_length == 0)
                return -EDESTADDRREQ;
        if (d->fd < 0) {
                d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                if (d->fd < 0)
                        return -errno;
                (void) setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        }
        if (connect(d->fd, (const struct sockaddr *) &d->address, d->address_length) < 0)
                return -errno;
        d->connected = true;
        return 0;
}

static int try_send(const struct datagram *d, const void *data, size_t length, int passed_fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = {(void *) data, length};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        if (passed_fd >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
        }
        return sendmsg(d->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int datagram_send(struct datagram *d, const void *data, size_t length, int passed_fd) {
        int r = -ENOTCONN;

        if (d->connected)
                r = try_send(d, data, length, passed_fd);
        if (r != -ECONNREFUSED && r != -ENOTCONN) /* else the receiver's socket was closed */
                return r;
        d->connected = false;
        r = make_connection(d);
        return r < 0 ? r : try_send(d, data, length, passed_fd);
}

bool datagram_is_unread(const struct datagram *d) {
        int bytes = 0;

        return d->fd >= 0 && ioctl(d->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

void datagram_close(struct datagram *d) {
        closep(&d->fd);
        *d = DATAGRAM_NULL;
}
