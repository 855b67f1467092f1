#pragma once
/*
 * PostgreSQL session: that this node is heard of, and which accounts it has
 *
 * Owns the heartbeat, the end of the trust in it, and the look every few seconds at what the other
 * nodes have left. That a look is due sooner is what notifications are for; all works without.
 */
#include "koowatchd/loop/timer.h"
#include "koowatchd/store-postgresql/pg-error.h"
#include "koowatchd/store-postgresql/pg-lease.h"
#include "koowatchd/store/fleet.h"

struct pg_pipe;

struct pg_session {
        struct timers *timers;
        struct pg_pipe *pipe;      /* borrowed; all that is asked of the server goes through it */
        const struct store *store; /* whose on_reach is told of the end where nobody handles it */
        struct fleet_handler handler;
        bool has_handler;

        struct pg_lease lease;
        struct timer beat, look, tell;
        bool has_begun, is_over, is_leaving;
        bool is_beating, is_looking;
        bool has_failed; /* the last beat: with an error, of which the pipe knows the words */
        bool look_again; /* what the look under way brings is not up to date */
        bool has_looked; /* is to be told, as what follows */
        bool told_begun, told_over;
        usec_t looked; /* clock_boot() of the last look */
        char why[PG_ERROR_MAX];

        struct served *served;
        size_t n_served;
};

/* Its first three members are set. Returns 0 or -ENOMEM. To be closed in any case. */
int pg_session_open(struct pg_session *session);
void pg_session_close(struct pg_session *session);

/* As those of struct pg_pipe_handler. */
void pg_session_ready(struct pg_session *session, usec_t asked);
void pg_session_notified(struct pg_session *session);
void pg_session_over(struct pg_session *session, const char *why);

/* As the functions of fleet.h. */
void pg_session_set_handler(struct pg_session *session, const struct fleet_handler *handler);
int pg_session_serve(struct pg_session *session, const char *const accounts[], size_t n);
void pg_session_leave(struct pg_session *session, store_done_fn on_done, void *userdata);
