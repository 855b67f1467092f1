#include "koowatchctl/check-online.h"

#include <errno.h>
#include <time.h>

#include "common/json.h"
#include "common/util.h"
#include "koowatchctl/check-run.h"
#include "koowatchctl/client.h"
#include "koowatchctl/language.h"
#include "koowatchctl/task-text.h"

/* A request takes 30 s at most, and waits for a turn before. */
#define PATIENCE (40 * USEC_SEC)
#define PAUSE (200 * USEC_MSEC)

static void add(json_object *faults, bool is_error, const char *account, const char *what) {
        CLEANUP(freep) char *text = str_printf(_("account %s: %s"), account, what);

        check_add(faults, is_error, NULL, 0, text ? text : what);
}

/* One of its tasks that is watched; NULL: there is none, or it cannot be told. */
static char *find_task(struct client *client, const char *account, struct failure *failure) {
        static const char *const states[] = {"running", "pending"};

        for (size_t i = 0; i < ARRAY_LEN(states); i++) {
                CLEANUP(json_object_putp) json_object *filter = json_object_new_object();
                CLEANUP(json_object_putp) json_object *page = NULL;
                CLEANUP(freep) char *next = NULL;

                if (!filter ||
                    json_object_object_add(filter, "account", json_object_new_string(account)) <
                            0 ||
                    json_object_object_add(filter, "state", json_object_new_string(states[i])) <
                            0 ||
                    client_page(client, "List", filter, "", 1, &page, &next, failure) < 0)
                        return NULL;
                if (json_object_array_length(page) > 0)
                        return strdup(task_text(json_object_array_get_idx(page, 0), "name"));
        }
        return NULL;
}

/* Of the account; NULL: it is not there any more. */
static json_object *find_account(json_object *accounts, const char *name) {
        for (size_t i = 0; i < json_object_array_length(accounts); i++) {
                json_object *account = json_object_array_get_idx(accounts, i);

                if (streq(task_text(account, "name"), name))
                        return account;
        }
        return NULL;
}

/* Whether the account is not ok, which is added. */
static bool is_failing(struct client *client, const char *name, json_object *faults,
                       struct failure *failure) {
        CLEANUP(json_object_putp) json_object *accounts = NULL;
        CLEANUP(freep) char *text = NULL;
        json_object *account;

        if (client_accounts(client, &accounts, failure) < 0)
                return false;
        account = find_account(accounts, name);
        if (!account || streq(task_text(account, "state"), "ok"))
                return false;
        text = str_printf("%s: %s", task_text(account, "state"), task_text(account, "reason"));
        add(faults, true, name, text ? text : task_text(account, "state"));
        return true;
}

/* Whether there was an answer about the task since it had so many, or it has ended; or -1. */
static int is_answered(struct client *client, const char *task, int64_t polls, json_object *faults,
                       const char *account, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *now = NULL;

        if (client_get(client, task, &now, failure) < 0)
                return -1;
        if (task_number(now, "polls") > polls || streq(task_text(now, "state"), "finished"))
                return 1;
        if (*task_text(now, "reason") == '\0')
                return 0;
        add(faults, false, account, task_text(now, "reason")); /* of the task, not the account */
        return 1;
}

/* Has a task polled, and sees what comes of it. Returns 0 or -1. */
static int ask(struct client *client, const char *account, const char *task, json_object *faults,
               struct failure *failure) {
        const struct timespec pause = {.tv_nsec = PAUSE * 1000};
        CLEANUP(json_object_putp) json_object *before = NULL;
        const usec_t end = usec_add(clock_running(), PATIENCE);
        int r;

        if (client_get(client, task, &before, failure) < 0 ||
            client_act(client, "Poll", task, failure) < 0)
                return -1;
        while (clock_running() < end) {
                if (is_failing(client, account, faults, failure))
                        return 0;
                r = is_answered(client, task, task_number(before, "polls"), faults, account,
                                failure);
                if (r != 0)
                        return MIN(r, 0);
                (void) nanosleep(&pause, NULL);
        }
        add(faults, true, account, _("no answer from KooDrive within 40 s"));
        return 0;
}

static void check_account(struct client *client, const char *name, json_object *faults) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(freep) char *task = find_task(client, name, &failure);

        if (!task && !failure.text) {
                if (!is_failing(client, name, faults, &failure))
                        add(faults, false, name,
                            _("no task of it is watched, so KooDrive was not asked"));
                return;
        }
        if (!task || ask(client, name, task, faults, &failure) < 0)
                add(faults, true, name, failure.text ? failure.text : strerror(ENOMEM));
}

int check_online(struct client *client, json_object *faults, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *accounts = NULL;

        if (client_accounts(client, &accounts, failure) < 0)
                return -1;
        for (size_t i = 0; i < json_object_array_length(accounts); i++) {
                json_object *account = json_object_array_get_idx(accounts, i);

                if (json_get_bool(account, "configured"))
                        check_account(client, task_text(account, "name"), faults);
        }
        return 0;
}
