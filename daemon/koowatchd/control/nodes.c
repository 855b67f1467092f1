#include "koowatchd/control/nodes.h"

#include <errno.h>

#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/store/node-list.h"

/* A store that cannot be reached does not answer before it can; then this is asked most. */
#define PATIENCE (5 * USEC_SEC)

struct nodes {
        struct pending pending;
        struct node_list_waiter waiter;
        struct timer timer;
        struct control *control;
        bool is_waiting;
};

static void nodes_free(struct pending *pending) {
        struct nodes *n = container_of(pending, struct nodes, pending);

        if (n->is_waiting)
                node_list_leave(&n->waiter);
        timer_close(n->control->with.timers, &n->timer);
        free(n);
}

static json_object *view_of_node(const struct store_node *node) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();

        if (!view || !build_add_string(view, "name", node->name) ||
            !build_add_string(view, "version", node->version) ||
            !build_add(view, "alive", json_object_new_boolean(node->is_alive)) ||
            !build_add(view, "isSelf", json_object_new_boolean(node->is_mine)) ||
            !build_add_words(view, "accounts", node->accounts) ||
            !build_add_words(view, "labels", node->labels) ||
            !build_add_time(view, "since", clock_wall() - node->since) ||
            !build_add_integer(view, "silentUsec", node->silent) ||
            !build_add_integer(view, "pendingDeliveries", node->pending))
                return NULL;
        return STEAL_PTR(view);
}

static json_object *make_result(const struct node_list *list) {
        CLEANUP(json_object_putp) json_object *views = json_object_new_array();

        for (size_t i = 0; views && i < node_list_count(list); i++)
                if (!build_append(views, view_of_node(node_list_get(list, i))))
                        return NULL;
        return views ? build_reply_of(STEAL_PTR(views)) : NULL;
}

/* why: in words. */
static void fail(struct nodes *n, const char *why) {
        pending_fail(&n->pending, BUS_UNAVAILABLE,
                     "the database does not answer this node (%s); ask another one, or see "
                     "koowatchctl store status",
                     why);
}

static void on_told(struct node_list_waiter *waiter, int error) {
        struct nodes *n = container_of(waiter, struct nodes, waiter);

        n->is_waiting = false;
        if (error < 0)
                fail(n, error == -ENOMEM ? strerror(ENOMEM) : store_error(n->control->with.store));
        else
                pending_reply(&n->pending, make_result(n->control->with.nodes));
}

static void on_timer(struct timer *timer, usec_t now) {
        (void) now;
        fail(container_of(timer, struct nodes, timer), "nothing for 5 s");
}

void nodes_begin(struct control *c, struct bus_call *call) {
        struct nodes *n;

        if (!store_is_shared(c->with.store)) {
                bus_call_fail(call, BUS_NOT_ALLOWED,
                              "this koowatchd is no node of a fleet: its store is a file of its "
                              "own; with [Store] Backend=postgresql several nodes share one, see "
                              "koowatch-nodes(7)");
                return;
        }
        n = calloc(1, sizeof(*n));
        if (!n) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &n->pending, call, nodes_free);
        n->control = c;
        n->waiter.on_told = on_told;
        if (timer_open(c->with.timers, &n->timer, on_timer) < 0) {
                control_fail_pending(c, &n->pending, -ENOMEM);
                return;
        }
        timer_arm(c->with.timers, &n->timer, clock_boot() + PATIENCE);
        n->is_waiting = true;
        node_list_ask(c->with.nodes, &n->waiter);
}
