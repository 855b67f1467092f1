#include "koowatchd/status.h"

#include <errno.h>
#include <json-c/json_object.h>
#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/bus/bus.h"
#include "koowatchd/commit.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/membership.h"
#include "koowatchd/metrics-file.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/properties.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/notify.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/trouble.h"

#define UPDATE_PAUSE USEC_SEC
#define SENT_A_SECOND_MAX 10 /* because of outcomes */
#define TICK_PERIOD (15 * USEC_SEC)
#define URL_MAX 512
#define REASON_MAX 256

struct status {
        struct status_sources from;
        struct metrics_file metrics_file;
        struct timer update_timer, tick_timer, watchdog_timer;
        usec_t tick_due, watchdog_period;
        double loop_lag;
        unsigned finished, parked, invalid_count;
        json_object *last; /* the outcome that came last; NULL: none yet */
        char *invalid;     /* what is wrong with a file that is not watched; NULL: not known */
        char *sent;        /* the text that was sent last */
        usec_t sent_at[SENT_A_SECOND_MAX]; /* the last ones because of an outcome */
        unsigned next_sent;
        bool config_error, lag_reported;
};

/* ---- the text ---- */

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

static void put_counts(FILE *f, const struct status *s, const struct registry_counts *watches) {
        const struct delivery_counts deliveries = deliveries_count(s->from.deliveries);

        (void) fprintf(f, "watching %u (%u running), %u finished",
                       watches->pending + watches->running, watches->running, s->finished);
        if (watches->invalid > 0)
                (void) fprintf(f, ", %u invalid", watches->invalid);
        if (watches->invalid > 0 && s->invalid)
                (void) fprintf(f, " (%s)", s->invalid);
        put_deliveries(f, &deliveries, s->parked);
}

/* "; node a: 1 of 2 accounts", where that is not all that there is. */
static void put_node(FILE *f, const struct status *s) {
        const struct store_node *self = node_list_self(s->from.nodes);
        const struct membership_counts n = membership_count(s->from.membership);

        if (self && (n.served > 1 || node_list_count(s->from.nodes) > 1))
                (void) fprintf(f, "; node %s: %u of %u account%s", self->name, n.held, n.served,
                               n.served == 1 ? "" : "s");
}

/* One of those that no node polls. */
static const struct account *find_left(const struct status *s) {
        const size_t n = accounts_list(s->from.accounts, NULL, 0);
        CLEANUP(freep) struct account **all = calloc(n + 1, sizeof(struct account *));

        for (size_t i = 0; all && i < accounts_list(s->from.accounts, all, n); i++)
                if (membership_is_left(s->from.membership, all[i]))
                        return all[i];
        return NULL;
}

static void put_problems(FILE *f, const struct status *s, const struct registry_counts *watches) {
        const struct account *account = accounts_first_failing(s->from.accounts);
        const struct account *left = find_left(s);
        const char *hook_problem = registry_hook_problem(s->from.registry);
        usec_t lag;
        const struct account *late = poller_overloaded(s->from.poller, clock_boot(), &lag);

        if (s->config_error)
                (void) fprintf(f, "; the configuration has errors, the old one is in effect");
        if (commit_state(s->from.commit) == COMMIT_FAILING)
                (void) fprintf(f, "; the store is not writable, outcomes wait");
        if (commit_state(s->from.commit) == COMMIT_SILENT)
                (void) fprintf(f, "; the store does not answer, outcomes wait");
        if (commit_state(s->from.commit) == COMMIT_UNREACHABLE)
                (void) fprintf(f, "; the store cannot be reached, outcomes wait");
        if (commit_state(s->from.commit) == COMMIT_OK &&
            !membership_has_session(s->from.membership))
                (void) fprintf(f, "; no session in the database, nothing is polled");
        if (left)
                (void) fprintf(f, "; no node polls account %s", account_name(left));
        if (account)
                (void) fprintf(f, "; account %s %s: %s", account_name(account),
                               account_state_name(account_state(account)), account_reason(account));
        if (hook_problem)
                (void) fprintf(f, "; %s", hook_problem);
        if (hook_problem && watches->hook_problems > 1)
                (void) fprintf(f, " (and %u more)", watches->hook_problems - 1);
        if (lag >= TROUBLE_LAG_MIN)
                (void) fprintf(f, "; polling of account %s %.0f s behind", account_name(late),
                               (double) lag / 1e6);
}

