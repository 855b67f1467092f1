#include "koowatchd/control/poll-task.h"

#include <errno.h>

#include "koowatchd/control/control-state.h"
#include "koowatchd/control/far-end.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"

struct poll_task {
        struct pending pending;
        struct control *control;
        const char *name; /* borrowed from the call */
        struct far_end far_end;
};

static void poll_free(struct pending *pending) {
        free(container_of(pending, struct poll_task, pending));
}

static void fail_as_finished(struct poll_task *p) {
        pending_fail(&p->pending, BUS_NOT_ALLOWED, "task %s has finished", p->name);
}

/* It is there, and has not finished. */
static void fail_as_unpolled(struct poll_task *p) {
        const struct control_modules *with = &p->control->with;
        const struct store_node *owner = NULL;
        struct task_facts facts;

        if (task_facts_find(registry_enrollment(with->registry), p->name, &facts) &&
            facts.is_elsewhere)
                owner = node_list_owner(with->nodes, facts.view.account);
        if (owner)
                pending_fail(&p->pending, BUS_NOT_ALLOWED,
                             "task %s is not polled here: node %s polls account %s; ask there",
                             p->name, owner->name, facts.view.account);
        else
                pending_fail(&p->pending, BUS_NOT_ALLOWED,
                             "task %s is not polled: its file is invalid or a duplicate, or its "
                             "account or directory is not there",
                             p->name);
}

static void on_far_end(struct far_end *end, int found) {
        struct poll_task *p = container_of(end, struct poll_task, far_end);

        if (found < 0)
                control_fail_pending(p->control, &p->pending, found);
        else if (found > 0)
                fail_as_finished(p);
        else
                fail_as_unpolled(p);
}

static void poll_now(struct poll_task *p) {
        const struct enrollment *en = registry_enrollment(p->control->with.registry);
        int r = task_facts_poll(en, p->name);
        struct task_facts facts;

        if (r == 0)
                pending_reply(&p->pending, NULL);
        else if (r == -ENOENT)
                pending_fail(&p->pending, BUS_NOT_FOUND, "no task %s is watched", p->name);
        else if (r == -EALREADY)
                fail_as_finished(p);
        else if (task_facts_find(en, p->name, &facts) && facts.is_elsewhere)
                far_end_find(&p->far_end, p->control, &facts);
        else
                fail_as_unpolled(p);
}

void poll_task_begin(struct control *c, struct bus_call *call) {
        const char *name = control_task_name(call);
        struct poll_task *p;

        if (!name)
                return;
        p = calloc(1, sizeof(*p));
        if (!p) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &p->pending, call, poll_free);
        p->control = c;
        p->name = name;
        p->far_end.on_end = on_far_end;
        poll_now(p);
}
