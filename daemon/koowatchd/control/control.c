#include "koowatchd/control/control.h"

#include <errno.h>

#include "common/json.h"
#include "koowatchd/account/account.h"
#include "koowatchd/control/account-list.h"
#include "koowatchd/control/account-view.h"
#include "koowatchd/control/add-task.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/history.h"
#include "koowatchd/control/nodes.h"
#include "koowatchd/control/orders.h"
#include "koowatchd/control/poll-task.h"
#include "koowatchd/control/task-get.h"
#include "koowatchd/control/task-list.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/task.h"

json_object *control_account_signal(const struct account *account) {
        return build_reply_of(view_of_account(account));
}

/* ---- for the methods ---- */

static const char *error_text(const struct control *c, int error) {
        const char *text = error == -ENOMEM ? "" : store_error(c->with.store);

        return *text ? text : strerror(-error);
}

void control_fail(const struct control *c, struct bus_call *call, int error) {
        bus_call_fail(call, BUS_UNAVAILABLE, "%s", error_text(c, error));
}

void control_fail_pending(const struct control *c, struct pending *pending, int error) {
        pending_fail(pending, BUS_UNAVAILABLE, "%s", error_text(c, error));
}

const char *control_task_name(struct bus_call *call) {
        json_object *argument = json_object_array_get_idx(bus_call_arguments(call), 0);
        const char *name = json_is_text(argument) ? json_object_get_string(argument) : "";

        if (task_name_is_valid(name))
                return name;
        bus_call_fail(call, BUS_INVALID,
                      "a task's name is 1 to 128 of A-Z a-z 0-9 . _ @ - without a leading dot");
        return NULL;
}

/* ---- small methods ---- */

static void reload(struct control *c, struct bus_call *call) {
        CLEANUP(freep) char *fault = NULL;
        int r = c->reload(c->reload_userdata, &fault);

        if (r < 0)
                bus_call_fail(call, r == -EBADMSG ? BUS_INVALID : BUS_UNAVAILABLE, "%s",
                              fault ? fault : strerror(-r));
        else
                bus_call_reply(call, NULL);
}

void control_call(void *userdata, const char *method, struct bus_call *call) {
        static const struct {
                const char *name;
                void (*fn)(struct control *control, struct bus_call *call);
        } methods[] = {
                {"Add", add_task},         {"Dismiss", dismiss_begin},
                {"Get", task_get_begin},   {"History", history_begin},
                {"List", task_list_begin}, {"ListAccounts", account_list_begin},
                {"Nodes", nodes_begin},    {"Poll", poll_task_begin},
                {"Reload", reload},        {"Redeliver", redeliver_begin},
                {"Remove", remove_task},
        };

        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                if (streq(method, methods[i].name)) {
                        methods[i].fn(userdata, call);
                        return;
                }
        }
        bus_call_fail(call, BUS_UNAVAILABLE, "%s is not there", method);
}

/* ---- the whole ---- */

int control_new(const struct control_modules *modules, struct control **ret) {
        struct control *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->with = *modules;
        *ret = c;
        return 0;
}

void control_free(struct control *c) {
        if (!c)
                return;
        pendings_end(&c->pendings);
        free(c->task_directories);
        free(c->state_tasks);
        free(c);
}

void control_set_reload(struct control *c, control_reload_fn fn, void *userdata) {
        c->reload = fn;
        c->reload_userdata = userdata;
}

void control_set_config(struct control *c, const struct config *config) {
        c->config = config;
}

int control_set_directories(struct control *c, const char *task_directories,
                            const char *state_tasks) {
        int r = str_replace(&c->task_directories, task_directories);

        return r < 0 ? r : str_replace(&c->state_tasks, state_tasks);
}
