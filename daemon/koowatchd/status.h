#pragma once
/*
 * Status: how the daemon is, for the service manager and for metrics
 *
 * Owns STATUS=, the counts of what is remembered, the metrics file's timer, the warning that
 * polling is behind, and the watchdog.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/config-values.h"
#include "common/timespan.h"
#include "common/util.h"

struct accounts;
struct bus;
struct commit;
struct deliveries;
struct membership;
struct metrics;
struct node_list;
struct poller;
struct registry;
struct report;
struct status;
struct store;
struct timers;

/* All borrowed. */
struct status_sources {
        struct timers *timers;
        const struct registry *registry;
        const struct commit *commit;
        const struct deliveries *deliveries;
        const struct accounts *accounts;
        const struct poller *poller;
        const struct report *report;
        const struct metrics *metrics;
        const struct membership *membership;
        const struct node_list *nodes; /* NULL: the store is not shared */
        const struct store *store;
        const char *store_name;    /* as messages call it */
        const char *store_backend; /* as Backend= does */
        struct bus *bus;
};

/* Returns 0 or a negative errno. */
int status_new(const struct status_sources *sources, struct status **ret);
/* Accepts NULL. */
void status_free(struct status *status);
DEFINE_CLEANUP(struct status *, status_free)

/* metrics_file: copied; NULL: none. It is written at once. Returns 0 or -ENOMEM. */
int status_configure(struct status *status, const char *metrics_file, enum metrics_format format);
/* Begins to answer the watchdog, where the service manager has one. */
void status_start_watchdog(struct status *status);

/* Something that it shows may have changed: it is sent within a second. */
void status_update(void *status);
/* Sends it now, also when it is the same as before. */
void status_send(struct status *status);

/* An outcome is on disk. */
void status_on_finished(void *status, json_object *event);
/* A delivery was given up. */
void status_on_parked(void *status);
/* A file was refused and nothing is watched for it; shown until there are fewer of them. */
void status_on_invalid(void *status, const char *text);
/* What is in the store. */
void status_on_counted(void *status, unsigned finished, unsigned parked);
void status_set_config_error(struct status *status, bool is_error);
