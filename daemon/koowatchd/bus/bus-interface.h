#pragma once
/*
 * Bus interface: the table of the daemon's methods, signals and properties
 *
 * systemd/org.koowatch1.Manager.xml is the same for readers; a test compares the two.
 */
#include <stddef.h>
#include <systemd/sd-bus.h>

#define BUS_NAME "org.koowatch1"
#define BUS_PATH "/org/koowatch1"
#define BUS_INTERFACE "org.koowatch1.Manager"

/* What is behind the interface. */
struct bus_object {
        /*
         * A method was called; result: signature of what it answers, which is done by on_method.
         * Returns as an sd_bus_message_handler_t does.
         */
        int (*on_method)(void *userdata, sd_bus_message *message, const char *result);
        /* A property is to be written into message. Returns 0 or a negative errno. */
        int (*on_property)(void *userdata, const char *name, sd_bus_message *message);
        void *userdata;
};

/* Puts it on the bus, which borrows it. Returns 0 or a negative errno. */
int bus_interface_add(sd_bus *bus, struct bus_object *object);

/* Signature of a signal. NULL: there is none of that name. */
const char *bus_interface_signal(const char *name);

struct bus_property {
        const char *name;
        const char *type;
};

#define BUS_PROPERTIES_MAX 16
/* Writes all properties, BUS_PROPERTIES_MAX at most; returns how many there are. */
size_t bus_interface_properties(struct bus_property ret[static BUS_PROPERTIES_MAX]);
