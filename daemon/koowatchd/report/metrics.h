#pragma once
/*
 * Metrics: counters, and the file that a monitoring agent reads
 *
 * The file is replaced as a whole, in one of two formats. Prometheus' text format 0.0.4 is what
 * node_exporter's textfile collector reads: it has no info and no stateset, and a counter's TYPE is
 * that of NAME_total. To OpenMetrics that is the TYPE of NAME, and a file without an end is cut.
 * Counters live here; what can be asked at the moment of writing (gauges) comes in as an argument.
 * Account names have nothing that a label must escape. The number of samples grows with that of
 * accounts, never with that of tasks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config-values.h"
#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/account/account-state.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/report/outcome.h"

struct metrics;

int metrics_new(struct metrics **ret);
void metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics *, metrics_free)

/* A poll of the account was answered at wall; name is copied the first time. */
void metrics_polled(struct metrics *metrics, const char *account, enum koodrive_class class,
                    double seconds, usec_t wall);
/* A task has ended; result counts with OUTCOME_COMPLETED alone. */
void metrics_finished(struct metrics *metrics, enum outcome outcome, enum koodrive_result result);
void metrics_hook(struct metrics *metrics, enum hook_result result);
/* An event that is not durable was dropped: of an account, or of a stalled task. */
void metrics_event_dropped(struct metrics *metrics, bool is_account);

struct metrics_account {
        const char *name;
        enum account_state state;
        unsigned in_flight;
        double poll_lag; /* seconds */
        bool is_left;    /* by all nodes; where is_node holds below */
};

struct metrics_gauges {
        unsigned pending, running, finished, invalid; /* task files */
        unsigned hook_problems;
        const struct metrics_account *accounts;
        size_t n_accounts;
        unsigned deliveries_pending, deliveries_failing, deliveries_parked;
        usec_t oldest_delivery;    /* wall clock; 0: none is pending */
        double poll_lag, loop_lag; /* seconds */
        bool is_node, has_session; /* of a fleet */
        unsigned held, served;     /* accounts that it polls, and could poll */
        uint64_t log_entries_lost;
        bool store_writable, config_valid;
        usec_t written; /* wall clock, now */
};

/* Replaces the file at path. Returns 0 or a negative errno. */
int metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                  enum metrics_format format, const char *path);
