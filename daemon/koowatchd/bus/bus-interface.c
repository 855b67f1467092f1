#include "koowatchd/bus/bus-interface.h"

#include "common/util.h"

static int on_method(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
static int on_property(sd_bus *bus, const char *path, const char *interface, const char *name,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

/*
 * Whoever the policy of the bus lets call may do all of it: systemd/org.koowatch1.conf. Without
 * SD_BUS_VTABLE_UNPRIVILEGED only root could.
 */
#define METHOD(name, types, names, results, result_names)                              \
        SD_BUS_METHOD_WITH_NAMES(name, types, names, results, result_names, on_method, \
                                 SD_BUS_VTABLE_UNPRIVILEGED)
#define SIGNAL(name, what) SD_BUS_SIGNAL_WITH_NAMES(name, "a{sv}", ARGUMENT(what), 0)
#define PROPERTY(name, type) \
        SD_BUS_PROPERTY(name, type, on_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
/* The names of a signature's arguments, one after the other. */
#define ARGUMENT(name) #name "\0"
#define PAGE ARGUMENT(filter) ARGUMENT(cursor) ARGUMENT(limit)

/* clang-format off */
static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Add", "sa{sv}", ARGUMENT(name) ARGUMENT(settings), "", ""),
        METHOD("Remove", "s", ARGUMENT(name), "", ""),
        METHOD("Get", "s", ARGUMENT(name), "a{sv}", ARGUMENT(task)),
        METHOD("List", "a{sv}su", PAGE, "aa{sv}s", ARGUMENT(tasks) ARGUMENT(next)),
        METHOD("Poll", "s", ARGUMENT(name), "", ""),
        METHOD("Redeliver", "sa{sv}", ARGUMENT(name) ARGUMENT(options), "", ""),
        METHOD("Dismiss", "s", ARGUMENT(name), "", ""),
        METHOD("ListAccounts", "", "", "aa{sv}", ARGUMENT(accounts)),
        METHOD("Nodes", "", "", "aa{sv}", ARGUMENT(nodes)),
        METHOD("History", "a{sv}su", PAGE, "aa{sv}s", ARGUMENT(runs) ARGUMENT(next)),
        METHOD("Reload", "", "", "", ""),
        SIGNAL("TaskAdded", task),
        SIGNAL("TaskChanged", task),
        SIGNAL("TaskFinished", task),
        SIGNAL("TaskRemoved", task),
        SIGNAL("AccountChanged", account),
        SD_BUS_PROPERTY("Version", "s", on_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Pending", "u"),
        PROPERTY("Running", "u"),
        PROPERTY("Finished", "u"),
        PROPERTY("Invalid", "u"),
        PROPERTY("DeliveriesWaiting", "u"),
        PROPERTY("DeliveriesParked", "u"),
        PROPERTY("AccountsFailing", "u"),
        PROPERTY("BehindUsec", "t"),
        PROPERTY("Store", "a{sv}"),
        PROPERTY("Trouble", "as"),
        SD_BUS_VTABLE_END
};
/* clang-format on */

static int on_property(sd_bus *bus, const char *path, const char *interface, const char *name,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const struct bus_object *o = userdata;

        (void) bus;
        (void) path;
        (void) interface;
        (void) ret_error;
        return o->on_property(o->userdata, name, reply);
}

static int on_method(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        const struct bus_object *o = userdata;
        const char *name = sd_bus_message_get_member(message), *result = "";

        (void) ret_error;
        for (const sd_bus_vtable *row = vtable; row->type != _SD_BUS_VTABLE_END; row++)
                if (row->type == _SD_BUS_VTABLE_METHOD && streq(row->x.method.member, name))
                        result = row->x.method.result;
        return o->on_method(o->userdata, message, result);
}

int bus_interface_add(sd_bus *bus, struct bus_object *object) {
        return sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE, vtable, object);
}

const char *bus_interface_signal(const char *name) {
        for (const sd_bus_vtable *row = vtable; row->type != _SD_BUS_VTABLE_END; row++)
                if (row->type == _SD_BUS_VTABLE_SIGNAL && streq(row->x.signal.member, name))
                        return row->x.signal.signature;
        return NULL;
}

size_t bus_interface_properties(struct bus_property ret[static BUS_PROPERTIES_MAX]) {
        size_t n = 0;

        for (const sd_bus_vtable *row = vtable; row->type != _SD_BUS_VTABLE_END; row++)
                if (row->type == _SD_BUS_VTABLE_PROPERTY && n < BUS_PROPERTIES_MAX)
                        ret[n++] = (struct bus_property){
                                .name = row->x.property.member,
                                .type = row->x.property.signature,
                        };
        return n;
}
