#include "koowatchd/daemon.h"

#include <curl/curl.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "common/config.h"
#include "common/event-id.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/memory-trim.h"
#include "koowatchd/no-exec.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/hook-check.h"
#include "koowatchd/task/strays.h"
#include "koowatchd/task/taskdir.h"
#include "koowatchd/task/watches.h"

#define STORE_RETRY (5 * USEC_SEC)
#define STATUS_PAUSE USEC_SEC
#define METRICS_PERIOD (15 * USEC_SEC)
#define PRUNE_PERIOD USEC_HOUR
#define DRAIN_TIME (5 * USEC_SEC)
#define RESCAN_PAUSE (5 * USEC_SEC)
#define FAULTS_TOLD 3 /* in a row: what passes by itself is not told of */
#define LAG_NOTICEABLE (10 * USEC_SEC)

struct daemon {
        const struct daemon_options *options;
        struct config *config;
        struct ev_loop *loop;
        int state_fd; /* the state directory, locked */

        struct timers *timers;
        struct dirwatch *dirwatch;
        struct store *store;
        struct http *http;
        struct metrics *metrics;
        struct report *report;
        struct runner *runner;
        struct poller *poller;
        struct watches *watches;
        struct taskdir *taskdir;
        struct deliveries *deliveries;
        struct accounts *accounts;

        ev_signal on_term, on_int, on_hup;
        ev_prepare before_wait;
        struct timer retry_timer, status_timer, tick_timer, prune_timer, watchdog_timer,
                drain_timer, rescan_timer;
        usec_t watchdog_period; /* 0: none */
        usec_t tick_due;
        double loop_lag;
        struct store_counts counts;
        struct strays strays;
        bool dirty, store_failing;
        unsigned hook_problems; /* at the last tick */
        bool bad_config, lag_told, metrics_failing;
        bool stopping;
};

/* ---- status ---- */

static void send_status(struct daemon *d, bool force) {
        usec_t lag = poller_lag(d->poller, clock_boot());

        timer_disarm(d->timers, &d->status_timer);
        report_status(d->report,
                      &(struct report_status){
                              .watches = watches_count(d->watches),
                              .finished = d->counts.finished,
                              .parked = d->counts.parked,
                              .deliveries = deliveries_count(d->deliveries),
                              .hook_problem = watches_hook_problem(d->watches),
                              .lag = lag >= LAG_NOTICEABLE && !accounts_troubled(d->accounts)
                                             ? (double) lag / 1e6
                                             : 0,
                              .account = accounts_troubled(d->accounts),
                              .bad_config = d->bad_config,
                              .store_failing = d->store_failing,
                      },
                      force);
}

/* What changes often is told once a second; outcomes do not wait for that. */
static void mark_status(struct daemon *d) {
        if (!timer_is_armed(&d->status_timer))
                timer_arm(d->timers, &d->status_timer, clock_boot() + STATUS_PAUSE);
}

static void on_status_timer(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, status_timer);

        (void) now;
        send_status(d, false);
}

/* ---- the store: one transaction a turn of the loop ---- */

static void mark_dirty(void *userdata) {
        struct daemon *d = userdata;

        d->dirty = true;
        mark_status(d);
}

static int write_all_modules(struct daemon *d) {
        int r;

        r = store_begin(d->store);
        if (r < 0)
                return r;
        r = watches_write(d->watches);
        if (r == 0)
                r = deliveries_write(d->deliveries);
        if (r < 0) {
                store_rollback(d->store);
                return r;
        }
        return store_commit(d->store);
}

static void flush(struct daemon *d) {
        int r;

        d->dirty = false;
        r = write_all_modules(d);
        if (r < 0) {
                if (!d->store_failing)
                        log_error("%s/state.db: cannot be written (%s); outcomes wait and are "
                                  "written as soon as it can",
                                  d->config->state_directory, store_error(d->store));
                d->dirty = d->store_failing = true;
                timer_arm(d->timers, &d->retry_timer, clock_boot() + STORE_RETRY);
                mark_status(d);
                return;
        }
        if (d->store_failing)
                log_notice("%s/state.db: can be written again", d->config->state_directory);
        d->store_failing = false;
        watches_written(d->watches);
        deliveries_written(d->deliveries);
}

