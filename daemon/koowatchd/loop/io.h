#pragma once
/*
 * Input and output: what libev leaves to its users
 */
#include <ev.h>

/*
 * For a callback with EV_ERROR: epoll had no memory for the descriptor, and libev has stopped the
 * watcher. Set anew, so that libev takes it for a change and tries again.
 */
static inline void io_start_again(struct ev_loop *loop, ev_io *io) {
        ev_io_stop(loop, io);
        ev_io_set(io, io->fd, io->events & (EV_READ | EV_WRITE));
        ev_io_start(loop, io);
}