/* "; last: photos completed: all succeeded, https://..." */
static void put_last(FILE *f, const struct status *s) {
        CLEANUP(freep)
        char *url = report_shown_url(s->from.report, event_string(s->last, "downloadUrl"));
        bool cut = url && utf8_cut(url, URL_MAX);
        const char *outcome = event_string(s->last, "outcome");
        const char *code = event_string(s->last, "errorCode");

        (void) fprintf(f, "; last: %s %s", event_string(s->last, "name"), outcome);
        if (code)
                (void) fprintf(f, ", code %s", code);
        else if (streq(outcome, outcome_name(OUTCOME_COMPLETED)))
                (void) fprintf(f, ": %s", koodrive_result_text(event_result(s->last)));
        if (url)
                (void) fprintf(f, ", %s%s", url, cut ? "…" : "");
}

/* The caller frees it; NULL when memory is short. */
static char *make_text(const struct status *s, const struct registry_counts *watches) {
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);

        if (!f)
                return NULL;
        put_counts(f, s, watches);
        put_node(f, s);
        put_problems(f, s, watches);
        if (s->last)
                put_last(f, s);
        if (fclose(f) != 0)
                return NULL;
        return STEAL_PTR(text);
}

static void set_properties(struct status *s, const struct registry_counts *watches, usec_t now) {
        properties_set_store(s->from.bus, &(struct store_facts){
                                                  .store = s->from.store,
                                                  .name = s->from.store_name,
                                                  .backend = s->from.store_backend,
                                                  .commit = s->from.commit,
                                                  .membership = s->from.membership,
                                                  .nodes = s->from.nodes,
                                          });
        properties_set(s->from.bus,
                       &(struct trouble_sources){
                               .accounts = s->from.accounts,
                               .commit = s->from.commit,
                               .deliveries = s->from.deliveries,
                               .poller = s->from.poller,
                               .registry = s->from.registry,
                               .membership = s->from.membership,
                               .tasks = *watches,
                               .finished = s->finished,
                               .parked = s->parked,
                               .invalid = s->invalid,
                               .config_error = s->config_error,
                       },
                       now);
}

static void send_text(struct status *s, bool force) {
        struct registry_counts watches = registry_count(s->from.registry);
        CLEANUP(freep) char *text = NULL;

        timer_disarm(s->from.timers, &s->update_timer);
        /* One was corrected; which of them is not known here. */
        if (watches.invalid < s->invalid_count)
                free(STEAL_PTR(s->invalid));
        s->invalid_count = watches.invalid;
        set_properties(s, &watches, clock_boot());
        text = make_text(s, &watches);
        if (!text || (!force && s->sent && streq(text, s->sent)))
                return;
        (void) str_replace(&s->sent, text);
        notify_status(text);
}

void status_send(struct status *s) {
        send_text(s, true);
}

void status_update(void *status) {
        struct status *s = status;

        if (!timer_is_armed(&s->update_timer))
                timer_arm(s->from.timers, &s->update_timer, clock_boot() + UPDATE_PAUSE);
}

static void on_update_timer(struct timer *timer, usec_t now) {
        (void) now;
        send_text(container_of(timer, struct status, update_timer), false);
}

/* Each outcome is sent at once, but of many only the newest, with the next update. */
static bool may_send(struct status *s, usec_t now) {
        usec_t *oldest = s->sent_at + s->next_sent;

        if (now - *oldest < USEC_SEC)
                return false;
        *oldest = now;
        s->next_sent = (s->next_sent + 1) % SENT_A_SECOND_MAX;
        return true;
}

void status_on_finished(void *status, json_object *event) {
        struct status *s = status;

        s->finished++;
        json_object_put(s->last);
        s->last = json_object_get(event);
        if (may_send(s, clock_boot()))
                send_text(s, true);
        status_update(s); /* its delivery begins only now */
}

void status_on_parked(void *status) {
        struct status *s = status;

        s->parked++;
        status_update(s);
}

