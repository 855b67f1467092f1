#include "koowatchctl/status.h"

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/nearest.h"
#include "koowatchctl/status-screen.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"

#define MONITOR_PATIENCE (8 * USEC_SEC) /* Nagios waits for ten */

const struct option_row status_options[] = {
        {"monitor", NULL, N_("one line for Nagios or Icinga; exit 0 to 3"), 0, false},
        {},
};

/* Adds the entries of List with that delivery. */
static int add_deliveries(const struct ctl *ctl, const char *delivery, json_object *to,
                          struct failure *failure) {
        CLEANUP(json_object_putp)
        json_object *filter = ctl_object("delivery", json_object_new_string(delivery));
        CLEANUP(json_object_putp) json_object *found = NULL;

        if (client_list(ctl->client, "List", filter, &found, failure) < 0)
                return -1;
        for (size_t i = 0; i < json_object_array_length(found); i++)
                (void) json_object_array_add(to,
                                             json_object_get(json_object_array_get_idx(found, i)));
        return 0;
}

static int read_status(const struct ctl *ctl, bool brief, json_object **ret,
                       struct failure *failure) {
        CLEANUP(json_object_putp) json_object *status = NULL;
        CLEANUP(json_object_putp) json_object *accounts = NULL;
        CLEANUP(json_object_putp) json_object *deliveries = json_object_new_array();
        json_object *properties = NULL;

        if (client_properties(ctl->client, &properties, failure) < 0)
                return -1;
        status = ctl_object("properties", properties);
        if (client_accounts(ctl->client, &accounts, failure) < 0)
                return -1;
        if (!brief && (add_deliveries(ctl, "parked", deliveries, failure) < 0 ||
                       add_deliveries(ctl, "waiting", deliveries, failure) < 0))
                return -1;
        (void) json_object_object_add(status, "accounts", STEAL_PTR(accounts));
        if (!brief)
                (void) json_object_object_add(status, "deliveries", STEAL_PTR(deliveries));
        *ret = STEAL_PTR(status);
        return 0;
}

/* Nagios reads standard output and the exit status, whatever happens. */
static int monitor(const struct ctl *ctl) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *status = NULL;
        int verdict;

        language_stop();
        client_limit(ctl->client, MONITOR_PATIENCE);
        if (read_status(ctl, true, &status, &failure) < 0) {
                (void) fputs("KOOWATCH UNKNOWN - ", stdout);
                text_put_plain(stdout, failure.text);
                (void) putchar('\n');
                (void) ctl_end();
                return MONITOR_UNKNOWN;
        }
        verdict = status_screen_monitor(stdout, status);
        return ctl_end() == EXIT_DONE ? verdict : MONITOR_UNKNOWN;
}

/* The properties with the first letter of each in lower case, and what goes with them. */
static json_object *status_as_json(json_object *status) {
        json_object *object = json_object_new_object();

        if (!object)
                return NULL;
        json_object_object_foreach(json_object_object_get(status, "properties"), key, value) {
                CLEANUP(freep) char *name = strdup(key);

                if (!name)
                        continue;
                if (*name >= 'A' && *name <= 'Z')
                        *name = (char) (*name - 'A' + 'a');
                (void) json_object_object_add(object, name, json_object_get(value));
        }
        json_object_object_foreach(status, other, list) {
                if (!streq(other, "properties"))
                        (void) json_object_object_add(object, other, json_object_get(list));
        }
        return object;
}

int status_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *status = NULL;

        if (options_has(options, "monitor") && ctl->json != JSON_NONE)
                return ctl_usage(ctl, _("--monitor goes without --json"));
        if (options_has(options, "monitor"))
                return monitor(ctl);
        if (read_status(ctl, false, &status, &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, status_as_json(status));
        status_screen_print(stdout, &ctl->look, status);
        return ctl_end();
}

int is_ok_run(struct ctl *ctl, UNUSED const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *properties = NULL;
        json_object *trouble;
        bool ok;

        if (client_properties(ctl->client, &properties, &failure) < 0) {
                int code = ctl_fail(ctl, &failure);

                return failure_is(&failure, "NotRunning") ? EXIT_NOT_RUNNING : code;
        }
        trouble = json_object_object_get(properties, "Trouble");
        ok = !trouble || json_object_array_length(trouble) == 0;
        if (ctl->json != JSON_NONE) {
                json_object *object = ctl_object("ok", json_object_new_boolean(ok));

                if (object)
                        (void) json_object_object_add(object, "trouble",
                                                      trouble ? json_object_get(trouble)
                                                              : json_object_new_array());
                return ctl_json(ctl, object) == EXIT_DONE && ok ? EXIT_DONE : EXIT_ERROR;
        }
        for (size_t i = 0; !ok && i < json_object_array_length(trouble); i++) {
                text_put_plain(stdout,
                               json_object_get_string(json_object_array_get_idx(trouble, i)));
                (void) putchar('\n');
        }
        return ctl_end() == EXIT_DONE && ok ? EXIT_DONE : EXIT_ERROR;
}

static json_object *find_account(json_object *accounts, const char *name) {
        for (size_t i = 0; i < json_object_array_length(accounts); i++) {
                json_object *account = json_object_array_get_idx(accounts, i);

                if (streq(task_text(account, "name"), name))
                        return account;
        }
        return NULL;
}

static int print_one(const struct ctl *ctl, json_object *accounts, const char *name) {
        CLEANUP(failure_clear) struct failure failure = {};
        json_object *account = find_account(accounts, name);
        const char *nearest;

        if (!account) {
                nearest = nearest_name(name, accounts);
                (void) (nearest ? failure_set(&failure, "NotFound",
                                              _("no account %s; did you mean %s?"), name, nearest)
                                : failure_set(&failure, "NotFound", _("no account %s"), name));
                return ctl_fail(ctl, &failure);
        }
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("account", json_object_get(account)));
        status_screen_account(stdout, &ctl->look, account);
        return ctl_end();
}

int account_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *accounts = NULL;

        if (client_accounts(ctl->client, &accounts, &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (options->n_arguments > 0)
                return print_one(ctl, accounts, options->arguments[0]);
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("accounts", json_object_get(accounts)));
        status_screen_accounts(stdout, &ctl->look, accounts);
        return ctl_end();
}
