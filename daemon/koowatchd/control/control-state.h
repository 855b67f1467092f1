#pragma once
/*
 * Control state: what the methods work with, for the modules that carry them out
 */
#include "koowatchd/control/control-modules.h"
#include "koowatchd/control/pending.h"

struct config;

struct control {
        struct control_modules with;
        control_reload_fn reload;
        void *reload_userdata;
        const struct config *config; /* borrowed; NULL: none yet */
        char *task_directories;      /* colon-separated, as they are configured; owned */
        char *state_tasks;           /* STATE/tasks.d; owned */
        struct pendings pendings;
};

/* Unavailable, with what error (a negative errno) means: of the store, or of memory. */
void control_fail(const struct control *control, struct bus_call *call, int error);
void control_fail_pending(const struct control *control, struct pending *pending, int error);

/*
 * The name in the first argument; NULL: there is none that a task can have, and the call has been
 * answered so. Borrowed from the call.
 */
const char *control_task_name(struct bus_call *call);
