#include "koowatchd/properties.h"

#include <json-c/json_object.h>

#include "koowatchd/bus/bus.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/trouble.h"

static void set(struct bus *bus, const char *name, int64_t number) {
        bus_set_property(bus, name, json_object_new_int64(number));
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
