#pragma once
/*
 * The unit of koowatchd: whether a daemon that is away will come back
 */
#include <systemd/sd-bus.h>

enum unit_state {
        UNIT_UNKNOWN, /* systemd cannot be asked, or does not know the unit */
        UNIT_ALIVE,   /* it runs, starts or is about to */
        UNIT_STOPPED, /* it was stopped, or has failed for good */
};

/* Asks the service manager over this bus. */
enum unit_state daemon_unit_ask(sd_bus *bus);
