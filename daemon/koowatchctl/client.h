#pragma once
/*
 * Client: the daemon's methods, called over D-Bus
 *
 * Each call blocks until it is answered. What comes back is JSON as hooks and `--json` have it.
 * Where one returns a negative value, the failure says why in a sentence.
 */
#include <json-c/json.h>
#include <systemd/sd-bus.h>

#include "common/timespan.h"
#include "koowatchctl/failure.h"

#define BUS_NAME "org.koowatch1"
#define BUS_PATH "/org/koowatch1"
#define BUS_INTERFACE "org.koowatch1.Manager"

struct client;

/* user_bus: the session's, else the system's; nothing is sent before the first call. */
struct client *client_new(bool user_bus);
struct client *client_free(struct client *client);
DEFINE_CLEANUP(struct client *, client_free)

/* Another bus than that of client_new(), before the first call. */
void client_use_bus(struct client *client, bool user_bus);

/*
 * Connecting and all calls together take no longer than that from now on: then they fail. 0: as
 * long as sd-bus waits.
 */
void client_limit(struct client *client, usec_t most);

/* Connects now, if need be. Returns 0 or -1. */
int client_connect(struct client *client, struct failure *failure);
/* Closes the connection, if there is one: the next call makes another. */
void client_disconnect(struct client *client);
/* NULL: not connected. Borrowed. */
sd_bus *client_bus(const struct client *client);

/*
 * Calls a method. arguments: an array, for bus_value_append() with types; taken over. *ret, an
 * array of what comes back, may be NULL. Returns 0 or -1.
 */
int client_call(struct client *client, const char *method, const char *types,
                json_object *arguments, json_object **ret, struct failure *failure);

/* A method of a task's name that gives back nothing. */
int client_act(struct client *client, const char *method, const char *name,
               struct failure *failure);

/* All that is known of a task; the caller owns *ret. */
int client_get(struct client *client, const char *name, json_object **ret, struct failure *failure);

/*
 * A page of `method` (List or History): the entries, an array, and the cursor of the next page,
 * NULL behind the last one. filter is borrowed; cursor "": the first page; limit 0: the daemon's.
 */
int client_page(struct client *client, const char *method, json_object *filter, const char *cursor,
                unsigned limit, json_object **ret, char **ret_next, struct failure *failure);

/* All pages in one array. */
int client_list(struct client *client, const char *method, json_object *filter, json_object **ret,
                struct failure *failure);

int client_accounts(struct client *client, json_object **ret, struct failure *failure);
int client_nodes(struct client *client, json_object **ret, struct failure *failure);

/* All properties, as an object. */
int client_properties(struct client *client, json_object **ret, struct failure *failure);
