#include "unit/loop/http-server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct connection {
        struct server *server;
        struct connection *next;
        ev_io io;
        char input[16 * 1024];
        size_t length;
        const struct step *held;
};

static void connection_close(struct connection *c) {
        struct connection **at = &c->server->connections;

        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        c->server->open--;
        ev_io_stop(c->server->loop, &c->io);
        (void) close(c->io.fd);
        free(c);
}

/* What is said fits into the socket's buffer, or the other side reads it meanwhile. */
static void connection_do(struct connection *c, const struct step *step) {
        size_t length = step->length > 0 ? step->length : step->say ? strlen(step->say) : 0;

        for (size_t sent = 0; sent < length;) {
                ssize_t n = send(c->io.fd, step->say + sent, length - sent, MSG_NOSIGNAL);

                if (n < 0)
                        break; /* the other side has seen enough */
                sent += (size_t) n;
        }
        if (step->close)
                connection_close(c);
}

/* How long the first request is, when all of it is there; else 0. */
static size_t request_length(const struct connection *c) {
        const char *end = memmem(c->input, c->length, "\r\n\r\n", 4);
        const char *field = strcasestr(c->input, "\r\nContent-Length:");
        size_t length = end ? (size_t) (end + 4 - c->input) : 0;

        if (end && field && field < end)
                length += strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
        return length <= c->length ? length : 0;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents) {
        struct connection *c = container_of(io, struct connection, io);
        struct server *s = c->server;
        const struct step *step;
        size_t length;
        ssize_t n;

        (void) loop;
        (void) revents;
        n = recv(io->fd, c->input + c->length, sizeof(c->input) - 1 - c->length, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                connection_close(c);
                return;
        }
        c->length += (size_t) n;
        c->input[c->length] = '\0';
        length = request_length(c);
        if (length == 0)
                return;

        s->requests++;
        (void) snprintf(s->last, sizeof(s->last), "%.*s", (int) length, c->input);
        memmove(c->input, c->input + length, c->length - length + 1);
        c->length -= length;
        if (s->at == s->n_steps)
                fail_msg("a request that nobody expects: %s", s->last);
        step = &s->steps[s->at++];
        if (step->hold)
                c->held = step;
        else
                connection_do(c, step);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int revents) {
        struct server *s = container_of(io, struct server, io);
        struct connection *c = calloc(1, sizeof(*c));
        int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);

        (void) revents;
        assert_non_null(c);
        assert_true(fd >= 0);
        c->server = s;
        c->next = s->connections;
        s->connections = c;
        s->accepted++;
        s->open++;
        ev_io_init(&c->io, on_readable, fd, EV_READ);
        ev_io_start(loop, &c->io);
}

void server_start(struct server *s, struct ev_loop *loop) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        *s = (struct server){.loop = loop};
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
        (void) snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/api", ntohs(address.sin_port));
        ev_io_init(&s->io, on_connection, fd, EV_READ);
        ev_io_start(loop, &s->io);
}

void server_stop(struct server *s) {
        server_hang_up(s);
        ev_io_stop(s->loop, &s->io);
        (void) close(s->io.fd);
}

void server_script(struct server *s, const struct step *steps, size_t n_steps) {
        s->steps = steps;
        s->n_steps = n_steps;
        s->at = 0;
}

unsigned server_go_on(struct server *s) {
        struct connection *next;
        unsigned n = 0;

        for (struct connection *c = s->connections; c; c = next) {
                const struct step *step = STEAL_PTR(c->held);

                next = c->next;
                if (!step)
                        continue;
                n++;
                connection_do(c, step);
        }
        return n;
}

void server_hang_up(struct server *s) {
        while (s->connections)
                connection_close(s->connections);
}
