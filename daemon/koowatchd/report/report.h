#pragma once
/*
 * Report: what the journal and the service manager are told
 *
 * One function a notable event, each with its MESSAGE_ID and fields; the status
 * line; the other words of sd_notify(3). No secret passes through here but the
 * download link, whose query string is cut where the admin asks for that.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/config.h"
#include "koowatchd/account/account.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/task/watches.h"

struct hook_end;
struct report;

int report_new(struct report **ret);
void report_free(struct report *report);
DEFINE_CLEANUP(struct report *, report_free)
void report_configure(struct report *report, enum download_url download_url);

void report_registered(const struct watch *watch);
/* One that is not watched for it is in the status line until there are fewer of them. */
void report_invalid(struct report *report, const char *name, const char *text, bool running);
void report_hook_problem(const char *name, const char *path, const char *problem);
/* course holds the status already. */
void report_status_changed(const struct watch *watch);
void report_strange_status(const struct watch *watch, long raw_status);
/* Every answer, at debug; one with a code that nobody documents, as a warning, once a code. */
void report_polled(struct report *report, const struct watch *watch,
                   const struct koodrive_answer *answer, const char *trace_id, double seconds);
/* A task's own trouble: once when it begins, once when it is over after so many faults. */
void report_fault(const struct watch *watch, const struct koodrive_answer *answer);
void report_recovered(const struct watch *watch, unsigned faults);
void report_account(const struct account *account, unsigned held);
void report_lag(double seconds);

/* event: what the hooks get. */
void report_finished(struct report *report, json_object *event);
/* problem: why hooks do not get the link that KooDrive has sent. */
void report_link_kept(const struct watch *watch, const char *problem);
void report_stalled(json_object *event);
void report_hook_start(json_object *event, const char *hook);
/* next: the pause before it is tried again, 0: it is not. */
void report_hook_end(json_object *event, const struct hook_end *end, usec_t next);
void report_parked(json_object *event, unsigned attempts);

struct report_status {
        struct watch_counts watches;
        unsigned finished; /* tasks remembered as such */
        unsigned parked;
        struct delivery_counts deliveries;
        const char *hook_problem;      /* of one of watches.hook_problems */
        double lag;                    /* seconds; 0: none to speak of */
        const struct account *account; /* one that is not ok, or NULL */
        bool bad_config, store_failing;
};

/* Sends STATUS=, unless it is the same as the last one and not forced. */
void report_status(struct report *report, const struct report_status *status, bool force);

void report_ready(void);
void report_reloading(void);
/* Whether the new configuration is in force. */
void report_reloaded(const char *path, bool ok);
void report_stopping(usec_t at_most);
void report_watchdog(void);
