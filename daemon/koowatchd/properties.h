#pragma once
/*
 * Properties: the daemon's state on the bus, as counts and as sentences about what is wrong
 */
#include "common/timespan.h"

struct bus;
struct trouble_sources;

/* Sets all but Version. now: clock_boot(). Where memory is short some stay as they are. */
void properties_set(struct bus *bus, const struct trouble_sources *from, usec_t now);
