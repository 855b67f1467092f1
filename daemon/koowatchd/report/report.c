#include "koowatchd/report/report.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/log-fields.h"
#include "common/message-ids.h"
#include "koowatchd/account/account.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"

#define CODES_REPORTED 32

struct report {
        enum download_url download_url;
        char codes_reported[CODES_REPORTED][40];
        size_t n_codes_reported;
};

/* ---- fields ---- */

static void add_task(struct log_fields *f, const struct task_ref *task) {
        log_fields_add(f, "KOOWATCH_NAME", task->name);
        log_fields_add(f, "KOODRIVE_TASK_ID", task->task_id);
        log_fields_add(f, "KOODRIVE_SHARE_ID", task->share_id);
        log_fields_add(f, "KOOWATCH_ACCOUNT", task->account);
}

static void add_event(struct log_fields *f, json_object *event) {
        log_fields_add(f, "KOOWATCH_NAME", event_string(event, "name"));
        log_fields_add(f, "KOODRIVE_TASK_ID", event_string(event, "taskId"));
        log_fields_add(f, "KOODRIVE_SHARE_ID", event_string(event, "shareId"));
        log_fields_add_number(f, "KOODRIVE_TASK_STATUS", event_integer(event, "taskStatus"));
        log_fields_add_number(f, "KOODRIVE_TASK_RESULT_CODE",
                              event_integer(event, "taskResultCode"));
        log_fields_add_number(f, "KOODRIVE_PROGRESS", event_integer(event, "progress"));
        log_fields_add(f, "KOOWATCH_OUTCOME", event_string(event, "outcome"));
        log_fields_add(f, "KOOWATCH_ACCOUNT", event_string(event, "account"));
        log_fields_add(f, "KOOWATCH_EVENT_ID", event_string(event, "eventId"));
}

/* ---- the journal ---- */

void report_registered(const struct task_ref *task, const char *description) {
        struct log_fields f = {};

        add_task(&f, task);
        log_entry_with(LEVEL_INFO, MESSAGE_ID_TASK_REGISTERED, &f, "%s: registered%s%s", task->name,
                       description ? ", " : "", description ? description : "");
}

void report_invalid(const char *name, const char *text, bool running) {
        struct log_fields f = {};

        log_fields_add(&f, "KOOWATCH_NAME", name);
        log_entry_with(LEVEL_WARNING, MESSAGE_ID_TASK_INVALID, &f, "%s; %s", text,
                       running ? "the previous settings stay in effect"
                               : "the task is not watched");
}

void report_hook_problem(const char *name, const char *path, const char *problem) {
        struct log_fields f = {};

        log_fields_add(&f, "KOOWATCH_NAME", name);
        log_entry_with(LEVEL_WARNING, NULL, &f,
                       "%s: %s; the task is watched, and the hook is checked again when it ends",
                       path, problem);
}

void report_status_changed(const struct task_ref *task, enum koodrive_status status, int progress) {
        struct log_fields f = {};
        char text[16] = "";

        add_task(&f, task);
        log_fields_add_number(&f, "KOODRIVE_TASK_STATUS", status);
        log_fields_add_number(&f, "KOODRIVE_PROGRESS", progress);
        if (progress >= 0)
                (void) snprintf(text, sizeof(text), ", %d %%", progress);
        log_entry_with(LEVEL_INFO, MESSAGE_ID_TASK_STATUS_CHANGED, &f, "%s: %s%s", task->name,
                       koodrive_status_name(status), text);
}

void report_unknown_status(const struct task_ref *task, long raw_status) {
        struct log_fields f = {};

        add_task(&f, task);
        log_entry_with(LEVEL_WARNING, NULL, &f,
                       "%s: undocumented taskStatus %ld; polling continues until the deadline",
                       task->name, raw_status);
}

/* Whether this is the first time that the code is reported. It notes the code. */
static bool is_new_code(struct report *r, const char *code) {
        for (size_t i = 0; i < r->n_codes_reported; i++)
                if (streq(r->codes_reported[i], code))
                        return false;
        if (r->n_codes_reported == CODES_REPORTED)
                return false;
        (void) snprintf(r->codes_reported[r->n_codes_reported++], sizeof(r->codes_reported[0]),
                        "%s", code);
        return true;
}

static void report_unknown_code(struct report *r, const struct task_ref *task,
                                const struct koodrive_answer *a, const char *trace_id) {
        struct log_fields f = {};

        if (!*a->code || a->disposition.listed || !is_new_code(r, a->code))
                return;
        add_task(&f, task);
        log_fields_add(&f, "KOOWATCH_ERROR_CODE", a->code);
        log_fields_add(&f, "KOOWATCH_ERROR_MESSAGE", a->message);
        log_fields_add(&f, "KOODRIVE_TRACE_ID", trace_id);
        log_entry_with(LEVEL_WARNING, NULL, &f,
                       "%s: undocumented answer: %s; reported once, handled as %s", task->name,
                       a->why, koodrive_class_name(a->disposition.class));
}

