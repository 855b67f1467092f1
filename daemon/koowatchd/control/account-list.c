#include "koowatchd/control/account-list.h"

#include <errno.h>

#include "common/index.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/control/account-view.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/slice.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"

#define PARTS_AT_ONCE 64

struct account_count {
        struct account *account; /* stays as long as the accounts do */
        int64_t tasks;
};

struct account_list {
        struct pending pending;
        struct slice slice;
        struct control *control;
        struct account_count *counts;
        size_t n;
        unsigned part; /* of the walk */
};

static void list_free(struct pending *pending) {
        struct account_list *l = container_of(pending, struct account_list, pending);

        slice_close(&l->slice);
        free(l->counts);
        free(l);
}

static void on_task(void *userdata, const struct task_brief *task) {
        struct account_list *l = userdata;

        for (size_t i = 0; i < l->n && task->account; i++)
                if (streq(account_name(l->counts[i].account), task->account))
                        l->counts[i].tasks++;
}

static json_object *make_result(const struct account_list *l) {
        CLEANUP(json_object_putp) json_object *views = json_object_new_array();

        if (!views)
                return NULL;
        for (size_t i = 0; i < l->n; i++) {
                json_object *view = view_of_account_details(
                        l->control->with.accounts, l->control->with.poller, l->counts[i].account);

                if (!build_append(views, view) ||
                    !build_add_integer(view, "tasks", l->counts[i].tasks))
                        return NULL;
        }
        return build_reply_of(STEAL_PTR(views));
}

static enum slice_step step(struct slice *slice) {
        struct account_list *l = container_of(slice, struct account_list, slice);

        if (l->part == INDEX_PARTS) {
                pending_reply(&l->pending, make_result(l));
                return SLICE_END;
        }
        task_facts_walk(registry_enrollment(l->control->with.registry), l->part++, on_task, l);
        return l->part % PARTS_AT_ONCE == 0 ? SLICE_REST : SLICE_GO_ON;
}

static int find_accounts(struct account_list *l) {
        const struct accounts *all = l->control->with.accounts;
        size_t n = accounts_list(all, NULL, 0);
        CLEANUP(freep) struct account **accounts = calloc(n + 1, sizeof(struct account *));

        l->counts = calloc(n + 1, sizeof(*l->counts));
        if (!accounts || !l->counts)
                return -ENOMEM;
        l->n = accounts_list(all, accounts, n);
        for (size_t i = 0; i < l->n; i++)
                l->counts[i].account = accounts[i];
        return 0;
}

void account_list_begin(struct control *c, struct bus_call *call) {
        struct account_list *l = calloc(1, sizeof(*l));
        int r;

        if (!l) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &l->pending, call, list_free);
        l->control = c;
        r = find_accounts(l);
        if (r == 0)
                r = slice_open(&l->slice, c->with.timers, step);
        if (r < 0)
                control_fail_pending(c, &l->pending, r);
        else
                slice_run(&l->slice);
}
