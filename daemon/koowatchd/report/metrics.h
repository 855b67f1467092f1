#pragma once
/*
 * Metrics: counters, and the file that a monitoring agent reads
 *
 * Prometheus' text format 0.0.4, replaced as a whole: what node_exporter's textfile
 * collector reads, which knows no OpenMetrics (no info, no stateset, a counter's TYPE is
 * that of NAME_total). Counters live here; what can be asked at the moment of writing
 * (gauges) comes in as an argument. Account names have nothing that a label must escape.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/util.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/report/outcome.h"

struct account;
struct metrics;

int metrics_new(struct metrics **ret);
void metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics *, metrics_free)

/* A poll of the account was answered; name is copied the first time. */
void metrics_polled(struct metrics *metrics, const char *account, enum koodrive_class class,
                    double seconds);
/* A task has ended; result counts with OUTCOME_COMPLETED alone. */
void metrics_finished(struct metrics *metrics, enum outcome outcome, enum koodrive_result result);
void metrics_hook(struct metrics *metrics, enum hook_result result);
/* An event that is not durable was dropped: of an account, or of a stalled task. */
void metrics_event_dropped(struct metrics *metrics, bool is_account);

struct metrics_gauges {
        unsigned pending, running, finished, invalid; /* task files */
        struct account *const *accounts;
        size_t n_accounts;
        unsigned deliveries_pending, deliveries_parked;
        double poll_lag, loop_lag; /* seconds */
        uint64_t log_entries_lost;
};

/* Replaces the file at path. Returns 0 or a negative errno. */
int metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                  const char *path);
