#pragma once
/*
 * Control: what an administrator may ask and do, by method name
 */
#include <json-c/json_types.h>

#include "common/util.h"
#include "koowatchd/bus/bus-call.h"

struct account;
struct accounts;
struct control;

struct control_modules {
        struct accounts *accounts;
};

/*
 * Reads the configuration again. Returns 0, -EBADMSG when it has errors, or another negative
 * errno. *ret_fault, which the caller owns: the first one in words, or NULL.
 */
typedef int (*control_reload_fn)(void *userdata, char **ret_fault);

/* modules: borrowed, what is in it. Returns 0 or -ENOMEM. */
int control_new(const struct control_modules *modules, struct control **ret);
/* Accepts NULL. */
void control_free(struct control *control);
DEFINE_CLEANUP(struct control *, control_free)

void control_set_reload(struct control *control, control_reload_fn reload, void *userdata);

/* A bus_call_fn; userdata: the control. */
void control_call(void *userdata, const char *method, struct bus_call *call);

/* Arguments of AccountChanged. NULL when memory is short. */
json_object *control_account_signal(const struct account *account);
