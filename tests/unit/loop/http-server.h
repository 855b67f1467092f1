#pragma once
/*
 * A server in the test's own loop, which answers as it is told
 *
 * Each request that has come in whole takes the next step of a script. Nothing is parsed
 * but Content-Length.
 */
#include "unit/loop-until.h"

struct step {
        const char *say; /* NULL: nothing */
        size_t length;   /* 0: all of say */
        bool close;      /* afterwards */
        bool hold;       /* until server_go_on() */
};

struct server {
        struct ev_loop *loop;
        ev_io io;
        char url[64];
        const struct step *steps;
        size_t at, n_steps;
        unsigned accepted, open, requests; /* connections so far, and now; whole requests */
        struct connection *connections;
        char last[4096]; /* request, cut */
};

/* Listens on a port of its own. */
void server_start(struct server *server, struct ev_loop *loop);
void server_stop(struct server *server);
void server_script(struct server *server, const struct step *steps, size_t n_steps);
/* Does what was held back; returns for how many requests. */
unsigned server_go_on(struct server *server);
/* Closes all connections. */
void server_hang_up(struct server *server);