void report_polled(struct report *r, const struct task_ref *task, const struct koodrive_answer *a,
                   const char *trace_id, double seconds) {
        struct log_fields f = {};
        bool is_task = a->disposition.class == KOODRIVE_TASK;

        if (!is_task)
                report_unknown_code(r, task, a, trace_id);
        if (!log_wants(LEVEL_DEBUG))
                return;
        add_task(&f, task);
        if (is_task) {
                log_fields_add_number(&f, "KOODRIVE_TASK_STATUS", a->status);
                log_fields_add_number(&f, "KOODRIVE_PROGRESS", a->progress);
        }
        log_fields_add(&f, "KOODRIVE_TRACE_ID", trace_id);
        log_entry_with(LEVEL_DEBUG, NULL, &f, "%s: polled in %.3f s: %s", task->name, seconds,
                       is_task ? koodrive_status_name(a->status) : a->why);
}

void report_fault(const struct task_ref *task, const char *why) {
        struct log_fields f = {};

        add_task(&f, task);
        log_entry_with(LEVEL_WARNING, NULL, &f, "%s: %s; retrying with growing pauses", task->name,
                       why);
}

void report_recovered(const struct task_ref *task, unsigned faults) {
        struct log_fields f = {};

        add_task(&f, task);
        log_entry_with(LEVEL_NOTICE, NULL, &f, "%s: recovered after %u failed poll%s", task->name,
                       faults, faults == 1 ? "" : "s");
}

void report_account(const struct account *a, unsigned failed_requests) {
        static const char *const advice[ACCOUNT_STATES] = {
                [ACCOUNT_THROTTLED] = "; requests pause, then continue at a lower rate",
                [ACCOUNT_UNREACHABLE] = "; probing with one request at a time",
                [ACCOUNT_UNAUTHORIZED] = "; its tasks wait for a new credential, nothing is lost",
        };
        enum account_state state = account_state(a);
        struct log_fields f = {};

        log_fields_add(&f, "KOOWATCH_ACCOUNT", account_name(a));
        if (state == ACCOUNT_OK && failed_requests == 0)
                log_entry_with(LEVEL_NOTICE, MESSAGE_ID_ACCOUNT_STATE_CHANGED, &f,
                               "account %s: ok again", account_name(a));
        else if (state == ACCOUNT_OK)
                log_entry_with(LEVEL_NOTICE, MESSAGE_ID_ACCOUNT_STATE_CHANGED, &f,
                               "account %s: ok again after %u failed request%s", account_name(a),
                               failed_requests, failed_requests == 1 ? "" : "s");
        else
                log_entry_with(LEVEL_WARNING, MESSAGE_ID_ACCOUNT_STATE_CHANGED, &f,
                               "account %s: %s: %s%s", account_name(a), account_state_name(state),
                               account_reason(a), advice[state]);
}

void report_lag(const char *account, double seconds) {
        log_warning("polling of account %s is %.0f s behind: its RateLimit= is too low for this "
                    "many tasks; raise RateLimit= or IntervalMin=, or have fewer tasks",
                    account, seconds);
}

char *report_shown_url(const struct report *r, const char *url) {
        const char *query = url ? strchr(url, '?') : NULL;

        if (!url)
                return NULL;
        if (r->download_url == DOWNLOAD_URL_REDACTED && query)
                return strndup(url, (size_t) (query - url));
        return strdup(url);
}

/* What was said when the task was refused, with what there is to be done about it. */
static char *describe_refusal(json_object *event) {
        const char *code = event_string(event, "errorCode");
        const char *message = event_string(event, "errorMessage");
        struct koodrive_disposition disposition = koodrive_classify(
                event_integer(event, "httpStatus"), code ? code : "", KOODRIVE_BODY_OTHER);
        const char *advice = disposition.advice ? disposition.advice : "";

        if (!message)
                message = "";
        /* Where KooDrive says nothing, message is what the event says: meaning and code. */
        if (!code || str_after(message, disposition.text))
                return str_printf(", %s%s%s", message, *advice ? "; " : "", advice);
        return str_printf(", %s (code %s: %s)%s%s", disposition.text, code, message,
                          *advice ? "; " : "", advice);
}

static void report_refused(json_object *event) {
        CLEANUP(freep) char *text = describe_refusal(event);
        struct log_fields f = {};

        add_event(&f, event);
        log_fields_add(&f, "KOOWATCH_ERROR_CODE", event_string(event, "errorCode"));
        log_fields_add(&f, "KOOWATCH_ERROR_MESSAGE", event_string(event, "errorMessage"));
        log_entry_retold_with(LEVEL_WARNING, MESSAGE_ID_TASK_FINISHED, &f, "%s: %s%s",
                              event_string(event, "name"), event_string(event, "outcome"),
                              text ? text : "");
}

void report_finished(struct report *r, json_object *event) {
        CLEANUP(freep) char *url = report_shown_url(r, event_string(event, "downloadUrl"));
        const char *outcome = event_string(event, "outcome");
        bool completed = streq(outcome, outcome_name(OUTCOME_COMPLETED));
        struct log_fields f = {};

        if (event_string(event, "errorMessage")) {
                report_refused(event);
                return;
        }
        add_event(&f, event);
        log_fields_add(&f, "KOODRIVE_DOWNLOAD_URL", url);
        log_entry_retold_with(LEVEL_INFO, MESSAGE_ID_TASK_FINISHED, &f, "%s: %s%s%s",
                              event_string(event, "name"), outcome, completed ? ", " : "",
                              completed ? koodrive_result_text(event_result(event)) : "");
}

