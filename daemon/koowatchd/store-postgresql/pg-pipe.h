#pragma once
/*
 * PostgreSQL pipe: jobs on their way to the server and back, in order
 *
 * Reads are sent without waiting for the answers to those before them, and a write is one
 * transaction, behind which all else waits. Owns the connection: what is under way when that is
 * lost is asked again, or fails.
 */
#include "koowatchd/store-postgresql/pg-job.h"
#include "koowatchd/store/store-module.h"

struct pg_pipe;

struct pg_pipe_handler {
        store_reach_fn on_reach;
        /* There is a connection, before anything is sent: as that of pg_connection_handler. */
        void (*on_ready)(void *userdata, usec_t asked);
        /* Another node has done something. */
        void (*on_notified)(void *userdata);
        /* It has been stopped, as the session is over. What has not ended yet fails after that. */
        void (*on_over)(void *userdata, const char *why);
        void *userdata;
};

/* As store_module_open_fn. */
int pg_pipe_new(const struct store_module_settings *settings, const struct pg_pipe_handler *handler,
                struct pg_pipe **ret, char **ret_name, char **ret_problem);
/* Without further callbacks. Accepts NULL. */
void pg_pipe_free(struct pg_pipe *pipe);
DEFINE_CLEANUP(struct pg_pipe *, pg_pipe_free)

/*
 * Takes the job over. While the server cannot be reached an impatient one ends at once, before
 * this returns.
 */
void pg_pipe_submit(struct pg_pipe *pipe, struct pg_job *job);
/* Likewise, before all that has not been sent. */
void pg_pipe_submit_first(struct pg_pipe *pipe, struct pg_job *job);
/* The session is over: nothing is sent or received from now on. */
void pg_pipe_stop(struct pg_pipe *pipe, const char *why);

/* In words, the last failure; "" before one. */
const char *pg_pipe_error(const struct pg_pipe *pipe);
/* Nothing waits for an answer. */
bool pg_pipe_is_idle(const struct pg_pipe *pipe);