static void on_retry_timer(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, retry_timer);

        (void) now;
        flush(d);
}

static void before_wait(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        struct daemon *d = container_of(prepare, struct daemon, before_wait);

        (void) revents;

        /* Telling of what was written may lead to more to write. */
        while (d->dirty && !d->store_failing)
                flush(d);
        if (d->stopping && poller_in_flight(d->poller) == 0 &&
            !accounts_are_refreshing(d->accounts) && !runner_is_busy(d->runner))
                ev_break(loop, EVBREAK_ALL);
}

/* ---- tasks ---- */

static void on_ask(void *userdata, struct poll *poll, struct koodrive_query *query) {
        struct watch *w = watch_of_poll(poll);

        (void) userdata;
        query->task_id = watch_task(w)->task_id;
        query->share_id = watch_task(w)->share_id;
        query->kdstoken = watch_kdstoken(w);
}

static void on_polled(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                      const char *trace_id, double seconds) {
        struct daemon *d = userdata;
        struct watch *w = watch_of_poll(poll);

        metrics_polled(d->metrics, account_name(watch_account(w)), answer->disposition.class,
                       seconds);
        report_polled(d->report, w, answer, trace_id, seconds);
}

static json_object *make_event(struct watch *w, const char *type, const char *id,
                               enum outcome outcome, const struct koodrive_answer *answer) {
        const struct account_config *settings = account_settings(watch_account(w));
        const struct task *task = watch_task(w);
        CLEANUP(freep) char *path = watch_path(w);
        const char *url = answer->download_url, *problem = answer->url_problem;

        if (url && (problem = link_problem(url, settings->allow_plain_http)))
                url = NULL;
        if (problem)
                report_link_kept(w, problem);
        return event_of_task(type, id,
                             &(struct event_task){
                                     .name = watch_name(w),
                                     .account = settings->name,
                                     .task_id = task->task_id,
                                     .share_id = task->share_id,
                                     .file = path,
                                     .hooks = task->hooks,
                                     .variables = (const char *const *) task->variables,
                                     .registered = watch_registered(w),
                                     .finished = outcome == OUTCOME_NONE ? 0 : clock_wall(),
                                     .polls = watch_state(w)->polls,
                                     .outcome = outcome,
                                     .answer = answer,
                                     .download_url = url,
                             });
}

/* Returns false when memory is short: then the task is asked about again. */
static bool finish(struct daemon *d, struct watch *w, enum outcome outcome,
                   const struct koodrive_answer *answer) {
        CLEANUP(freep) char *id = malloc(EVENT_ID_LENGTH + 1);
        json_object *event;

        if (!id)
                return false;
        event_id_make(id);
        event = make_event(w, EVENT_FINISHED, id, outcome, answer);
        if (!event || deliveries_add(d->deliveries, event) < 0) {
                json_object_put(event);
                return false;
        }
        watch_finish(w, STEAL_PTR(id));
        metrics_finished(d->metrics, outcome, answer->result);
        return true;
}

static void stall(struct daemon *d, struct watch *w, const struct koodrive_answer *answer) {
        char id[EVENT_ID_LENGTH + 1];
        json_object *event;

        event_id_make(id);
        event = make_event(w, EVENT_STALLED, id, OUTCOME_NONE, answer);
        if (!event)
                return;
        report_stalled(event);
        deliveries_add_once(d->deliveries, event);
}

static usec_t on_fault(struct daemon *d, struct watch *w, const struct koodrive_answer *answer,
                       usec_t now) {
        struct task_verdict verdict = watch_fault(w, now, answer, random_share());

        if (verdict.outcome != OUTCOME_NONE)
                return finish(d, w, verdict.outcome, answer) ? POLL_STOP : USEC_SEC;
        if (watch_state(w)->faults == FAULTS_TOLD)
                report_fault(w, answer);
        return verdict.delay;
}

