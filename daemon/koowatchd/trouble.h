#pragma once
/*
 * Trouble: what is wrong with the daemon, in sentences
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/timespan.h"
#include "koowatchd/task/registry.h"

struct accounts;
struct commit;
struct deliveries;
struct membership;
struct poller;

/* All borrowed. */
struct trouble_sources {
        const struct accounts *accounts;
        const struct commit *commit;
        const struct deliveries *deliveries;
        const struct poller *poller;
        const struct registry *registry;
        const struct membership *membership; /* NULL: the daemon is alone */
        struct registry_counts tasks;
        unsigned finished, parked; /* in the store */
        const char *invalid; /* what is wrong with one of the invalid files; NULL: not known */
        bool config_error;
};

/* Polls that are late by less are not, where people look. */
#define TROUBLE_LAG_MIN (10 * USEC_SEC)

/*
 * An array of them, which the caller owns; NULL when memory is short. now: clock_boot().
 * *ret_accounts_failing: how many accounts are not ok.
 */
json_object *trouble_list(const struct trouble_sources *from, usec_t now,
                          unsigned *ret_accounts_failing);
