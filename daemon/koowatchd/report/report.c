#include "koowatchd/report/report.h"

#include <errno.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/log.h"
#include "common/message-ids.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"

#define STATUS_MAX 2048
#define STATUS_URL_MAX 512
#define STATUS_REASON_MAX 256

#define CODES_TOLD 32

struct report {
        enum download_url download_url;
        char codes_told[CODES_TOLD][40];
        size_t n_codes_told;
        char *last;    /* "photos completed: all succeeded, https://..." */
        char *invalid; /* what is wrong with a file that is not watched; NULL: not known */
        unsigned invalid_count;
        char *status; /* as sent last */
};

/* ---- fields ---- */

struct fields {
        struct log_field list[16];
        size_t count;
        char numbers[6][24];
        size_t n_numbers;
};

static void add(struct fields *f, const char *name, const char *value) {
        if (value && f->count < ARRAY_LEN(f->list))
                f->list[f->count++] = (struct log_field){name, value};
}

/* Negative numbers mean "not known" and are left out. */
static void add_number(struct fields *f, const char *name, long value) {
        char *text;

        if (value < 0 || f->n_numbers == ARRAY_LEN(f->numbers))
                return;
        text = f->numbers[f->n_numbers++];
        (void) snprintf(text, sizeof(f->numbers[0]), "%ld", value);
        add(f, name, text);
}

static void add_watch(struct fields *f, const struct watch *w) {
        const struct task *task = watch_task(w);

        add(f, "KOOWATCH_NAME", watch_name(w));
        add(f, "KOODRIVE_TASK_ID", task->task_id);
        add(f, "KOODRIVE_SHARE_ID", task->share_id);
        add(f, "KOOWATCH_ACCOUNT", account_name(watch_account(w)));
}

static void add_state(struct fields *f, const struct watch *w) {
        add_number(f, "KOODRIVE_TASK_STATUS", watch_state(w)->status);
        add_number(f, "KOODRIVE_PROGRESS", watch_state(w)->progress);
}

static void add_event(struct fields *f, json_object *event) {
        add(f, "KOOWATCH_NAME", event_string(event, "name"));
        add(f, "KOODRIVE_TASK_ID", event_string(event, "taskId"));
        add(f, "KOODRIVE_SHARE_ID", event_string(event, "shareId"));
        add_number(f, "KOODRIVE_TASK_STATUS", event_integer(event, "taskStatus"));
        add_number(f, "KOODRIVE_TASK_RESULT_CODE", event_integer(event, "taskResultCode"));
        add_number(f, "KOODRIVE_PROGRESS", event_integer(event, "progress"));
        add(f, "KOOWATCH_OUTCOME", event_string(event, "outcome"));
        add(f, "KOOWATCH_ACCOUNT", event_string(event, "account"));
        add(f, "KOOWATCH_EVENT_ID", event_string(event, "eventId"));
}

#define REPORT(level, id, f, ...) log_entry(level, id, (f)->list, (f)->count, __VA_ARGS__)

/* ---- the journal ---- */

void report_registered(const struct watch *w) {
        const char *description = watch_task(w)->description;
        struct fields f = {};

        add_watch(&f, w);
        REPORT(LEVEL_INFO, MESSAGE_ID_TASK_REGISTERED, &f, "%s: registered%s%s", watch_name(w),
               description ? ", " : "", description ? description : "");
}

void report_invalid(struct report *r, const char *name, const char *text, bool running) {
        struct fields f = {};

        if (!running && str_replace(&r->invalid, text) == 0)
                (void) utf8_cut(r->invalid, STATUS_REASON_MAX);
        add(&f, "KOOWATCH_NAME", name);
        REPORT(LEVEL_WARNING, MESSAGE_ID_TASK_INVALID, &f, "%s; %s", text,
               running ? "the settings read before stay in force" : "the task is not watched so");
}

void report_hook_problem(const char *name, const char *path, const char *problem) {
        struct fields f = {};

        add(&f, "KOOWATCH_NAME", name);
        REPORT(LEVEL_WARNING, NULL, &f,
               "%s: %s; the task is watched, and the hook is looked for again when it has ended",
               path, problem);
}

void report_status_changed(const struct watch *w) {
        const struct task_state *c = watch_state(w);
        struct fields f = {};
        char progress[16] = "";

        add_watch(&f, w);
        add_state(&f, w);
        if (c->progress >= 0)
                (void) snprintf(progress, sizeof(progress), ", %d %%", c->progress);
        REPORT(LEVEL_INFO, MESSAGE_ID_TASK_STATUS_CHANGED, &f, "%s: %s%s", watch_name(w),
               koodrive_status_name((enum koodrive_status) c->status), progress);
}

