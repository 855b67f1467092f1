#pragma once
/*
 * Bus arguments: the content of a D-Bus message as JSON
 *
 * An array with a member an argument. Numbers, booleans and strings (object paths and signatures
 * too) become what they are in JSON, as an array, a{ss} and a{sv} an object, and a variant what is
 * in it: one of these, but no other a{sv}.
 *
 * Nothing here recurses, whatever the message.
 */
#include <json-c/json_types.h>
#include <systemd/sd-bus.h>

#define BUS_FAULT_MAX 128

/*
 * The caller owns *ret. Returns 0, -EINVAL for other types and numbers that are not finite, with
 * what is wrong in words, or another negative errno.
 */
int bus_arguments_read(sd_bus_message *message, json_object **ret, char fault[BUS_FAULT_MAX]);
