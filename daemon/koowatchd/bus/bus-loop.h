#pragma once
/*
 * Bus loop: an sd_bus connection on the libev loop
 *
 * Waits for what sd-bus says that it waits for: descriptor, events and timeout are asked for
 * before each wait, as everything that is sent or received changes them. Knows nothing of what
 * goes over the connection.
 */
#include <systemd/sd-bus.h>

#include "common/util.h"

struct bus_loop;
struct ev_loop;

/* The connection has ended, by itself or by a negative errno; the bus_loop may be freed in it. */
typedef void (*bus_loop_end_fn)(void *userdata, int error);

/* Borrows both; bus was started. Returns 0 or -ENOMEM. */
int bus_loop_new(struct ev_loop *loop, sd_bus *bus, bus_loop_end_fn on_end, void *userdata,
                 struct bus_loop **ret);
/* Accepts NULL. */
void bus_loop_free(struct bus_loop *bus_loop);
DEFINE_CLEANUP(struct bus_loop *, bus_loop_free)