void report_strange_status(const struct watch *w, long raw_status) {
        struct fields f = {};

        add_watch(&f, w);
        REPORT(LEVEL_WARNING, NULL, &f,
               "%s: the answer has taskStatus %ld, which the API does not document; it is asked "
               "again until its deadline",
               watch_name(w), raw_status);
}

/* Whether the code is one that was not told before; from then on it was. */
static bool is_news(struct report *r, const char *code) {
        for (size_t i = 0; i < r->n_codes_told; i++)
                if (streq(r->codes_told[i], code))
                        return false;
        if (r->n_codes_told == CODES_TOLD)
                return false;
        (void) snprintf(r->codes_told[r->n_codes_told++], sizeof(r->codes_told[0]), "%s", code);
        return true;
}

static void report_strange_code(struct report *r, const struct watch *w,
                                const struct koodrive_answer *a, const char *trace_id) {
        struct fields f = {};

        if (!*a->code || a->disposition.listed || !is_news(r, a->code))
                return;
        add_watch(&f, w);
        add(&f, "KOOWATCH_ERROR_CODE", a->code);
        add(&f, "KOOWATCH_ERROR_MESSAGE", a->message);
        add(&f, "KOODRIVE_TRACE_ID", trace_id);
        REPORT(LEVEL_WARNING, NULL, &f,
               "%s: the API does not document what it answers: %s; such answers are told of once, and "
               "taken as %s",
               watch_name(w), a->why, koodrive_class_name(a->disposition.class));
}

void report_polled(struct report *r, const struct watch *w, const struct koodrive_answer *a,
                   const char *trace_id, double seconds) {
        struct fields f = {};
        bool is_task = a->disposition.class == KOODRIVE_TASK;

        if (!is_task)
                report_strange_code(r, w, a, trace_id);
        if (!log_wants(LEVEL_DEBUG))
                return;
        add_watch(&f, w);
        if (is_task) {
                add_number(&f, "KOODRIVE_TASK_STATUS", a->status);
                add_number(&f, "KOODRIVE_PROGRESS", a->progress);
        }
        add(&f, "KOODRIVE_TRACE_ID", trace_id);
        REPORT(LEVEL_DEBUG, NULL, &f, "%s: polled in %.3f s: %s", watch_name(w), seconds,
               is_task ? koodrive_status_name(a->status) : a->why);
}

void report_fault(const struct watch *w, const struct koodrive_answer *a) {
        struct fields f = {};

        add_watch(&f, w);
        REPORT(LEVEL_WARNING, NULL, &f, "%s: %s; it is asked again with growing pauses",
               watch_name(w), a->why);
}

void report_recovered(const struct watch *w, unsigned faults) {
        struct fields f = {};

        add_watch(&f, w);
        REPORT(LEVEL_NOTICE, NULL, &f, "%s: answered again after %u fault%s", watch_name(w), faults,
               faults == 1 ? "" : "s");
}

void report_account(const struct account *a, unsigned held) {
        static const char *const advice[ACCOUNT_STATES] = {
                [ACCOUNT_THROTTLED] = "; its requests pause, then go on at a lower rate",
                [ACCOUNT_UNREACHABLE] = "; one request at a time tries whether it is back",
                [ACCOUNT_UNAUTHORIZED] =
                        "; its tasks wait for another credential and lose nothing meanwhile",
        };
        enum account_state state = account_state(a);
        struct fields f = {};

        add(&f, "KOOWATCH_ACCOUNT", account_name(a));
        if (state == ACCOUNT_OK && held == 0)
                REPORT(LEVEL_NOTICE, MESSAGE_ID_ACCOUNT_STATE_CHANGED, &f, "account %s: ok again",
                       account_name(a));
        else if (state == ACCOUNT_OK)
                REPORT(LEVEL_NOTICE, MESSAGE_ID_ACCOUNT_STATE_CHANGED, &f,
                       "account %s: ok again after %u failed request%s", account_name(a), held,
                       held == 1 ? "" : "s");
        else
                REPORT(LEVEL_WARNING, MESSAGE_ID_ACCOUNT_STATE_CHANGED, &f, "account %s: %s: %s%s",
                       account_name(a), account_state_name(state), account_reason(a),
                       advice[state]);
}

void report_lag(double seconds) {
        log_warning("polls are %.0f s late: RateLimit= allows fewer than the tasks would need, and "
                    "outcomes are seen later; raise it, or IntervalMin=",
                    seconds);
}

/* The link as it may be shown; the caller frees it. */
static char *shown_url(const struct report *r, const char *url) {
        const char *query = url ? strchr(url, '?') : NULL;

        if (!url)
                return NULL;
        if (r->download_url == DOWNLOAD_URL_REDACTED && query)
                return strndup(url, (size_t) (query - url));
        return strdup(url);
}

