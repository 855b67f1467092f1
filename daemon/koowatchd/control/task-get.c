#include "koowatchd/control/task-get.h"

#include <errno.h>

#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/far-end.h"
#include "koowatchd/control/run-search.h"
#include "koowatchd/control/task-view.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"

struct task_get {
        struct pending pending;
        struct control *control;
        struct run_search search;
        struct far_end far_end;
        json_object *view, *runs;
        char event_id[EVENT_ID_LENGTH + 1];
        bool tells_why; /* the delivery waits for another attempt, or was given up */
        bool failed;    /* memory was short */
};

static void get_free(struct pending *pending) {
        struct task_get *g = container_of(pending, struct task_get, pending);

        run_search_close(&g->search);
        json_object_put(g->view);
        json_object_put(g->runs);
        free(g);
}

static void fail(struct task_get *g, int error) {
        control_fail_pending(g->control, &g->pending, error);
}

static void reply(struct task_get *g) {
        pending_reply(&g->pending, build_reply_of(STEAL_PTR(g->view)));
}

static void on_run(void *userdata, const struct store_run *run) {
        struct task_get *g = userdata;

        g->failed |= !build_append(g->runs, view_of_run(run));
}

static void on_runs_end(void *userdata, int error) {
        struct task_get *g = userdata;
        bool has_runs = json_object_array_length(g->runs) > 0;

        if (error < 0 || g->failed) {
                fail(g, error < 0 ? error : -ENOMEM);
                return;
        }
        if ((g->tells_why && !view_add_failed_runs(g->view, g->runs)) ||
            (has_runs && !build_add(g->view, "runs", STEAL_PTR(g->runs))))
                fail(g, -ENOMEM);
        else
                reply(g);
}

static void on_event(void *userdata, int found, const struct store_event *stored) {
        struct task_get *g = userdata;
        CLEANUP(json_object_putp) json_object *event = NULL;
        int r = MIN(found, 0);

        if (found > 0)
                r = event_parse(stored->body, &event);
        if (event && (!view_add_event(g->view, stored, event) ||
                      !view_add_event_details(g->view, stored, event)))
                r = -ENOMEM;
        if (r < 0 && r != -EBADMSG) {
                fail(g, r);
                return;
        }
        if (found <= 0) { /* it is about to be written */
                reply(g);
                return;
        }
        g->tells_why =
                stored->delivery.state == DELIVERY_PARKED ||
                (stored->delivery.state == DELIVERY_PENDING && stored->delivery.attempts > 0);
        g->runs = json_object_new_array();
        if (g->runs)
                store_each_run(g->control->with.store, g->event_id, on_run, on_runs_end, g);
        else
                fail(g, -ENOMEM);
}

static void read_event(struct task_get *g) {
        store_find_event(g->control->with.store, g->event_id, on_event, g);
}

/* Another node polls it. */
static void on_far_end(struct far_end *end, int found) {
        struct task_get *g = container_of(end, struct task_get, far_end);

        if (found == 0) {
                reply(g);
        } else if (found < 0 || !view_add_far_end(g->view, end)) {
                fail(g, found < 0 ? found : -ENOMEM);
        } else {
                memcpy(g->event_id, end->event_id, sizeof(g->event_id));
                read_event(g);
        }
}

/* There is no file of the name: perhaps it has finished. */
static void on_search_end(struct run_search *search, int error) {
        struct task_get *g = container_of(search, struct task_get, search);

        if (error == -ENOENT) {
                pending_fail(&g->pending, BUS_NOT_FOUND, "there is no task %s", search->name);
                return;
        }
        if (error == 0)
                g->view = json_object_new_object();
        if (!g->view) {
                fail(g, error < 0 ? error : -ENOMEM);
                return;
        }
        (void) snprintf(g->event_id, sizeof(g->event_id), "%s", search->event_id);
        read_event(g);
}

static void search(struct task_get *g, const char *name) {
        g->search = (struct run_search){
                .name = name,
                .walk.store = g->control->with.store,
                .on_end = on_search_end,
        };
        if (run_search_open(&g->search, g->control->with.timers) < 0)
                fail(g, -ENOMEM);
        else
                run_search_begin(&g->search);
}

void task_get_begin(struct control *c, struct bus_call *call) {
        const struct enrollment *en = registry_enrollment(c->with.registry);
        const char *name = control_task_name(call);
        struct task_get *g;
        struct task_facts facts;

        if (!name)
                return;
        g = calloc(1, sizeof(*g));
        if (!g) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &g->pending, call, get_free);
        g->control = c;
        if (!task_facts_find(en, name, &facts)) {
                search(g, name);
                return;
        }
        g->view = view_of_task(en, c->with.nodes, &facts);
        if (!g->view || !view_add_details(g->view, en, &facts, c->config)) {
                fail(g, -ENOMEM);
        } else if (facts.end) {
                (void) snprintf(g->event_id, sizeof(g->event_id), "%s", facts.end->event_id);
                read_event(g);
        } else if (facts.is_elsewhere) {
                g->far_end.on_end = on_far_end;
                far_end_find(&g->far_end, c, &facts);
        } else {
                reply(g);
        }
}
