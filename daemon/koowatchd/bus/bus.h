#pragma once
/*
 * Bus: the daemon's name, object and interface on D-Bus
 *
 * Owns the connection: opened without waiting, closed by whoever is at the other end, opened
 * again with growing pauses. The name org.koowatch1 is asked for each time; where somebody else
 * has it, it is asked for again. While there is no connection calls do not come, signals are
 * dropped, and properties are only remembered: whoever sees the name come reads everything anew.
 *
 * What is asked and answered is JSON here; bus-json.h says what becomes of it.
 * The methods, signals and properties are those of systemd/org.koowatch1.Manager.xml.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/util.h"
#include "koowatchd/bus/bus-call.h"

#define BUS_NAME "org.koowatch1"
#define BUS_PATH "/org/koowatch1"
#define BUS_INTERFACE "org.koowatch1.Manager"

struct bus;
struct ev_loop;
struct timers;

/* Which one. */
enum bus_kind { BUS_SYSTEM, BUS_SESSION, BUS_NONE };

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
 * nothing is sent, as memory was short. No secret belongs in it. Never waits.
 */
void bus_emit(struct bus *bus, const char *signal, json_object *arguments);
/* Whether anybody can hear that; if not, nothing needs to be made for it. */
bool bus_is_heard(const struct bus *bus);

/*
 * Sets one of the interface's properties. Takes value over; NULL: nothing changes, as memory was
 * short. What has changed is announced once before the loop waits.
 */
void bus_set_property(struct bus *bus, const char *name, json_object *value);
