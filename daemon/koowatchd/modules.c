#include "koowatchd/modules.h"

#include <errno.h>

#include "common/config.h"
#include "common/event-id.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/boot-id.h"
#include "koowatchd/bus/bus.h"
#include "koowatchd/commit.h"
#include "koowatchd/control/control.h"
#include "koowatchd/control/poll-router.h"
#include "koowatchd/control/task-signals.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/koodrive/body.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/membership.h"
#include "koowatchd/outbox.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/report/report.h"
#include "koowatchd/shared-tokens.h"
#include "koowatchd/status.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registry-handler.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/watch.h"

#define CREDENTIALS_PERIOD USEC_MINUTE
#define LEFT_TO_OTHERS_PAUSE (5 * USEC_SEC)
#define STORE_AWAY_PAUSE (1 * USEC_SEC)

/* ---- between modules ---- */

static void on_transient_error(void *userdata, const char *what, const char *why) {
        struct modules *m = userdata;

        rescan_request(&m->rescan, what, why);
}

static void on_rescan(void *userdata) {
        struct modules *m = userdata;

        accounts_check_credentials(m->accounts);
        registry_look(m->registry);
}

/* A net below inotify. */
static void on_credentials_check(struct timer *timer, usec_t now) {
        struct modules *m = container_of(timer, struct modules, credentials_timer);

        accounts_check_credentials(m->accounts);
        timer_arm(m->timers, timer, now + CREDENTIALS_PERIOD);
}

static void on_account_changed(void *userdata, struct account *account, unsigned failed_requests) {
        struct modules *m = userdata;
        char id[EVENT_ID_LENGTH + 1];

        event_id_make(id);
        report_account(account, failed_requests);
        if (membership_has(m->membership, account_name(account))) /* once a fleet */
                deliveries_add_once(m->deliveries,
                                    event_of_account(id, account_name(account),
                                                     account_state_name(account_state(account)),
                                                     account_reason(account)));
        if (bus_is_heard(m->bus))
                bus_emit(m->bus, "AccountChanged", control_account_signal(account));
        status_update(m->status);
}

static int on_account_added(void *userdata, struct account *account) {
        struct modules *m = userdata;

        return poller_add_account(m->poller, account);
}

static void on_account_removed(void *userdata, struct account *account) {
        struct modules *m = userdata;

        poller_remove_account(m->poller, account);
}

static void on_account_ready(void *userdata, struct account *account) {
        struct modules *m = userdata;

        poller_kick(m->poller, account);
}

static void on_account_refreshed(void *userdata, struct account *account) {
        struct modules *m = userdata;

        if (m->tokens)
                shared_tokens_refreshed(m->tokens, account);
}

static void on_account_settings_changed(void *userdata, struct account *account) {
        struct modules *m = userdata;

        poller_probe(m->poller, account);
}

static usec_t on_attempt(void *userdata, struct account *account) {
        struct modules *m = userdata;

        return accounts_prepare_attempt(m->accounts, account);
}

static bool is_store_away(void *commit) {
        enum commit_state state = commit_state(commit);

        return state == COMMIT_SILENT || state == COMMIT_UNREACHABLE;
}

static usec_t on_refresh_due(void *userdata, struct account *account) {
        struct modules *m = userdata;

        /* Two nodes that refresh would take the token from each other. */
        if (!membership_has(m->membership, account_name(account)))
                return clock_boot() + LEFT_TO_OTHERS_PAUSE;
        /* Whoever takes the account next could not know what has come of it. */
        if (is_store_away(m->commit))
                return clock_boot() + STORE_AWAY_PAUSE;
        return accounts_refresh(m->accounts, account);
}

static struct account *find_account(void *userdata, const char *name) {
        struct modules *m = userdata;

        return accounts_find(m->accounts, name);
}

static bool is_ours(void *userdata, const char *account) {
        const struct modules *m = userdata;

        return membership_has(m->membership, account);
}

static void on_invalid(void *userdata, const char *text) {
        struct modules *m = userdata;

        status_on_invalid(m->status, text);
}

static usec_t wall(void *userdata) {
        const struct modules *m = userdata;

        return accounts_wall(m->accounts, clock_boot(), clock_wall());
}

static void on_task(void *userdata, enum registry_change change, const char *name) {
        struct modules *m = userdata;

        task_signals_note(m->task_signals, change, name);
}

static void on_finished(void *userdata, json_object *event) {
        struct modules *m = userdata;

        status_on_finished(m->status, event);
        task_signals_finished(m->task_signals, event);
}

static void on_counted(void *userdata, unsigned finished, unsigned parked) {
        struct modules *m = userdata;

        status_on_counted(m->status, finished, parked);
}

/* ---- opening ---- */

struct delivery_settings modules_delivery_settings(const struct config *c) {
        return (struct delivery_settings){
                .hook_directories = c->hook_directories,
                .max_parallel = c->max_parallel,
                .attempts = c->attempts,
                .history = c->history,
        };
}