static usec_t on_answer(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                        usec_t now) {
        struct daemon *d = userdata;
        struct watch *w = watch_of_poll(poll);
        unsigned faults = watch_state(w)->faults;
        struct task_verdict verdict;

        if (answer->disposition.class != KOODRIVE_TASK)
                return on_fault(d, w, answer, now);

        verdict = watch_observe(w, now, answer, random_share());
        if (faults >= FAULTS_TOLD)
                report_recovered(w, faults);
        if (verdict.strange)
                report_strange_status(w, answer->raw_status);
        /* An end is told when it is on disk, not before. */
        if (verdict.status_changed && verdict.outcome == OUTCOME_NONE) {
                report_status_changed(w);
                mark_status(d);
        }
        if (verdict.stalled)
                stall(d, w, answer);
        if (verdict.outcome == OUTCOME_NONE)
                return verdict.delay;
        return finish(d, w, verdict.outcome, answer) ? POLL_STOP : USEC_SEC;
}

static void on_registered(void *userdata, struct watch *watch) {
        mark_status(userdata);
        report_registered(watch);
}

static void on_invalid(void *userdata, const char *name, const char *text, bool running) {
        struct daemon *d = userdata;

        mark_status(d);
        report_invalid(d->report, name, text, running);
}

static void on_hook_problem(void *userdata, const char *name, const char *path,
                            const char *problem) {
        mark_status(userdata);
        report_hook_problem(name, path, problem);
}

static void on_stray(void *userdata, const char *path) {
        struct daemon *d = userdata;

        strays_note(&d->strays, path);
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        struct daemon *d = userdata;

        if (timer_is_armed(&d->rescan_timer))
                return;
        log_warning("%s: could not be read (%s); what may have been missed is read again in 5 s",
                    what, why);
        timer_arm(d->timers, &d->rescan_timer, clock_boot() + RESCAN_PAUSE);
}

/* ---- deliveries ---- */

static void on_committed(void *userdata, json_object *event) {
        struct daemon *d = userdata;

        d->counts.finished++;
        report_finished(d->report, event);
        send_status(d, true);
        mark_status(d); /* its delivery begins only now */
}

static void on_hook_start(void *userdata, json_object *event, const char *hook) {
        (void) userdata;
        report_hook_start(event, hook);
}

static void on_hook_end(void *userdata, json_object *event, const struct hook_end *end,
                        usec_t next) {
        struct daemon *d = userdata;

        metrics_hook(d->metrics, end->result);
        report_hook_end(event, end, next);
        mark_status(d);
}

static void on_over(void *userdata, json_object *event, unsigned parked_after) {
        struct daemon *d = userdata;

        if (parked_after > 0) {
                d->counts.parked++;
                report_parked(event, parked_after);
        }
        watches_delivered(d->watches, event_string(event, "name"), event_string(event, "eventId"));
        mark_status(d);
}

/* ---- accounts ---- */

static void on_account_changed(void *userdata, struct account *account, unsigned held) {
        struct daemon *d = userdata;
        char id[EVENT_ID_LENGTH + 1];

        event_id_make(id);
        report_account(account, held);
        deliveries_add_once(d->deliveries,
                            event_of_account(id, account_name(account),
                                             account_state_name(account_state(account)),
                                             account_reason(account)));
        mark_status(d);
}

static void on_refresh_due(void *userdata, struct account *account) {
        struct daemon *d = userdata;

        accounts_refresh(d->accounts, account);
}

static struct account *find_account(void *userdata, const char *name) {
        struct daemon *d = userdata;

        return accounts_find(d->accounts, name);
}

static int apply_accounts(struct daemon *d) {
        unsigned connections = 0;

        for (size_t i = 0; i < d->config->n_accounts; i++)
                connections += d->config->accounts[i].max_in_flight;
        http_set_max_connections(d->http, connections);
        return accounts_configure(d->accounts, d->config);
}

/* ---- the rest of the configuration ---- */

