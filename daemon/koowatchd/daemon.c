#include "koowatchd/daemon.h"

#include <curl/curl.h>
#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <sysexits.h>

#include "common/config.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/apply.h"
#include "koowatchd/bus/bus.h"
#include "koowatchd/commit.h"
#include "koowatchd/control/control.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/membership.h"
#include "koowatchd/memory-trim.h"
#include "koowatchd/modules.h"
#include "koowatchd/no-exec.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/report/notify.h"
#include "koowatchd/report/report.h"
#include "koowatchd/status.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/task/past-durations.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-state.h"

#define DRAIN_TIME (5 * USEC_SEC)
#define SETTLE_TIME (10 * USEC_SEC)

struct daemon {
        const struct daemon_options *options;
        struct config *config;
        struct modules modules;
        ev_signal on_term, on_int, on_hup;
        ev_prepare before_wait;
        ev_idle more_to_commit; /* active: the loop does not wait */
        struct timer drain_timer, settle_timer;
        bool has_settled, was_settled; /* now, when the store was last asked for its answers */
        bool has_started;
        bool stopping;
        bool has_finished; /* what is left to write has been handed over */
        bool has_left;     /* the fleet, or is about to */
        bool begins_anew;  /* after this run's end, as the fleet goes on without it */
};

/* Also if the others do not know it yet: they will find out. */
static void on_left(void *userdata, int error) {
        const struct daemon *d = userdata;

        if (error < 0)
                log_notice("cannot tell the other nodes that this one stops (%s)",
                           store_error(d->modules.state.store));
        ev_break(d->modules.loop, EVBREAK_ALL);
}

/* Nothing is under way, nor is anything left to write. */
static bool is_drained(struct daemon *d) {
        if (poller_in_flight(d->modules.poller) > 0 || commit_is_busy(d->modules.commit) ||
            accounts_are_refreshing(d->modules.accounts) || runner_is_busy(d->modules.runner))
                return false;
        if (!d->has_finished) {
                d->has_finished = true;
                commit_finish(d->modules.commit);
        }
        if (commit_is_busy(d->modules.commit))
                return false;
        if (!d->has_left && store_is_shared(d->modules.state.store)) {
                d->has_left = true;
                store_leave(d->modules.state.store, on_left, d);
                return false;
        }
        return true;
}

static void before_wait(struct ev_loop *loop, ev_prepare *prepare, int revents) {
        struct daemon *d = container_of(prepare, struct daemon, before_wait);

        (void) revents;
        if (commit_run(d->modules.commit))
                ev_idle_start(loop, &d->more_to_commit);
        else
                ev_idle_stop(loop, &d->more_to_commit);
        if (d->stopping && !d->has_left && is_drained(d))
                ev_break(loop, EVBREAK_ALL);
}

static void do_nothing(struct ev_loop *loop, ev_idle *idle, int revents) {
        (void) loop;
        (void) idle;
        (void) revents;
}

/* ---- configuration ---- */

static void set_log_level(const struct daemon *d) {
        log_set_level(d->options->has_log_level ? d->options->log_level : d->config->log_level);
}

/* Puts a new configuration (taken over) in the place of the old one. 0 or a negative errno. */
static int adopt(struct daemon *d, struct config *new) {
        struct config *old = d->config;
        const struct delivery_settings settings = modules_delivery_settings(new);
        int r;

        apply_warn_of_late(old, new);
        r = config_set_state_directory(new, old->state_directory);
        if (r == 0)
                r = deliveries_configure(d->modules.deliveries, &settings);
        if (r < 0) {
                config_free(new);
                return r;
        }
        d->modules.config = d->config = new;
        set_log_level(d);
        r = apply_config(&d->modules);
        config_free(old);
        if (r < 0)
                return r;
        membership_check_accounts(d->modules.membership);
        dirwatch_refresh(d->modules.dirwatch);
        registry_scan(d->modules.registry);
        registry_check_accounts(d->modules.registry);
        registry_check_hooks(d->modules.registry);
        return 0;
}

/* userdata: where the first error goes, as the caller's own. */
static void on_fault(void *userdata, bool is_error, const char *file, unsigned line,
                     const char *text) {
        char **first = userdata;

        config_log_fault(NULL, is_error, file, line, text);
        if (!is_error || *first)
                return;
        *first = line > 0 ? str_printf("%s:%u: %s", file, line, text)
                          : str_printf("%s: %s", file, text);
}

