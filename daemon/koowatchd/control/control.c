#include "koowatchd/control/control.h"

#include <errno.h>
#include <json-c/json.h>

#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"

DEFINE_CLEANUP(json_object *, json_object_put)

struct control {
        struct control_modules modules;
        control_reload_fn reload;
        void *reload_userdata;
};

/* ---- views ---- */

/* Takes value over. Each returns false when memory is short. */
static bool append(json_object *array, json_object *value) {
        if (value && json_object_array_add(array, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static bool add(json_object *object, const char *key, json_object *value) {
        if (value && json_object_object_add(object, key, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static bool add_string(json_object *object, const char *key, const char *value) {
        return str_empty(value) || add(object, key, json_object_new_string(value));
}

static json_object *account_view(const struct account *account) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();

        if (!view || !add_string(view, "name", account_name(account)) ||
            !add_string(view, "state", account_state_name(account_state(account))) ||
            !add_string(view, "reason", account_reason(account)))
                return NULL;
        return STEAL_PTR(view);
}

json_object *control_account_signal(const struct account *account) {
        CLEANUP(json_object_putp) json_object *arguments = json_object_new_array();

        if (!arguments || !append(arguments, account_view(account)))
                return NULL;
        return STEAL_PTR(arguments);
}

/* ---- methods ---- */

static json_object *view_accounts(const struct control *c) {
        const size_t n = accounts_list(c->modules.accounts, NULL, 0);
        CLEANUP(freep) struct account **accounts = calloc(n + 1, sizeof(struct account *));
        CLEANUP(json_object_putp) json_object *result = json_object_new_array();
        json_object *views = json_object_new_array();

        if (!accounts || !result || !append(result, views))
                return NULL;
        (void) accounts_list(c->modules.accounts, accounts, n);
        for (size_t i = 0; i < n; i++)
                if (!append(views, account_view(accounts[i])))
                        return NULL;
        return STEAL_PTR(result);
}

static void list_accounts(struct control *c, struct bus_call *call) {
        bus_call_reply(call, view_accounts(c));
}

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
                {"ListAccounts", list_accounts},
                {"Reload", reload},
        };

        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                if (streq(method, methods[i].name)) {
                        methods[i].fn(userdata, call);
                        return;
                }
        }
        bus_call_fail(call, BUS_UNAVAILABLE, "%s is not there yet", method);
}

/* ---- the whole ---- */

int control_new(const struct control_modules *modules, struct control **ret) {
        struct control *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->modules = *modules;
        *ret = c;
        return 0;
}

void control_free(struct control *c) {
        free(c);
}

void control_set_reload(struct control *c, control_reload_fn fn, void *userdata) {
        c->reload = fn;
        c->reload_userdata = userdata;
}