static struct delivery_settings delivery_settings(const struct config *c) {
        return (struct delivery_settings){
                .hook_directories = c->hook_directories,
                .max_parallel = c->max_parallel,
                .attempts = c->attempts,
                .history = c->history,
        };
}

static void apply_settings(struct daemon *d) {
        const struct config *c = d->config;

        log_set_level(d->options->has_log_level ? d->options->log_level : c->log_level);
        report_configure(d->report, c->download_url);
        watches_configure(d->watches,
                          &(struct task_limits){
                                  .pace = {c->interval_min, c->interval_max},
                                  .timeout = c->timeout,
                                  .stall_timeout = c->stall_timeout,
                          },
                          c->hook_directories);
        timer_arm(d->timers, &d->tick_timer, d->tick_due = clock_boot());
}

static int open_taskdir(struct daemon *d) {
        CLEANUP(freep) char *state_tasks = str_printf("%s/tasks.d", d->config->state_directory);
        const struct taskdir_handler handler = watches_taskdir_handler(d->watches);
        struct taskdir *new = NULL;
        int r;

        if (!state_tasks)
                return -ENOMEM;
        r = taskdir_new(d->dirwatch, d->config->task_directories, state_tasks, &handler, &new);
        if (r < 0)
                return r;
        watches_set_taskdir(d->watches, new);
        taskdir_free(d->taskdir);
        d->taskdir = new;
        return 0;
}

static void warn_of_late_settings(const struct config *old, const struct config *new) {
        if (!streq(old->state_directory, new->state_directory))
                log_warning("StateDirectory= has changed, which takes effect at a restart");
        if (old->log_target != new->log_target)
                log_warning("LogTarget= has changed, which takes effect at a restart");
        if (!streq(old->runner, new->runner))
                log_warning("Runner= has changed, which takes effect at a restart");
}

static void on_bad_hook(void *userdata, const char *path, const char *why) {
        (void) userdata;
        log_warning("%s: would not run when an event comes: %s", path, why);
}

/* Puts a new configuration (taken over) in the place of the old one. Returns 0 or a negative errno.
 */
static int adopt(struct daemon *d, struct config *new) {
        struct config *old = d->config;
        const struct delivery_settings settings = delivery_settings(new);
        int r;

        warn_of_late_settings(old, new);
        r = config_set_state_directory(new, old->state_directory);
        if (r == 0)
                r = deliveries_configure(d->deliveries, &settings);
        if (r < 0) {
                config_free(new);
                return r;
        }
        d->config = new;
        apply_settings(d);
        config_free(old);
        r = apply_accounts(d);
        if (r < 0)
                return r;
        r = open_taskdir(d);
        if (r < 0)
                return r;
        dirwatch_refresh(d->dirwatch);
        taskdir_scan(d->taskdir);
        watches_check_accounts(d->watches);
        watches_check_hooks(d->watches, true);
        hook_check_events(d->config->hook_directories, on_bad_hook, NULL);
        return 0;
}

static void reload(struct daemon *d) {
        struct config *new = NULL;
        int r;

        report_reloading();
        r = config_read(d->options->config_path, d->options->config_required, config_log_fault,
                        NULL, &new);
        if (r == 0)
                r = adopt(d, new);
        d->bad_config = r < 0;
        send_status(d, true); /* before READY=1: who waits for that finds the status true */
        report_reloaded(d->options->config_path, r == 0);
}

/* ---- timers and signals ---- */

static void write_metrics(struct daemon *d, usec_t lag) {
        size_t n = accounts_list(d->accounts, NULL, 0);
        CLEANUP(freep) struct account **accounts = calloc(n + 1, sizeof(struct account *));
        struct metrics_gauges gauges = {
                .watches = watches_count(d->watches),
                .accounts = accounts,
                .n_accounts = accounts ? accounts_list(d->accounts, accounts, n) : 0,
                .deliveries_pending = deliveries_pending(d->deliveries),
                .deliveries_parked = d->counts.parked,
                .poll_lag = (double) lag / 1e6,
                .loop_lag = d->loop_lag,
        };
        int r = accounts ? metrics_write(d->metrics, &gauges, d->config->metrics_file) : -ENOMEM;

        if (r < 0 && !d->metrics_failing)
                log_warning("MetricsFile %s: cannot be written (%s), it is tried again every 15 s",
                            d->config->metrics_file, strerror(-r));
        else if (r == 0 && d->metrics_failing)
                log_notice("MetricsFile %s: can be written again", d->config->metrics_file);
        d->metrics_failing = r < 0;
}