/* A control_reload_fn. */
static int reload(void *userdata, char **ret_fault) {
        struct daemon *d = userdata;
        struct config *new = NULL;
        int r;

        if (d->stopping) {
                *ret_fault = strdup("koowatchd is stopping, or about to begin anew");
                return -ESHUTDOWN;
        }
        notify_reloading();
        r = config_read(d->options->config_path, d->options->config_required, &account_keys,
                        on_fault, ret_fault, &new);
        if (r == 0)
                r = adopt(d, new);
        status_set_config_error(d->modules.status, r < 0);
        status_send(
                d->modules.status); /* before READY=1: who waits for that finds the status true */
        report_reloaded(d->options->config_path, r == 0);
        notify_ready();
        return r;
}

/* ---- signals ---- */

static void on_drained(struct timer *timer, usec_t now) {
        struct daemon *d = container_of(timer, struct daemon, drain_timer);

        (void) now;
        ev_break(d->modules.loop, EVBREAK_ALL);
}

/* What is under way ends, and is written. */
static void drain(struct daemon *d) {
        if (d->stopping)
                return;
        d->stopping = true;
        poller_drain(d->modules.poller);
        deliveries_stop(d->modules.deliveries);
        runner_stop(d->modules.runner);
        timer_arm(d->modules.timers, &d->drain_timer, clock_boot() + DRAIN_TIME);
}

static void on_stop(struct ev_loop *loop, ev_signal *watcher, int revents) {
        struct daemon *d = watcher->data;

        (void) revents;

        if (d->stopping && !d->begins_anew) {
                ev_break(loop, EVBREAK_ALL);
                return;
        }
        d->begins_anew = false;
        log_info("stopping; waiting up to 5 s for requests in flight");
        notify_stopping(DRAIN_TIME + USEC_SEC);
        drain(d);
}

static void on_reload(struct ev_loop *loop, ev_signal *watcher, int revents) {
        CLEANUP(freep) char *fault = NULL;

        (void) loop;
        (void) revents;
        if (reload(watcher->data, &fault) == -ESHUTDOWN)
                log_warning("not reloaded: %s", fault ? fault : strerror(ESHUTDOWN));
}

static void start_signal(struct daemon *d, ev_signal *watcher,
                         void (*fn)(struct ev_loop *, ev_signal *, int), int number) {
        if (ev_is_active(watcher)) /* since the run before */
                return;
        ev_signal_init(watcher, fn, number);
        watcher->data = d;
        ev_signal_start(d->modules.loop, watcher);
}

/* ---- start and end ---- */

static void give_up_exec(const struct daemon *d) {
        int r = runner_is_remote(d->modules.runner) ? no_exec() : 0;

        if (r < 0)
                log_warning("cannot block execve (%s), continuing", strerror(-r));
}

static void report_started(struct daemon *d) {
        const struct registry_counts watches = registry_count(d->modules.registry);

        if (d->has_started)
                return;
        d->has_started = true;
        timer_disarm(d->modules.timers, &d->settle_timer);
        log_info("koowatchd " KOOWATCH_VERSION
                 " started: %u watched, %u finished, %u invalid; hooks run %s",
                 watches.pending + watches.running, watches.finished, watches.invalid,
                 runner_describe(d->modules.runner));
        notify_ready();
        status_send(d->modules.status);
}

static void on_answered(void *userdata, int error, const struct store_counts *counts);

/* What was asked of the store before is answered before this. */
static void await_answers(struct daemon *d) {
        d->was_settled = d->has_settled;
        store_count(d->modules.state.store, on_answered, d);
}

/*
 * Each file that was there at the start has its place; or it cannot have that for now, and they
 * wait.
 */
static void on_answered(void *userdata, int error, const struct store_counts *counts) {
        struct daemon *d = userdata;

        (void) counts; /* whoever counts for a purpose says what is wrong */
        if (error < 0 || d->was_settled)
                report_started(d);
        else if (d->has_settled)
                await_answers(d);
        else
                timer_arm(d->modules.timers, &d->settle_timer, clock_boot() + SETTLE_TIME);
}

static void on_settled(void *userdata) {
        struct daemon *d = userdata;

        d->has_settled = true;
        if (timer_is_armed(&d->settle_timer))
                await_answers(d);
}

static void on_not_settled(struct timer *timer, usec_t now) {
        (void) now;
        report_started(container_of(timer, struct daemon, settle_timer));
}

static void on_leave(void *userdata) {
        struct daemon *d = userdata;

        if (d->stopping)
                return;
        d->begins_anew = true;
        drain(d);
}

static void on_over(void *userdata) {
        struct daemon *d = userdata;

        d->begins_anew |= !d->stopping;
        ev_break(d->modules.loop, EVBREAK_ALL);
}

