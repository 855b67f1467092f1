#pragma once
/*
 * Runner: hands one event to koowatch-hook and follows what it says
 *
 * koowatch-hook is reached through its socket, where systemd starts an instance
 * for each connection, or is spawned with a socket pair as stdin and stdout. The
 * protocol is the same: the event goes in as one JSON line; out come lines for
 * ready or busy, for each hook's start and end, and done. With other nodes, lines
 * that say until when hooks may run follow the event.
 */
#include <ev.h>
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/util.h"
#include "koowatchd/loop/timer.h"

struct event_attempt;
struct hook_end;
struct runner;

enum runner_outcome {
        RUNNER_DONE,   /* all hooks have run; their ends say how well */
        RUNNER_FAILED, /* it died on the way: an attempt */
        RUNNER_LATER,  /* nobody there in time, or another instance has the event: no attempt */
};

struct runner_handler {
        void (*on_hook_start)(void *userdata, const char *hook);
        void (*on_hook_end)(void *userdata, const struct hook_end *end);
        /* The run is over and freed after the call. */
        void (*on_end)(void *userdata, enum runner_outcome outcome);
};

/*
 * setting: "auto" (the default socket if it can be used now, else spawn), "spawn" or a
 * socket's path. config_path is handed to a spawned runner (NULL: none); lock_directory is where
 * it keeps its locks (its RUNTIME_DIRECTORY). loop must be the default loop, for the
 * children. timers is borrowed. Returns 0 or a negative errno.
 */
int runner_new(struct ev_loop *loop, struct timers *timers, const char *setting,
               const char *config_path, const char *lock_directory, struct runner **ret);
/* Kills what still runs, without calling back; of a fleet, ends it. Accepts NULL. */
void runner_free(struct runner *runner);
DEFINE_CLEANUP(struct runner *, runner_free)

/* What this node is for, as event_runs_on() has them; copied. Without it: no labels. 0 or -ENOMEM.
 */
int runner_set_labels(struct runner *runner, const char *labels);
/* Whether its hooks may be run on this node. */
bool runner_may_run(const struct runner *runner, json_object *event);

/* Of a fleet: what the hooks are told, and when they are to end. */
struct runner_fleet {
        const char *node; /* this one's name */
        /*
         * Until when hooks may run, on clock_boot(), asked every few seconds. Those whose runner
         * has not heard of a later time then, because this process has stopped or lost the
         * session, get SIGTERM, and 5 s later SIGKILL; as they do when this process has gone.
         */
        usec_t (*run_until)(void *userdata);
        void *userdata;
};

/* Before the first run. Without it hooks go on when this process has gone. 0 or -ENOMEM. */
int runner_set_fleet(struct runner *runner, const struct runner_fleet *fleet);
/* Puts node and time of a run that is to start into the attempt; node is the runner's. */
void runner_complete_attempt(const struct runner *runner, struct event_attempt *attempt);

/* Whether it never starts a program itself. */
bool runner_is_remote(const struct runner *runner);
/* How it reaches koowatch-hook, in words. */
const char *runner_describe(const struct runner *runner);

/*
 * Starts a run; line is the event with its newline (copied). userdata is for the
 * handler's calls. Returns 0, or a negative errno when there is no memory or no
 * process to be had: later.
 */
int runner_start(struct runner *runner, const char *line, size_t length,
                 const struct runner_handler *handler, void *userdata);

/*
 * Ends all runs, without a call: spawned runners are asked to end their hooks, the connection to
 * others is closed, which ends the hooks in a fleet. Others may be started after it.
 */
void runner_stop(struct runner *runner);
/* Whether spawned runners are left that have not ended yet. */
bool runner_is_busy(const struct runner *runner);
