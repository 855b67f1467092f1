#pragma once
/*
 * Bus values: what messages of org.koowatch1 hold, as JSON and back
 *
 * The dictionaries of the bus become objects, whatever types their values have; the text of
 * "answer" becomes the JSON that it is. Nothing recurses.
 */
#include <json-c/json.h>
#include <systemd/sd-bus.h>

/*
 * All arguments of a message, in their order, as an array. Returns 0; -EBADMSG: it holds what
 * these messages do not have; or another negative errno.
 */
int bus_value_read(sd_bus_message *message, json_object **ret);

/*
 * Appends arguments, an array, by their types: s, u, or a{sv}, for an object of texts, booleans,
 * integers, and objects of texts (a{ss}). Returns 0 or a negative errno: -EINVAL for a text that
 * D-Bus cannot carry.
 */
int bus_value_append(sd_bus_message *message, const char *types, json_object *arguments);
