#include "koowatchd/task/past-durations.h"

#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/util.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/account/learnt-durations.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/outcome.h"
#include "koowatchd/store/store.h"

#define EVENTS_MAX 200           /* of all accounts */
#define BODY_MAX (size_t) 262144 /* a longer one takes longer to read than it is worth */

/* Which answer was the last before the end is not stored: it counts as if it had come then. */
static void learn(struct account *account, json_object *event) {
        usec_t registered = event_time(event, "registeredAt");
        usec_t took = event_time(event, "finishedAt") - registered;
        int type = koodrive_answer_type(json_get_object(event, "answer"));

        if (registered >= 0 && took > 0)
                learnt_durations_add(account_learnt(account, type), took, took);
}

static bool counts(json_object *event) {
        const char *outcome = event_string(event, "outcome");

        return outcome && streq(outcome, outcome_name(OUTCOME_COMPLETED)) &&
               event_result(event) != KOODRIVE_RESULT_FAILED && event_integer(event, "polls") > 1;
}

static void on_row(void *userdata, const char *body) {
        CLEANUP(json_object_putp) json_object *event = NULL;
        struct account *account;
        const char *name;

        if (strlen(body) > BODY_MAX || event_parse(body, &event) < 0 || !counts(event))
                return;
        name = event_string(event, "account");
        account = name ? accounts_find(userdata, name) : NULL;
        if (account)
                learn(account, event);
}

/* Nothing depends on it. */
static void on_end(void *userdata, int error) {
        (void) userdata;
        if (error < 0)
                log_notice("cannot read from the store how long tasks have taken, learning it "
                           "again");
}

void past_durations_load(struct store *store, struct accounts *accounts) {
        store_each_latest(store, EVENTS_MAX, on_row, on_end, accounts);
}