static int start(struct daemon *d) {
        int r;

        r = modules_open(&d->modules);
        if (r == 0)
                r = timer_open(d->modules.timers, &d->drain_timer, on_drained);
        if (r == 0)
                r = timer_open(d->modules.timers, &d->settle_timer, on_not_settled);
        if (r < 0)
                return r;
        give_up_exec(d);
        r = apply_config(&d->modules);
        if (r < 0)
                return r;

        start_signal(d, &d->on_term, on_stop, SIGTERM);
        start_signal(d, &d->on_int, on_stop, SIGINT);
        start_signal(d, &d->on_hup, on_reload, SIGHUP);
        ev_idle_init(&d->more_to_commit, do_nothing);
        ev_prepare_init(&d->before_wait, before_wait);
        ev_prepare_start(d->modules.loop, &d->before_wait);
        deliveries_load(d->modules.deliveries);
        past_durations_load(d->modules.state.store, d->modules.accounts);
        commit_start(d->modules.commit);
        status_start_watchdog(d->modules.status);
        registry_scan(d->modules.registry);
        membership_start(d->modules.membership);
        registry_check_hooks(d->modules.registry);
        control_set_reload(d->modules.control, reload, d);
        bus_start(d->modules.bus, control_call, d->modules.control);
        memory_trim();
        return 0;
}

/* libev calls abort() where it gets none; nothing is lost by an end that a restart follows. */
static void *allocate_for_libev(void *memory, long size) {
        void *grown;

        if (size == 0) {
                free(memory);
                return NULL;
        }
        grown = realloc(memory, (size_t) size);
        if (!grown) {
                log_error("no memory for the event loop; a restart goes on from what is on disk");
                log_drain(USEC_SEC);
                _exit(EXIT_FAILURE);
        }
        return grown;
}

/* Neither does it know what else to do where the system refuses what it cannot do without. */
static void on_loop_error(const char *what) {
        log_error("event loop: %s: %m; a restart goes on from what is on disk", what);
        log_drain(USEC_SEC);
        _exit(EXIT_FAILURE);
}

static int run(struct daemon *d) {
        int r;

        r = state_directory_open(d->config->state_directory,
                                 d->config->store_backend == BACKEND_SQLITE, &d->modules.state);
        if (r < 0)
                return EXIT_FAILURE;
        d->modules.config = d->config;
        d->modules.bus_kind = d->options->bus;
        d->modules.on_settled = (struct callback){on_settled, d};
        d->modules.on_leave = (struct callback){on_leave, d};
        d->modules.on_over = (struct callback){on_over, d};
        d->modules.config_path = d->options->config_required ? d->options->config_path : NULL;
        ev_set_allocator(allocate_for_libev);
        ev_set_syserr_cb(on_loop_error);
        d->modules.loop = ev_default_loop(EVFLAG_AUTO);
        if (!d->modules.loop) {
                log_error("libev found no event backend on this system");
                return EXIT_FAILURE;
        }
        r = start(d);
        if (r < 0) {
                log_error("cannot start: %s", strerror(-r));
                return EXIT_FAILURE;
        }

        await_answers(d);
        (void) ev_run(d->modules.loop, 0);

        if (d->begins_anew)
                return EXIT_SUCCESS;
        commit_finish(d->modules.commit);
        log_info("stopped");
        return EXIT_SUCCESS;
}

/* As it was before run(), with the configuration in force; what is signalled meanwhile, the next
 * one hears. */
static void close_all(struct daemon *d) {
        struct ev_loop *loop = d->modules.loop;

        if (loop) {
                ev_prepare_stop(loop, &d->before_wait);
                ev_idle_stop(loop, &d->more_to_commit);
        }
        if (d->modules.timers) {
                timer_close(d->modules.timers, &d->drain_timer);
                timer_close(d->modules.timers, &d->settle_timer);
        }
        modules_close(&d->modules);
        state_directory_close(&d->modules.state);
        d->modules = (struct modules){.state.fd = -1};
        d->has_settled = d->was_settled = d->has_started = false;
        d->stopping = d->has_finished = d->has_left = false;
}

int daemon_run(const struct daemon_options *options) {
        struct daemon d = {.options = options, .modules.state.fd = -1};
        int r, status;

        memory_trim_configure();
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                log_error("cannot initialise libcurl");
                return EXIT_FAILURE;
        }
        r = config_read(options->config_path, options->config_required, &account_keys,
                        config_log_fault, NULL, &d.config);
        if (r == -EBADMSG) {
                log_error("%s: the configuration is invalid; koowatchd --check reports the same "
                          "errors without starting",
                          options->config_path);
                return EX_CONFIG; /* after which the service is not restarted */
        }
        if (r < 0) {
                log_error("%s: the configuration cannot be read: %s", options->config_path,
                          strerror(-r));
                return EXIT_FAILURE;
        }
        log_open("koowatchd", d.config->log_target);
        set_log_level(&d);

        do {
                d.begins_anew = false;
                status = run(&d);
                close_all(&d);
        } while (d.begins_anew);
        config_free(d.config);
        curl_global_cleanup();
        (void) notify_flush();
        notify_close();
        return status;
}