void status_on_invalid(void *status, const char *text) {
        struct status *s = status;

        if (str_replace(&s->invalid, text) == 0)
                (void) utf8_cut(s->invalid, REASON_MAX);
        status_update(s);
}

void status_on_counted(void *status, unsigned finished, unsigned parked) {
        struct status *s = status;

        s->finished = finished;
        s->parked = parked;
        status_update(s);
}

static void tick_now(struct status *s) {
        timer_arm(s->from.timers, &s->tick_timer, s->tick_due = clock_boot());
}

void status_set_config_error(struct status *s, bool is_error) {
        if (is_error != s->config_error)
                tick_now(s);
        s->config_error = is_error;
}

/* ---- every 15 s ---- */

static void write_metrics(struct status *s, const struct registry_counts *watches, usec_t now) {
        metrics_file_write(&s->metrics_file,
                           &(struct metrics_sources){
                                   .accounts = s->from.accounts,
                                   .commit = s->from.commit,
                                   .deliveries = s->from.deliveries,
                                   .metrics = s->from.metrics,
                                   .membership = s->from.nodes ? s->from.membership : NULL,
                                   .poller = s->from.poller,
                                   .tasks = *watches,
                                   .parked = s->parked,
                                   .config_error = s->config_error,
                                   .loop_lag = s->loop_lag,
                                   .now = now,
                           });
}

/* The warning comes again only when it has caught up in between. */
static void check_lag(struct status *s, usec_t now) {
        usec_t lag;
        const struct account *account = poller_overloaded(s->from.poller, now, &lag);
        bool late = lag >= TROUBLE_LAG_MIN;

        if (late && !s->lag_reported)
                report_lag(account_name(account), (double) lag / 1e6);
        if (late || s->lag_reported)
                status_update(s);
        s->lag_reported = late || (s->lag_reported && lag >= TROUBLE_LAG_MIN / 2);
}

static void on_tick(struct timer *timer, usec_t now) {
        struct status *s = container_of(timer, struct status, tick_timer);
        const struct registry_counts watches = registry_count(s->from.registry);

        s->loop_lag = (double) (now - s->tick_due) / 1e6;
        /* What no descriptor tells of: a receiver that could not be reached is there again. */
        (void) log_flush();
        (void) notify_flush();
        check_lag(s, now);
        set_properties(s, &watches, now);
        write_metrics(s, &watches, now);
        timer_arm(s->from.timers, timer, s->tick_due = now + TICK_PERIOD);
}

/* ---- the watchdog ---- */

static void on_watchdog(struct timer *timer, usec_t now) {
        struct status *s = container_of(timer, struct status, watchdog_timer);

        notify_watchdog();
        timer_arm(s->from.timers, timer, now + s->watchdog_period);
}

void status_start_watchdog(struct status *s) {
        uint64_t usec = 0;

        if (sd_watchdog_enabled(false, &usec) <= 0)
                return;
        s->watchdog_period = MAX((usec_t) usec / 2, USEC_MSEC);
        timer_arm(s->from.timers, &s->watchdog_timer, clock_boot());
}

/* ---- the whole ---- */

int status_new(const struct status_sources *sources, struct status **ret) {
        CLEANUP(status_freep) struct status *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->from = *sources;
        bus_set_property(s->from.bus, "Version", json_object_new_string(KOOWATCH_VERSION));
        r = timer_open(s->from.timers, &s->update_timer, on_update_timer);
        if (r == 0)
                r = timer_open(s->from.timers, &s->tick_timer, on_tick);
        if (r == 0)
                r = timer_open(s->from.timers, &s->watchdog_timer, on_watchdog);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(s);
        return 0;
}

void status_free(struct status *s) {
        if (!s)
                return;
        timer_close(s->from.timers, &s->update_timer);
        timer_close(s->from.timers, &s->tick_timer);
        timer_close(s->from.timers, &s->watchdog_timer);
        metrics_file_clear(&s->metrics_file);
        json_object_put(s->last);
        free(s->invalid);
        free(s->sent);
        free(s);
}

int status_configure(struct status *s, const char *metrics_file, enum metrics_format format) {
        int r = metrics_file_configure(&s->metrics_file, metrics_file, format);

        tick_now(s);
        return r;
}
