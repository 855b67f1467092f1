#pragma once
/*
 * Bus: the daemon on D-Bus, for those above who know nothing but JSON
 *
 * Owns the connection, the calls' answers and the properties. While there is no connection calls
 * do not come, signals are dropped, and properties are only remembered: whoever sees the name
 * come to the bus reads everything anew. What is asked and answered is JSON here; bus-json.h and
 * bus-arguments.h say what becomes of it. Long answers are written in pieces, a turn of the loop
 * each.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/util.h"
#include "koowatchd/bus/bus-call.h"
#include "koowatchd/bus/bus-connection.h"

struct bus;
struct ev_loop;
struct timers;

/* Of "system", "session" or "none". Returns 0 or -EINVAL. */
int bus_kind_parse(const char *name, enum bus_kind *ret);

/* Borrows loop and timers. Nothing is opened yet. Returns 0 or a negative errno. */
int bus_new(struct ev_loop *loop, struct timers *timers, enum bus_kind kind, struct bus **ret);
/* All calls have been answered. Accepts NULL. */
void bus_free(struct bus *bus);
DEFINE_CLEANUP(struct bus *, bus_free)

/* Begins to connect, if it is not BUS_NONE; on_call gets all calls from then on. */
void bus_start(struct bus *bus, bus_call_fn on_call, void *userdata);

/*
 * Broadcasts one of the interface's signals. Takes arguments over, an array of them; NULL:
 * nothing is sent, as memory was short. No secret belongs in it. Never waits: the connection is
 * given up when too much waits in it already, and listeners read everything anew.
 */
void bus_emit(struct bus *bus, const char *signal, json_object *arguments);
/* Whether anybody can hear that; if not, nothing needs to be made for it. */
bool bus_is_heard(const struct bus *bus);

/*
 * Whether so much waits to be read that other signals had better wait too: a long queue is slow,
 * and all of it is written at once when there is room. A bus that reads nothing for 10 s meanwhile
 * is given up.
 */
bool bus_is_behind(struct bus *bus);

/*
 * Sets one of the interface's properties. Takes value over; NULL: nothing changes, as memory was
 * short. What has changed is announced once before the loop waits.
 */
void bus_set_property(struct bus *bus, const char *name, json_object *value);