static int open_outbox(struct modules *m) {
        return outbox_new(m->loop, &m->outbox);
}

static int open_timers(struct modules *m) {
        int r = timers_new(m->loop, &m->timers);

        if (r == 0)
                r = rescan_open(&m->rescan, m->timers, (struct callback){on_rescan, m});
        if (r == 0)
                r = timer_open(m->timers, &m->credentials_timer, on_credentials_check);
        return r;
}

static int open_store(struct modules *m) {
        if (m->state.store)
                return 0;
        database_report_unused(m->config);
        return database_open(&m->database, m->config, m->loop, m->timers, &m->state.store,
                             &m->state.store_name);
}

static int open_bus(struct modules *m) {
        return bus_new(m->loop, m->timers, m->bus_kind, &m->bus);
}

static int open_dirwatch(struct modules *m) {
        return dirwatch_new(m->loop, &m->dirwatch);
}

static int open_http(struct modules *m) {
        return http_new(m->loop, KOODRIVE_ANSWER_MAX, &m->http);
}

static int open_reports(struct modules *m) {
        int r = metrics_new(&m->metrics);

        return r < 0 ? r : report_new(&m->report);
}

static usec_t run_until(void *userdata) {
        const struct modules *m = userdata;

        return store_trusted_until(m->state.store);
}

static int open_runner(struct modules *m) {
        CLEANUP(freep) char *locks = str_printf("%s/hook-locks", m->config->state_directory);
        int r;

        if (!locks)
                return -ENOMEM;
        r = make_directories(locks, 0700);
        if (r < 0)
                return r;
        r = runner_new(m->loop, m->timers, m->config->runner, m->config_path, locks, &m->runner);
        if (r == 0)
                r = runner_set_labels(m->runner, m->config->labels);
        if (r < 0 || m->config->store_backend == BACKEND_SQLITE)
                return r;
        return runner_set_fleet(m->runner, &(struct runner_fleet){
                                                   .node = m->config->store_node,
                                                   .run_until = run_until,
                                                   .userdata = m,
                                           });
}

static int open_poller(struct modules *m) {
        const struct poller_handler handler = {
                .on_ask = poll_router_on_ask,
                .on_answer = poll_router_on_answer,
                .on_attempt = on_attempt,
                .on_refresh_due = on_refresh_due,
                .on_polled = poll_router_on_polled,
                .userdata = m,
        };

        return poller_new(m->timers, m->http, &handler, &m->poller);
}

static int open_accounts(struct modules *m) {
        const struct accounts_handler handler = {
                .on_added = on_account_added,
                .on_removed = on_account_removed,
                .on_changed = on_account_changed,
                .on_ready = on_account_ready,
                .on_refreshed = on_account_refreshed,
                .on_settings_changed = on_account_settings_changed,
                .on_transient_error = on_transient_error,
                .userdata = m,
        };
        CLEANUP(freep) char *tokens = str_printf("%s/tokens", m->config->state_directory);

        if (!tokens)
                return -ENOMEM;
        timer_arm(m->timers, &m->credentials_timer, clock_boot() + CREDENTIALS_PERIOD);
        return accounts_new(m->timers, m->dirwatch, m->http, tokens, &handler, &m->accounts);
}

static int open_deliveries(struct modules *m) {
        const struct delivery_modules modules = {
                .timers = m->timers,
                .store = m->state.store,
                .runner = m->runner,
                .report = m->report,
                .metrics = m->metrics,
        };
        const struct delivery_settings settings = modules_delivery_settings(m->config);

        return deliveries_new(&modules, &settings, &m->deliveries);
}

static int open_registry(struct modules *m) {
        const struct registry_modules modules = {
                .timers = m->timers,
                .dirwatch = m->dirwatch,
                .store = m->state.store,
                .poller = m->poller,
                .deliveries = m->deliveries,
                .report = m->report,
                .metrics = m->metrics,
                .boot = boot_id(),
        };

        return registry_new(&modules, &m->registry);
}

static int open_nodes(struct modules *m) {
        return store_is_shared(m->state.store) ? node_list_new(m->state.store, &m->nodes) : 0;
}

static void on_tokens_dirty(void *userdata) {
        const struct modules *m = userdata;

        commit_request(m->commit);
}

static int open_tokens(struct modules *m) {
        if (!store_is_shared(m->state.store))
                return 0;
        return shared_tokens_new(m->state.store, m->accounts, m->config->store_fleet,
                                 (struct callback){on_tokens_dirty, m}, &m->tokens);
}

static void on_membership(void *userdata) {
        const struct modules *m = userdata;

        status_update(m->status);
}

static int open_membership(struct modules *m) {
        const struct membership_modules modules = {
                .store = m->state.store,
                .accounts = m->accounts,
                .registry = m->registry,
                .deliveries = m->deliveries,
                .tokens = m->tokens,
                .nodes = m->nodes,
                .on_settled = m->on_settled,
                .on_status = {on_membership, m},
                .on_leave = m->on_leave,
                .on_over = m->on_over,
        };

        return membership_new(&modules, &m->membership);
}

