#pragma once
/*
 * Bus JSON: what becomes of JSON values in a D-Bus message
 *
 * The values of a message are the members of an array, a complete type of its signature each:
 * s, x, t, u, b, d, as, a{ss}, a{sv} and aa{sv}. In an a{sv} a value's own kind says its type:
 * string s, integer x, boolean b, finite number d, object a{sv}, array of strings as, array of
 * objects aa{sv}. But "variables" is a{ss}, and an object or array "answer" is its JSON text, s.
 * Left out of it are null, empty strings, arrays and objects, numbers that are not finite, other
 * arrays, and what lies deeper than BUS_JSON_DEPTH. bus-text.h says what becomes of strings.
 *
 * Nothing here recurses.
 */
#include <json-c/json_types.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "common/util.h"

#define BUS_JSON_DEPTH 8

/*
 * How much a message may hold, about: dbus-daemon drops the connection of whoever sends more than
 * 32 MiB.
 */
#define BUS_JSON_SIZE_MAX (16u << 20)

struct bus_writer;

/*
 * Begins to write into message, which is kept, with signature (borrowed). values: a reference is
 * taken, and objects in arrays are freed when they are written; NULL: there are none. Returns 0 or
 * -ENOMEM.
 */
int bus_writer_new(sd_bus_message *message, const char *signature, json_object *values,
                   struct bus_writer **ret);
/* Accepts NULL. */
void bus_writer_free(struct bus_writer *writer);
DEFINE_CLEANUP(struct bus_writer *, bus_writer_free)

/*
 * Writes on, max values or a few more. Returns 1 when all are written, 0 when some are left,
 * -EINVAL where they do not match the signature, -EMSGSIZE over BUS_JSON_SIZE_MAX, or another
 * negative errno. After an error the message cannot be sent.
 */
int bus_writer_run(struct bus_writer *writer, unsigned max);

/* All at once. Returns 0 or a negative errno, as above. */
int bus_json_write(sd_bus_message *message, const char *signature, json_object *values);
