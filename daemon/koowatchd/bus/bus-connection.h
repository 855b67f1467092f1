#pragma once
/*
 * Bus connection: on the bus under our name, again and again
 *
 * Opened without waiting for anybody. What fails or ends is tried again, first after a second,
 * with pauses that double to a minute; so is the name where somebody else has it. One that has
 * lasted a minute begins with a second again. Each trouble is logged once until the name is ours.
 */
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "common/util.h"

struct bus_connection;
struct ev_loop;
struct timers;

/* Which bus. */
enum bus_kind { BUS_SYSTEM, BUS_SESSION, BUS_NONE };

struct bus_connection_handler {
        /* A connection that is to be started: gives it objects. Returns 0 or a negative errno. */
        int (*on_new)(void *userdata, sd_bus *bus);
        /* Its bus is about to be released, connected or not. */
        void (*on_end)(void *userdata);
        void *userdata;
};

/* Borrows loop, timers and name. Nothing is opened yet. Returns 0 or -ENOMEM. */
int bus_connection_new(struct ev_loop *loop, struct timers *timers, enum bus_kind kind,
                       const char *name, const struct bus_connection_handler *handler,
                       struct bus_connection **ret);
/* Without on_end. Accepts NULL. */
void bus_connection_free(struct bus_connection *connection);
DEFINE_CLEANUP(struct bus_connection *, bus_connection_free)

/* Opens it, where kind is not BUS_NONE. */
void bus_connection_start(struct bus_connection *connection);

/* The bus, borrowed, while the name is ours; else NULL. */
sd_bus *bus_connection_get(const struct bus_connection *connection);

/*
 * Gives a connection up that has the name, and opens another one later. It ends when its users have
 * returned: on_end comes from the loop. why: what is logged.
 */
void bus_connection_drop(struct bus_connection *connection, const char *why);
