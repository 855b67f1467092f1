#pragma once
/*
 * A fleet in one process: nodes, each a core, over one fake store
 *
 * All of them live in one time, and are looked after in turns.
 */
#include "unit/core-fixture.h"

#define FLEET_MAX 3
#define FLEET_LOOK (3 * USEC_SEC) /* on_look() comes so often */

struct fleet {
        struct core *nodes[FLEET_MAX];
        unsigned n;
        usec_t next_look;
};

/* Nodes "a", "b", ..., started, each with a session and without accounts. */
void fleet_open(struct fleet *fleet, unsigned n);
void fleet_close(struct fleet *fleet);

/* All that is asked of the store is answered, and what follows from that. */
void fleet_settle(struct fleet *fleet);
/* Time passes; directories are not read. */
void fleet_pass(struct fleet *fleet, usec_t span);
/* The node's directories are read, and all hear of it. */
void fleet_scan(struct fleet *fleet, struct core *node);
/* The node has the account, and knows all files of it. */
void fleet_give(struct fleet *fleet, struct core *node, const char *account);
/* The node is killed, others see that its session is over, and it is started again, without one. */
void fleet_restart(struct fleet *fleet, struct core *node);
/* It begins a session. */
void fleet_begin(struct fleet *fleet, struct core *node);
/* A request about the task is answered as core_answer() does. */
void fleet_answer(struct fleet *fleet, struct core *node, const char *task_id, int status);
/* Ends all runs of hooks, and what follows from that. */
void fleet_run_hooks(struct fleet *fleet);

/* What the store has of the file; NULL: nothing. */
const struct store_source *fleet_source(struct core *node, const char *directory, const char *name);