static void on_tick(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, tick_timer);
        usec_t lag = poller_lag(d->poller, now);
        bool late = lag >= LAG_NOTICEABLE && !accounts_troubled(d->accounts);

        d->loop_lag = (double) (now - d->tick_due) / 1e6;
        if (late && !d->lag_told)
                report_lag((double) lag / 1e6);
        strays_tell(&d->strays);
        watches_check_hooks(d->watches, false);
        if (late || d->lag_told || watches_count(d->watches).hook_problems != d->hook_problems)
                mark_status(d);
        d->hook_problems = watches_count(d->watches).hook_problems;
        d->lag_told = late || (d->lag_told && lag >= LAG_NOTICEABLE / 2);

        if (d->config->metrics_file)
                write_metrics(d, lag);
        timer_arm(d->timers, timer, d->tick_due = now + METRICS_PERIOD);
}

static void on_prune(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, prune_timer);

        if (store_prune(d->store, clock_wall(), d->config->history) < 0 ||
            store_count(d->store, &d->counts) < 0)
                log_warning("%s/state.db: old entries cannot be removed (%s), it is tried again in "
                            "an hour",
                            d->config->state_directory, store_error(d->store));
        timer_arm(d->timers, timer, now + PRUNE_PERIOD);
}

static void on_watchdog(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, watchdog_timer);

        report_watchdog();
        timer_arm(d->timers, timer, now + d->watchdog_period);
}

static void on_rescan(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, rescan_timer);

        (void) now;
        accounts_read_secrets(d->accounts);
        taskdir_scan(d->taskdir);
}

static void on_drained(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, drain_timer);

        (void) now;
        ev_break(d->loop, EVBREAK_ALL);
}

static void on_stop(struct ev_loop *loop, ev_signal *watcher, int revents) {
        struct daemon *d = watcher->data;

        (void) revents;

        if (d->stopping) {
                ev_break(loop, EVBREAK_ALL);
                return;
        }
        log_info("stopping; requests in flight may end within 5 s");
        d->stopping = true;
        report_stopping(DRAIN_TIME + USEC_SEC);
        poller_drain(d->poller);
        deliveries_stop(d->deliveries);
        runner_stop(d->runner);
        timer_arm(d->timers, &d->drain_timer, clock_boot() + DRAIN_TIME);
}

static void on_reload(struct ev_loop *loop, ev_signal *watcher, int revents) {
        struct daemon *d = watcher->data;

        (void) loop;
        (void) revents;
        if (!d->stopping)
                reload(d);
}

/* ---- start and end ---- */

static void start_signal(struct daemon *d, ev_signal *watcher,
                         void (*fn)(struct ev_loop *, ev_signal *, int), int number) {
        ev_signal_init(watcher, fn, number);
        watcher->data = d;
        ev_signal_start(d->loop, watcher);
}

static const char *store_advice(int error) {
        switch (error) {
        case -EUCLEAN:
                return "; move it away to start afresh: tasks whose files are still there are then "
                       "asked about again";
        case -EPROTO:
                return "; a later version has written it: run that one";
        case -ENOSPC:
                return "; make room on that disk: even to read it, it needs some";
        case -EACCES:
                return "; this user must be able to write it and its directory";
        case -EBUSY:
                return "; another program writes to it: end that one";
        default:
                return "";
        }
}

