#pragma once
/*
 * Properties: the daemon's state on the bus, as counts and as sentences about what is wrong
 */
#include <stdbool.h>

#include "common/timespan.h"
#include "koowatchd/task/registry.h"

struct accounts;
struct bus;
struct commit;
struct deliveries;
struct poller;

/* All borrowed. */
struct property_sources {
        struct bus *bus;
        const struct accounts *accounts;
        const struct commit *commit;
        const struct deliveries *deliveries;
        const struct poller *poller;
        const struct registry *registry;
        struct registry_counts tasks;
        unsigned finished, parked; /* in the store */
        const char *invalid; /* what is wrong with one of the invalid files; NULL: not known */
        bool config_error;
        usec_t failing_since; /* on clock_boot(): since then deliveries have failed; 0: none does */
};

/* Polls that are late by less are not, where people look. */
#define PROPERTIES_LAG_MIN (10 * USEC_SEC)

/* Sets all but Version. now: clock_boot(). Where memory is short some stay as they are. */
void properties_set(const struct property_sources *from, usec_t now);
