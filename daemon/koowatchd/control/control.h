#pragma once
/*
 * Control: what an administrator may ask and do, by method name
 */
#include <json-c/json_types.h>

#include "common/util.h"
#include "koowatchd/bus/bus-call.h"
#include "koowatchd/control/control-modules.h"

struct account;
struct config;
struct control;

/* Copies modules. Returns 0 or -ENOMEM. */
int control_new(const struct control_modules *modules, struct control **ret);
/* Answers all calls that are left. Accepts NULL. */
void control_free(struct control *control);
DEFINE_CLEANUP(struct control *, control_free)

void control_set_reload(struct control *control, control_reload_fn reload, void *userdata);
/* What is in effect, borrowed until the next call. */
void control_set_config(struct control *control, const struct config *config);
/*
 * Where task files are read, colon-separated, and STATE/tasks.d, where they are written. Copied.
 * Returns 0 or -ENOMEM.
 */
int control_set_directories(struct control *control, const char *task_directories,
                            const char *state_tasks);

/* A bus_call_fn; userdata: the control. */
void control_call(void *userdata, const char *method, struct bus_call *call);

/* Arguments of AccountChanged. NULL when memory is short. */
json_object *control_account_signal(const struct account *account);
