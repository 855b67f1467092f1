#pragma once
/*
 * Metrics file: where the metrics are written, and from what
 *
 * That it cannot be written is logged once, and that it can again.
 */
#include <stdbool.h>

#include "common/config-values.h"
#include "common/timespan.h"
#include "koowatchd/task/registry.h"

struct accounts;
struct commit;
struct deliveries;
struct membership;
struct metrics;
struct poller;

/* Zeroed, then configured. */
struct metrics_file {
        char *path; /* NULL: none is written */
        enum metrics_format format;
        bool failing;
};

/* What there is to write about, and when; all borrowed. */
struct metrics_sources {
        const struct accounts *accounts;
        const struct commit *commit;
        const struct deliveries *deliveries;
        const struct metrics *metrics;
        const struct membership *membership; /* NULL: the daemon is alone */
        const struct poller *poller;
        struct registry_counts tasks;
        unsigned parked; /* in the store */
        bool config_error;
        double loop_lag; /* seconds */
        usec_t now;      /* on clock_boot() */
};

/* path: copied; NULL: none. Returns 0 or -ENOMEM. */
int metrics_file_configure(struct metrics_file *file, const char *path, enum metrics_format format);
void metrics_file_clear(struct metrics_file *file);

/* Does nothing without a path. */
void metrics_file_write(struct metrics_file *file, const struct metrics_sources *sources);