/* Makes and locks the state directory. Returns 0 or a negative errno, with the reason logged. */
static int open_state(struct daemon *d) {
        const char *path = d->config->state_directory;
        CLEANUP(freep) char *tasks = str_printf("%s/tasks.d", path);
        CLEANUP(freep) char *database = str_printf("%s/state.db", path);
        int r, fd;

        if (!tasks || !database)
                return -ENOMEM;
        r = make_directories(path, 0700);
        if (r == 0)
                r = make_directories(tasks, 0700);
        if (r == 0) {
                d->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = d->state_fd < 0 ? -errno : 0;
        }
        if (r < 0) {
                log_error("StateDirectory %s: cannot be used (%s); make it writable for this user, "
                          "or name another one",
                          path, strerror(-r));
                return r;
        }
        if (flock(d->state_fd, LOCK_EX | LOCK_NB) < 0) {
                log_error("StateDirectory %s: another koowatchd uses it; stop that one, or name "
                          "another directory",
                          path);
                return -EBUSY;
        }

        /* It holds download links; its companions inherit the mode. */
        fd = open(database, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        closep(&fd);
        r = store_open(database, &d->store);
        if (r == 0)
                r = store_count(d->store, &d->counts);
        if (r < 0)
                log_error("%s: cannot be opened (%s)%s", database,
                          d->store ? store_error(d->store) : strerror(-r), store_advice(r));
        return r;
}

static const struct {
        size_t offset;
        timer_fn fn;
} own_timers[] = {
        {offsetof(struct daemon, retry_timer), on_retry_timer},
        {offsetof(struct daemon, status_timer), on_status_timer},
        {offsetof(struct daemon, tick_timer), on_tick},
        {offsetof(struct daemon, prune_timer), on_prune},
        {offsetof(struct daemon, watchdog_timer), on_watchdog},
        {offsetof(struct daemon, drain_timer), on_drained},
        {offsetof(struct daemon, rescan_timer), on_rescan},
};

static struct timer *own_timer(struct daemon *d, size_t i) {
        return (void *) ((char *) d + own_timers[i].offset);
}

static int open_timers(struct daemon *d) {
        int r;

        r = timers_new(d->loop, &d->timers);
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(own_timers); i++)
                r = timer_open(d->timers, own_timer(d, i), own_timers[i].fn);
        return r;
}

static int open_modules(struct daemon *d) {
        const struct poller_handler poller_handler = {on_ask, on_answer, on_refresh_due, on_polled,
                                                      d};
        const struct watches_handler watches_handler = {
                .find_account = find_account,
                .on_registered = on_registered,
                .on_invalid = on_invalid,
                .on_hook_problem = on_hook_problem,
                .on_dirty = mark_dirty,
                .on_stray = on_stray,
                .on_transient_error = on_transient_error,
                .userdata = d,
        };
        const struct delivery_handler delivery_handler = {on_committed, on_hook_start, on_hook_end,
                                                          on_over,      mark_dirty,    d};
        const struct accounts_handler accounts_handler = {on_account_changed, on_transient_error,
                                                          d};
        const struct delivery_settings settings = delivery_settings(d->config);
        CLEANUP(freep) char *locks = str_printf("%s/hook-locks", d->config->state_directory);
        CLEANUP(freep) char *tokens = str_printf("%s/tokens", d->config->state_directory);
        int r;

        if (!locks || !tokens)
                return -ENOMEM;
        r = open_timers(d);
        if (r == 0)
                r = dirwatch_new(d->loop, &d->dirwatch);
        if (r == 0)
                r = http_new(d->loop, KOODRIVE_ANSWER_MAX, &d->http);
        if (r == 0)
                r = metrics_new(&d->metrics);
        if (r == 0)
                r = report_new(&d->report);
        if (r == 0)
                r = make_directories(locks, 0700);
        if (r == 0)
                r = runner_new(d->loop, d->timers, d->config->runner,
                               d->options->config_required ? d->options->config_path : NULL, locks,
                               &d->runner);
        if (r == 0)
                r = poller_new(d->timers, d->http, &poller_handler, &d->poller);
        if (r == 0)
                r = accounts_new(d->timers, d->dirwatch, d->http, d->poller, tokens,
                                 &accounts_handler, &d->accounts);
        if (r == 0)
                r = watches_new(d->timers, d->store, d->poller, &watches_handler, &d->watches);
        if (r == 0)
                r = deliveries_new(d->timers, d->store, d->runner, &settings, &delivery_handler,
                                   &d->deliveries);
        return r;
}

