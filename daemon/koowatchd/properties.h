#pragma once
/*
 * Properties: the daemon's state on the bus, as counts and as sentences about what is wrong
 */
#include "common/timespan.h"

struct bus;
struct commit;
struct membership;
struct node_list;
struct store;
struct trouble_sources;

/* All borrowed. */
struct store_facts {
        const struct store *store;
        const char *name, *backend;
        const struct commit *commit;
        const struct membership *membership;
        const struct node_list *nodes; /* NULL: it is not shared */
};

/* Sets Store. */
void properties_set_store(struct bus *bus, const struct store_facts *facts);
/* Sets all but Version and Store. now: clock_boot(). Where memory is short some stay as they are.
 */
void properties_set(struct bus *bus, const struct trouble_sources *from, usec_t now);
