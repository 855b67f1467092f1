#include "koowatchd/properties.h"

#include <json-c/json_object.h>

#include "koowatchd/bus/bus.h"
#include "koowatchd/commit.h"
#include "koowatchd/control/build.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/membership.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/trouble.h"

static void set(struct bus *bus, const char *name, int64_t number) {
        bus_set_property(bus, name, json_object_new_int64(number));
}

static const char *state_name(enum commit_state state) {
        static const char *const names[] = {
                [COMMIT_OK] = "ok",
                [COMMIT_FAILING] = "failing",
                [COMMIT_SILENT] = "silent",
                [COMMIT_UNREACHABLE] = "unreachable",
        };

        return names[state];
}

static bool add_trouble(json_object *view, const struct store_facts *facts) {
        return commit_state(facts->commit) == COMMIT_OK ||
               (build_add_string(view, "reason", store_error(facts->store)) &&
                build_add_boot_time(view, "since", commit_state_since(facts->commit)));
}

static bool add_node(json_object *view, const struct store_facts *facts) {
        const struct membership_counts n = membership_count(facts->membership);
        const struct store_node *self = node_list_self(facts->nodes);

        return !facts->nodes ||
               (build_add_string(view, "node", self ? self->name : NULL) &&
                build_add(view, "session",
                          json_object_new_boolean(membership_has_session(facts->membership))) &&
                build_add_integer(view, "accountsHeld", n.held) &&
                build_add_integer(view, "accountsServed", n.served));
}

void properties_set_store(struct bus *bus, const struct store_facts *facts) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();

        if (view && build_add_string(view, "backend", facts->backend) &&
            build_add_string(view, "name", facts->name) &&
            build_add_string(view, "state", state_name(commit_state(facts->commit))) &&
            add_trouble(view, facts) && add_node(view, facts))
                bus_set_property(bus, "Store", STEAL_PTR(view));
}

void properties_set(struct bus *bus, const struct trouble_sources *from, usec_t now) {
        unsigned accounts_failing;
        json_object *trouble = trouble_list(from, now, &accounts_failing);
        usec_t lag;

        (void) poller_overloaded(from->poller, now, &lag);
        set(bus, "Pending", from->tasks.pending);
        set(bus, "Running", from->tasks.running);
        set(bus, "Finished", from->finished);
        set(bus, "Invalid", from->tasks.invalid);
        set(bus, "DeliveriesWaiting", deliveries_count(from->deliveries).waiting);
        set(bus, "DeliveriesParked", from->parked);
        set(bus, "AccountsFailing", accounts_failing);
        set(bus, "BehindUsec", lag >= TROUBLE_LAG_MIN ? lag : 0);
        bus_set_property(bus, "Trouble", trouble);
}