static int open_commit(struct modules *m) {
        return commit_new(m->timers, m->state.store, m->state.store_name, m->registry,
                          m->deliveries, &m->commit);
}

static int collect_tokens(void *userdata, struct store_batch *batch) {
        const struct modules *m = userdata;

        return shared_tokens_collect(m->tokens, batch);
}

static void tokens_committed(void *userdata, bool written) {
        const struct modules *m = userdata;

        shared_tokens_committed(m->tokens, written);
}

static int open_control(struct modules *m) {
        const struct control_modules modules = {
                .timers = m->timers,
                .store = m->state.store,
                .accounts = m->accounts,
                .poller = m->poller,
                .deliveries = m->deliveries,
                .registry = m->registry,
                .nodes = m->nodes,
                .is_store_away = is_store_away,
                .store_userdata = m->commit,
                .on_delivery = {commit_count, m->commit},
        };

        return control_new(&modules, &m->control);
}

static int open_task_signals(struct modules *m) {
        return task_signals_new(m->timers, m->bus, m->registry, &m->task_signals);
}

static int open_status(struct modules *m) {
        const struct status_sources sources = {
                .timers = m->timers,
                .registry = m->registry,
                .commit = m->commit,
                .deliveries = m->deliveries,
                .accounts = m->accounts,
                .poller = m->poller,
                .report = m->report,
                .metrics = m->metrics,
                .membership = m->membership,
                .nodes = m->nodes,
                .store = m->state.store,
                .store_name = m->state.store_name,
                .store_backend =
                        m->config->store_backend == BACKEND_SQLITE ? "sqlite" : "postgresql",
                .bus = m->bus,
        };

        return status_new(&sources, &m->status);
}

static void on_parked(void *userdata) {
        struct modules *m = userdata;

        status_on_parked(m->status);
        commit_count_soon(m->commit);
}

/* Who calls whom upwards, past this module: all of them are there now. */
static void connect_modules(struct modules *m) {
        const struct callback on_dirty = {commit_request, m->commit};
        const struct callback on_status = {status_update, m->status};

        deliveries_set_handler(m->deliveries, &(struct delivery_handler){
                                                      .on_dirty = on_dirty,
                                                      .on_status = on_status,
                                                      .on_parked = {on_parked, m},
                                                      .on_finished = on_finished,
                                                      .finished_userdata = m,
                                                      .on_delivered = registry_on_delivered,
                                                      .on_given_up = registry_on_parked,
                                                      .delivered_userdata = m->registry,
                                              });
        registry_set_handler(m->registry, &(struct registry_handler){
                                                  .on_dirty = on_dirty,
                                                  .on_status = on_status,
                                                  .find_account = find_account,
                                                  .is_ours = is_ours,
                                                  .on_invalid = on_invalid,
                                                  .on_transient_error = on_transient_error,
                                                  .on_task = on_task,
                                                  .userdata = m,
                                          });
        commit_set_handler(m->commit, &(struct commit_handler){
                                              .on_status = on_status,
                                              .on_counted = on_counted,
                                              .wall = wall,
                                              .collect = collect_tokens,
                                              .committed = tokens_committed,
                                              .userdata = m,
                                      });
        outbox_set_on_sent(m->outbox, &(struct callback){deliveries_tell, m->deliveries});
}

int modules_open(struct modules *m) {
        static int (*const steps[])(struct modules *) = {
                open_outbox,     open_timers,   open_store,        open_bus,    open_dirwatch,
                open_http,       open_reports,  open_runner,       open_poller, open_accounts,
                open_deliveries, open_registry, open_nodes,        open_tokens, open_membership,
                open_commit,     open_control,  open_task_signals, open_status,
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_LEN(steps); i++)
                r = steps[i](m);
        if (r == 0)
                connect_modules(m);
        return r;
}

/* The steps of modules_open(), read upwards. */
void modules_close(struct modules *m) {
        status_free(m->status);
        task_signals_free(m->task_signals);
        control_free(m->control);
        commit_free(m->commit);
        membership_free(STEAL_PTR(m->membership));
        shared_tokens_free(STEAL_PTR(m->tokens));
        node_list_free(STEAL_PTR(m->nodes));
        registry_free(m->registry);
        deliveries_free(m->deliveries);
        accounts_free(m->accounts);
        poller_free(m->poller);
        runner_free(m->runner);
        report_free(m->report);
        metrics_free(m->metrics);
        http_free(m->http);
        dirwatch_free(m->dirwatch);
        bus_free(m->bus);
        store_close(STEAL_PTR(m->state.store));
        rescan_close(&m->rescan);
        if (m->timers)
                timer_close(m->timers, &m->credentials_timer);
        timers_free(m->timers);
        outbox_free(m->outbox);
}
