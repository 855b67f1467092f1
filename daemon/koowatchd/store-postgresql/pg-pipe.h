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

/* As store_reach_fn. */
typedef void (*pg_reach_fn)(void *userdata, int error);

/* As store_module_open_fn. */
int pg_pipe_new(const struct store_module_settings *settings, pg_reach_fn on_reach, void *userdata,
                struct pg_pipe **ret, char **ret_name, char **ret_problem);
/* Without further callbacks. Accepts NULL. */
void pg_pipe_free(struct pg_pipe *pipe);
DEFINE_CLEANUP(struct pg_pipe *, pg_pipe_free)

/*
 * Takes the job over. While the server cannot be reached an impatient one ends at once, before
 * this returns.
 */
void pg_pipe_submit(struct pg_pipe *pipe, struct pg_job *job);

/* In words, the last failure; "" before one. */
const char *pg_pipe_error(const struct pg_pipe *pipe);
/* Nothing waits for an answer. */
bool pg_pipe_is_idle(const struct pg_pipe *pipe);
