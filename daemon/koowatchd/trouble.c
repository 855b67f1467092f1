#include "koowatchd/trouble.h"

#include <json-c/json_object.h>
#include <stdarg.h>

#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/commit.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/membership.h"
#include "koowatchd/poll/poller.h"

/* For so long a delivery may fail before somebody should look. */
#define FAILING_MAX USEC_HOUR

/* ---- sentences ---- */

/* An array of them; NULL from when memory was short. */
static void say(json_object **trouble, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(json_object **trouble, const char *format, ...) {
        CLEANUP(freep) char *text = NULL;
        json_object *string = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                text = NULL;
        va_end(args);
        if (text)
                string = json_object_new_string(text);
        if (*trouble && string && json_object_array_add(*trouble, string) == 0)
                return;
        json_object_put(string);
        json_object_put(STEAL_PTR(*trouble));
}

static void say_store(json_object **trouble, const struct commit *commit) {
        if (commit_state(commit) == COMMIT_FAILING)
                say(trouble, "the store is not writable, outcomes wait");
        if (commit_state(commit) == COMMIT_SILENT)
                say(trouble, "the store does not answer, outcomes wait");
        if (commit_state(commit) == COMMIT_UNREACHABLE)
                say(trouble, "the store cannot be reached, outcomes wait");
}

/* Where the store cannot be reached that says more. */
static void say_session(json_object **trouble, const struct trouble_sources *from) {
        if (from->membership && !membership_has_session(from->membership) &&
            commit_state(from->commit) == COMMIT_OK)
                say(trouble, "this node has no session in the database, it polls nothing");
}

static void say_left(json_object **trouble, const struct account *account) {
        say(trouble, "no node polls account %s%s", account_name(account),
            account_secret(account) ? "" : ", this one has no token for it");
}

/* Returns how many are not ok. */
static unsigned say_accounts(json_object **trouble, const struct trouble_sources *from) {
        const size_t n = accounts_list(from->accounts, NULL, 0);
        CLEANUP(freep) struct account **all = calloc(n + 1, sizeof(struct account *));
        unsigned failing = 0;

        if (!all) {
                json_object_put(STEAL_PTR(*trouble));
                return 0;
        }
        (void) accounts_list(from->accounts, all, n);
        for (size_t i = 0; i < n; i++) {
                if (membership_is_left(from->membership, all[i]))
                        say_left(trouble, all[i]);
                if (account_state(all[i]) == ACCOUNT_OK)
                        continue;
                failing++;
                say(trouble, "account %s %s: %s", account_name(all[i]),
                    account_state_name(account_state(all[i])), account_reason(all[i]));
        }
        return failing;
}

static void on_directory(void *userdata, const char *path, const char *trouble) {
        say(userdata, "task directory %s %s", path, trouble);
}

static void say_tasks(json_object **trouble, const struct trouble_sources *from) {
        const char *hook_problem = registry_hook_problem(from->registry);
        const unsigned invalid = from->tasks.invalid;

        if (invalid > 0)
                say(trouble, "%u invalid task file%s%s%s", invalid, invalid == 1 ? "" : "s",
                    from->invalid ? ": " : "", from->invalid ? from->invalid : "");
        registry_each_directory_trouble(from->registry, on_directory, trouble);
        if (hook_problem)
                say(trouble, "%s", hook_problem);
}

static void say_deliveries(json_object **trouble, const struct trouble_sources *from, usec_t now) {
        const unsigned failing = deliveries_count(from->deliveries).failing;

        if (from->parked > 0)
                say(trouble, "%u deliver%s given up", from->parked,
                    from->parked == 1 ? "y was" : "ies were");
        if (deliveries_failing_for(from->deliveries, now) < FAILING_MAX)
                return;
        if (failing == 1)
                say(trouble, "1 delivery is failing, for over an hour");
        else
                say(trouble, "%u deliveries are failing, at least one of them for over an hour",
                    failing);
}

/* ---- all of them ---- */

json_object *trouble_list(const struct trouble_sources *from, usec_t now,
                          unsigned *ret_accounts_failing) {
        json_object *trouble = json_object_new_array();
        usec_t lag;
        const struct account *late = poller_overloaded(from->poller, now, &lag);

        if (from->config_error)
                say(&trouble, "the configuration has errors, the old one is in effect");
        say_store(&trouble, from->commit);
        say_session(&trouble, from);
        *ret_accounts_failing = say_accounts(&trouble, from);
        say_tasks(&trouble, from);
        say_deliveries(&trouble, from, now);
        if (lag >= TROUBLE_LAG_MIN)
                say(&trouble, "polling of account %s is behind", account_name(late));
        return trouble;
}