static enum koodrive_result result_of(json_object *event) {
        int code = event_integer(event, "taskResultCode");

        return code >= KOODRIVE_RESULT_SUCCEEDED && code <= KOODRIVE_RESULT_FAILED
                       ? (enum koodrive_result) code
                       : KOODRIVE_RESULT_UNKNOWN;
}

static void remember_last(struct report *r, json_object *event, const char *url) {
        CLEANUP(freep) char *shown = url ? strdup(url) : NULL;
        bool cut = shown && utf8_cut(shown, STATUS_URL_MAX);
        const char *outcome = event_string(event, "outcome");
        enum koodrive_result result = result_of(event);
        char text[64] = "";

        if (streq(outcome, outcome_name(OUTCOME_COMPLETED)))
                (void) snprintf(text, sizeof(text), ": %s", koodrive_result_text(result));
        if (event_string(event, "errorCode"))
                (void) snprintf(text, sizeof(text), ", code %s", event_string(event, "errorCode"));
        free(r->last);
        r->last = str_printf("%s %s%s%s%s%s", event_string(event, "name"), outcome, text,
                             shown ? ", " : "", shown ? shown : "", cut ? "…" : "");
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
        struct fields f = {};

        add_event(&f, event);
        add(&f, "KOOWATCH_ERROR_CODE", event_string(event, "errorCode"));
        add(&f, "KOOWATCH_ERROR_MESSAGE", event_string(event, "errorMessage"));
        REPORT(LEVEL_WARNING, MESSAGE_ID_TASK_FINISHED, &f, "%s: %s%s", event_string(event, "name"),
               event_string(event, "outcome"), text ? text : "");
}

void report_finished(struct report *r, json_object *event) {
        CLEANUP(freep) char *url = shown_url(r, event_string(event, "downloadUrl"));
        const char *outcome = event_string(event, "outcome");
        bool completed = streq(outcome, outcome_name(OUTCOME_COMPLETED));
        struct fields f = {};

        remember_last(r, event, url);
        if (event_string(event, "errorMessage")) {
                report_refused(event);
                return;
        }
        add_event(&f, event);
        add(&f, "KOODRIVE_DOWNLOAD_URL", url);
        REPORT(LEVEL_INFO, MESSAGE_ID_TASK_FINISHED, &f, "%s: %s%s%s", event_string(event, "name"),
               outcome, completed ? ", " : "",
               completed ? koodrive_result_text(result_of(event)) : "");
}

void report_link_kept(const struct watch *w, const char *problem) {
        struct fields f = {};

        add_watch(&f, w);
        REPORT(LEVEL_WARNING, NULL, &f, "%s: the downloadUrl is not handed to hooks: %s",
               watch_name(w), problem);
}

void report_stalled(json_object *event) {
        struct fields f = {};

        add_event(&f, event);
        REPORT(LEVEL_WARNING, MESSAGE_ID_TASK_STALLED, &f,
               "%s: nothing has moved for the time of StallTimeout=; it is watched on",
               event_string(event, "name"));
}

void report_hook_start(json_object *event, const char *hook) {
        struct fields f = {};

        add_event(&f, event);
        add(&f, "KOOWATCH_HOOK", hook);
        REPORT(LEVEL_INFO, MESSAGE_ID_HOOK_STARTED, &f, "%s: hook %s started",
               event_string(event, "name"), hook);
}

/* How a hook ended, where its result alone does not say it; the caller frees it. */
static char *describe_end(const struct hook_end *end) {
        if (end->timed_out)
                return str_printf(", its time was up after %.1f s", end->seconds);
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
                return strdup(" (such an event is not tried again)");
        if (next == 0)
                return str_printf(" (attempt %d, the last)", attempt);
        (void) timespan_format(next, pause, sizeof(pause));
        if (result == HOOK_PROGRESS)
                return str_printf(", goes on in %s (attempt %d)", pause, attempt);
        return str_printf(" (attempt %d, next try in %s)", attempt, pause);
}

void report_hook_end(json_object *event, const struct hook_end *end, usec_t next) {
        CLEANUP(freep) char *how = describe_end(end);
        CLEANUP(freep) char *then = describe_next(event, end->result, next);
        struct fields f = {};

        add_event(&f, event);
        add(&f, "KOOWATCH_HOOK", end->hook);
        add_number(&f, "KOOWATCH_EXIT_STATUS", end->status);
        /* With a reason it was not run at all. */
        REPORT(end->result == HOOK_FAILED || end->reason ? LEVEL_WARNING : LEVEL_INFO,
               MESSAGE_ID_HOOK_ENDED, &f, "%s: hook %s ended: %s%s%s", event_string(event, "name"),
               end->hook, hook_result_name(end->result), how ? how : "", then ? then : "");
}