static int start(struct daemon *d) {
        uint64_t watchdog_usec = 0;
        usec_t now = clock_boot();
        int r;

        r = open_modules(d);
        if (r < 0)
                return r;
        if (runner_is_remote(d->runner)) {
                r = no_exec();
                if (r < 0)
                        log_warning("the power to start programs cannot be given up (%s), going on "
                                    "with it",
                                    strerror(-r));
        }
        apply_settings(d);
        r = apply_accounts(d);
        if (r == 0)
                r = deliveries_load(d->deliveries);
        if (r == 0)
                r = open_taskdir(d);
        if (r < 0)
                return r;

        start_signal(d, &d->on_term, on_stop, SIGTERM);
        start_signal(d, &d->on_int, on_stop, SIGINT);
        start_signal(d, &d->on_hup, on_reload, SIGHUP);
        ev_prepare_init(&d->before_wait, before_wait);
        ev_prepare_start(d->loop, &d->before_wait);
        timer_arm(d->timers, &d->prune_timer, now + USEC_MINUTE);
        if (sd_watchdog_enabled(false, &watchdog_usec) > 0) {
                d->watchdog_period = MAX((usec_t) watchdog_usec / 2, USEC_MSEC);
                timer_arm(d->timers, &d->watchdog_timer, now);
        }

        taskdir_scan(d->taskdir);
        hook_check_events(d->config->hook_directories, on_bad_hook, NULL);
        memory_trim();
        return 0;
}

static void close_all(struct daemon *d) {
        deliveries_free(d->deliveries);
        runner_free(d->runner);
        taskdir_free(d->taskdir);
        watches_free(d->watches);
        poller_free(d->poller);
        accounts_free(d->accounts);
        report_free(d->report);
        metrics_free(d->metrics);
        http_free(d->http);
        dirwatch_free(d->dirwatch);
        for (size_t i = 0; d->timers && i < ARRAY_LEN(own_timers); i++)
                timer_close(d->timers, own_timer(d, i));
        timers_free(d->timers);
        store_close(d->store);
        strays_clear(&d->strays);
        config_free(d->config);
        closep(&d->state_fd);
}

static int run(struct daemon *d) {
        struct watch_counts counts;
        int r;

        r = open_state(d);
        if (r < 0)
                return EXIT_FAILURE;
        d->loop = ev_default_loop(EVFLAG_AUTO);
        if (!d->loop) {
                log_error("libev finds no way to wait for events on this system");
                return EXIT_FAILURE;
        }
        r = start(d);
        if (r < 0) {
                log_error("cannot start: %s", strerror(-r));
                return EXIT_FAILURE;
        }

        counts = watches_count(d->watches);
        log_info("koowatchd " KOOWATCH_VERSION " started: %u watched, %u finished, %u invalid; "
                 "hooks are run %s",
                 counts.pending + counts.running, counts.finished, counts.invalid,
                 runner_describe(d->runner));
        report_ready();
        send_status(d, true);

        (void) ev_run(d->loop, 0);

        if (d->dirty)
                flush(d); /* also when the store has failed: it may be well again */
        log_info("stopped");
        return EXIT_SUCCESS;
}

int daemon_run(const struct daemon_options *options) {
        struct daemon d = {.options = options, .state_fd = -1};
        int status;

        memory_trim_configure();
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                log_error("libcurl cannot be used");
                return EXIT_FAILURE;
        }
        if (config_read(options->config_path, options->config_required, config_log_fault, NULL,
                        &d.config) < 0) {
                log_error("%s: the configuration cannot be used; koowatchd --check tells the same "
                          "without starting anything",
                          options->config_path);
                return EX_CONFIG;
        }
        log_open("koowatchd", d.config->log_target);
        log_set_level(options->has_log_level ? options->log_level : d.config->log_level);

        status = run(&d);
        close_all(&d);
        curl_global_cleanup();
        return status;
}
