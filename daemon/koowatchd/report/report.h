#pragma once
/*
 * Report: the journal's entries
 *
 * One function a notable event, most with a MESSAGE_ID, all with their fields. They take
 * facts, not the objects that have them, but for an account. No secret passes through here but the
 * download link, whose query string is cut where the administrator asks for that.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/config-values.h"
#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/koodrive/answer.h"

struct account;
struct hook_end;
struct report;

int report_new(struct report **ret);
/* Accepts NULL. */
void report_free(struct report *report);
DEFINE_CLEANUP(struct report *, report_free)
void report_configure(struct report *report, enum download_url download_url);

/* A task, as the fields of an entry name it. Borrowed for the call. */
struct task_ref {
        const char *name, *account, *task_id, *share_id;
};

/* description: NULL for none. */
void report_registered(const struct task_ref *task, const char *description);
/* text names file and line; running: its earlier settings stay in force. */
void report_invalid(const char *name, const char *text, bool running);
void report_hook_problem(const char *name, const char *path, const char *problem);
/* progress: -1 for none. */
void report_status_changed(const struct task_ref *task, enum koodrive_status status, int progress);
void report_unknown_status(const struct task_ref *task, long raw_status);
/* Every answer, at debug; one with a code that is not documented as a warning, once a code. */
void report_polled(struct report *report, const struct task_ref *task,
                   const struct koodrive_answer *answer, const char *trace_id, double seconds);
/* A task's own failures: once when they go on, once when they are over. */
void report_fault(const struct task_ref *task, const char *why);
void report_recovered(const struct task_ref *task, unsigned faults);
/* problem: why hooks do not get the link that KooDrive has sent. */
void report_link_withheld(const struct task_ref *task, const char *problem);

void report_account(const struct account *account, unsigned failed_requests);
void report_lag(const char *account, double seconds);
/* Whether the configuration at path is in force now. */
void report_reloaded(const char *path, bool ok);

/* event: what the hooks get (event.h). */
void report_finished(struct report *report, json_object *event);
void report_stalled(json_object *event);
void report_hook_start(json_object *event, const char *hook);
/* next: the pause before it is tried again, 0: it is not. */
void report_hook_end(json_object *event, const struct hook_end *end, usec_t next);
/* Likewise; what the hooks of this attempt did is not known. */
void report_runner_failed(json_object *event, unsigned attempt, usec_t next);
void report_parked(json_object *event, unsigned attempts);

/* The link as it may be shown: the caller frees it. NULL: no link, or no memory. */
char *report_shown_url(const struct report *report, const char *url);