void report_parked(json_object *event, unsigned attempts) {
        struct fields f = {};

        add_event(&f, event);
        REPORT(LEVEL_ERROR, MESSAGE_ID_DELIVERY_PARKED, &f,
               "%s: parked after %u attempts, because a hook would not end well; the outcome is kept "
               "in the store",
               event_string(event, "name"), attempts);
}

/* ---- the service manager ---- */

static void put_deliveries(FILE *f, const struct delivery_counts *c, unsigned parked) {
        if (c->waiting > 0)
                (void) fprintf(f, ", %u deliver%s waiting", c->waiting,
                               c->waiting == 1 ? "y" : "ies");
        if (c->waiting > 0 && c->failing > 0)
                (void) fprintf(f, " (%u failing)", c->failing);
        else if (c->failing > 0)
                (void) fprintf(f, ", %u deliver%s failing", c->failing,
                               c->failing == 1 ? "y" : "ies");
        if (parked > 0)
                (void) fprintf(f, ", %u parked", parked);
}

static char *make_status(const struct report *r, const struct report_status *s) {
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);

        if (!f)
                return NULL;
        (void) fprintf(f, "watching %u (%u running), %u finished",
                       s->watches.pending + s->watches.running, s->watches.running, s->finished);
        if (s->watches.invalid > 0)
                (void) fprintf(f, ", %u invalid", s->watches.invalid);
        if (s->watches.invalid > 0 && r->invalid)
                (void) fprintf(f, " (%s)", r->invalid);
        put_deliveries(f, &s->deliveries, s->parked);
        if (s->bad_config)
                (void) fprintf(f, "; the configuration has errors, the old one is in force");
        if (s->store_failing)
                (void) fprintf(f, "; the store cannot be written, outcomes wait");
        if (s->account)
                (void) fprintf(f, "; account %s %s: %s", account_name(s->account),
                               account_state_name(account_state(s->account)),
                               account_reason(s->account));
        if (s->hook_problem)
                (void) fprintf(f, "; %s", s->hook_problem);
        if (s->hook_problem && s->watches.hook_problems > 1)
                (void) fprintf(f, " (and %u more)", s->watches.hook_problems - 1);
        if (s->lag > 0)
                (void) fprintf(f, "; polls %.0f s late", s->lag);
        if (r->last)
                (void) fprintf(f, "; last: %s", r->last);
        if (fclose(f) != 0)
                return NULL;
        return STEAL_PTR(text);
}

/* No control characters; and UTF-8, as the service manager takes nothing else. */
static void make_harmless(char *text) {
        bool is_utf8 = utf8_is_valid(text, strlen(text));

        for (unsigned char *c = (unsigned char *) text; *c; c++)
                if (*c < ' ' || *c == 0x7f || (*c >= 0x80 && !is_utf8))
                        *c = '?';
                else if (*c == 0xc2 && c[1] < 0xa0) /* U+0080 to U+009F */
                        c[0] = c[1] = '?';
}

void report_status(struct report *r, const struct report_status *status, bool force) {
        char *text;

        /* One was corrected; which of them is not known here. */
        if (status->watches.invalid < r->invalid_count)
                free(STEAL_PTR(r->invalid));
        r->invalid_count = status->watches.invalid;
        text = make_status(r, status);
        if (!text)
                return;
        (void) utf8_cut(text, STATUS_MAX - strlen("STATUS="));
        make_harmless(text);
        if (force || !r->status || !streq(text, r->status))
                (void) sd_notifyf(false, "STATUS=%s", text);
        free(r->status);
        r->status = text;
}

int report_new(struct report **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void report_free(struct report *r) {
        if (!r)
                return;
        free(r->invalid);
        free(r->last);
        free(r->status);
        free(r);
}

void report_configure(struct report *r, enum download_url download_url) {
        r->download_url = download_url;
}

void report_ready(void) {
        (void) sd_notify(false, "READY=1");
}

void report_reloading(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%lld",
                          (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void report_reloaded(const char *path, bool ok) {
        if (ok)
                log_entry(LEVEL_INFO, MESSAGE_ID_CONFIG_RELOADED, NULL, 0,
                          "configuration reloaded from %s", path);
        else
                log_entry(LEVEL_ERROR, MESSAGE_ID_CONFIG_RELOADED, NULL, 0,
                          "%s: not reloaded because of the errors above; the old configuration "
                          "stays in force",
                          path);
        report_ready();
}

void report_stopping(usec_t at_most) {
        (void) sd_notifyf(false, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", (long long) at_most);
}

void report_watchdog(void) {
        (void) sd_notify(false, "WATCHDOG=1");
}