void report_link_withheld(const struct task_ref *task, const char *problem) {
        struct log_fields f = {};

        add_task(&f, task);
        log_entry_with(LEVEL_WARNING, NULL, &f, "%s: the downloadUrl is not passed to hooks: %s",
                       task->name, problem);
}

void report_stalled(json_object *event) {
        struct log_fields f = {};

        add_event(&f, event);
        log_entry_with(LEVEL_WARNING, MESSAGE_ID_TASK_STALLED, &f,
                       "%s: no progress for StallTimeout=, still watching",
                       event_string(event, "name"));
}

void report_hook_start(json_object *event, const char *hook) {
        struct log_fields f = {};

        add_event(&f, event);
        log_fields_add(&f, "KOOWATCH_HOOK", hook);
        log_entry_with(LEVEL_INFO, MESSAGE_ID_HOOK_STARTED, &f, "%s: hook %s started",
                       event_string(event, "name"), hook);
}

/* How a hook ended, where its result alone does not say it; the caller frees it. */
static char *describe_end(const struct hook_end *end) {
        if (end->timed_out)
                return str_printf(", timed out after %.1f s", end->seconds);
        if (end->signal > 0)
                return str_printf(", signal %d", end->signal);
        if (end->reason)
                return str_printf(", %s", end->reason);
        return end->result == HOOK_FAILED && end->status >= 0
                       ? str_printf(", exit status %d", end->status)
                       : NULL;
}

/* What comes next for one that has not ended well; the caller frees it. */
static char *describe_next(json_object *event, enum hook_result result, usec_t next) {
        int attempt = event_integer(event, "attempt");
        char pause[64];

        if (hook_result_is_final(result))
                return NULL;
        if (!streq(event_string(event, "event"), "finished"))
                return strdup(" (not retried)");
        if (next == 0)
                return str_printf(" (attempt %d, the last)", attempt);
        (void) timespan_format(next, pause, sizeof(pause));
        if (result == HOOK_PROGRESS)
                return str_printf(", next try in %s (attempt %d)", pause, attempt);
        return str_printf(" (attempt %d, next try in %s)", attempt, pause);
}

void report_hook_end(json_object *event, const struct hook_end *end, usec_t next) {
        CLEANUP(freep) char *how = describe_end(end);
        CLEANUP(freep) char *then = describe_next(event, end->result, next);
        struct log_fields f = {};

        add_event(&f, event);
        log_fields_add(&f, "KOOWATCH_HOOK", end->hook);
        log_fields_add_number(&f, "KOOWATCH_EXIT_STATUS", end->status);
        /* With a reason it was not run at all. */
        log_entry_with(end->result == HOOK_FAILED || end->reason ? LEVEL_WARNING : LEVEL_INFO,
                       MESSAGE_ID_HOOK_ENDED, &f, "%s: hook %s ended: %s%s%s",
                       event_string(event, "name"), end->hook, hook_result_name(end->result),
                       how ? how : "", then ? then : "");
}

void report_runner_failed(json_object *event, unsigned attempt, usec_t next) {
        const char *name = event_string(event, "name"), *account = event_string(event, "account");
        char then[64] = "the last attempt";
        struct log_fields f = {};

        log_fields_add(&f, "KOOWATCH_NAME", name);
        log_fields_add(&f, "KOOWATCH_EVENT_ID", event_string(event, "eventId"));
        if (!streq(event_string(event, "event"), EVENT_FINISHED))
                (void) snprintf(then, sizeof(then), "not retried");
        else if (next > 0)
                (void) snprintf(then, sizeof(then), "next try in %jd s",
                                (intmax_t) (next / USEC_SEC));
        log_entry_with(LEVEL_WARNING, NULL, &f,
                       "%s: the hook runner exited before it reported all results (attempt %u, %s)",
                       name ? name : account, attempt, then);
}

void report_parked(json_object *event, unsigned attempts) {
        struct log_fields f = {};

        add_event(&f, event);
        log_entry_with(LEVEL_ERROR, MESSAGE_ID_DELIVERY_PARKED, &f,
                       "%s: giving up after %u attempts, a hook kept failing; the event is kept in "
                       "the store",
                       event_string(event, "name"), attempts);
}

int report_new(struct report **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void report_free(struct report *r) {
        free(r);
}

void report_configure(struct report *r, enum download_url download_url) {
        r->download_url = download_url;
}

void report_reloaded(const char *path, bool ok) {
        if (ok)
                log_entry(LEVEL_INFO, MESSAGE_ID_CONFIG_RELOADED, NULL, 0,
                          "configuration reloaded from %s", path);
        else
                log_entry(LEVEL_ERROR, MESSAGE_ID_CONFIG_RELOADED, NULL, 0,
                          "%s: not reloaded because of the errors above; the old configuration "
                          "stays in effect",
                          path);
}
