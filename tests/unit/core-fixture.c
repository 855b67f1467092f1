#include "unit/core-fixture.h"

#include <ev.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>

#include "common/config.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/control/poll-router.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/membership.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/report/report.h"
#include "koowatchd/task/registry-handler.h"
#include "koowatchd/task/task-state.h"
#include "koowatchd/task/watch.h"
#include "unit/short-memory.h"

/* ---- the hook runner, in place of deliver/runner.c ---- */

struct run {
        TAILQ_ENTRY(run) link;
        struct runner_handler handler;
        void *userdata;
        struct core *owner; /* what it has for a runner */
        char line[];
};

static TAILQ_HEAD(, run) runs = TAILQ_HEAD_INITIALIZER(runs);
static int run_error;

int runner_start(struct runner *runner, const char *line, size_t length,
                 const struct runner_handler *handler, void *userdata) {
        struct run *run = sure_calloc(sizeof(*run) + length + 1);

        run->owner = (struct core *) runner;
        if (run_error < 0) {
                free(run);
                return run_error;
        }
        run->handler = *handler;
        run->userdata = userdata;
        memcpy(run->line, line, length);
        TAILQ_INSERT_TAIL(&runs, run, link);
        return 0;
}

static const char *labels;

void core_set_labels(const char *now) {
        labels = now;
}

bool runner_may_run(const struct runner *runner, json_object *event) {
        (void) runner;
        return event_runs_on(event, labels);
}

/* It is alone. */
void runner_complete_attempt(const struct runner *runner, struct event_attempt *attempt) {
        (void) runner;
        (void) attempt;
}

const char *core_run_line(size_t i) {
        struct run *run;

        TAILQ_FOREACH(run, &runs, link) {
                if (i-- == 0)
                        return run->line;
        }
        return NULL;
}

struct core *core_run_owner(size_t i) {
        struct run *run;

        TAILQ_FOREACH(run, &runs, link) {
                if (i-- == 0)
                        return run->owner;
        }
        return NULL;
}

static struct run *take_run(void) {
        struct run *run = TAILQ_FIRST(&runs);

        assert_non_null(run);
        TAILQ_REMOVE(&runs, run, link);
        return run;
}

void core_end_run_as(enum runner_outcome outcome) {
        struct run *run = take_run();

        run->handler.on_end(run->userdata, outcome);
        free(run);
}

void core_fail_runs(int error) {
        run_error = error;
}

void core_end_hook(const char *hook, enum hook_result result) {
        const struct run *run = TAILQ_FIRST(&runs);

        assert_non_null(run);
        run->handler.on_hook_start(run->userdata, hook);
        run->handler.on_hook_end(run->userdata, &(struct hook_end){
                                                        .hook = hook,
                                                        .result = result,
                                                        .status = -1,
                                                        .signal = -1,
                                                });
}

void core_end_run(enum hook_result result) {
        core_end_hook("finished.d/a", result);
        core_end_run_as(RUNNER_DONE);
}

static void forget_runs(const struct core *c) {
        struct run *run, *next;

        run_error = 0;
        for (run = TAILQ_FIRST(&runs); run; run = next) {
                next = TAILQ_NEXT(run, link);
                if (run->owner != c)
                        continue;
                TAILQ_REMOVE(&runs, run, link);
                free(run);
        }
}

/* ---- the log, in the place of three functions (meson.build wraps them) ---- */

static struct core *cores; /* that there are */
static enum core_log log_now;
static uint64_t entry_last, entry_sent, entries;

void core_set_log(enum core_log log) {
        log_now = log;
        if (log == CORE_LOG_TAKES)
                entry_sent = entries;
}

static void append(char **text, const char *word, const char *more) {
        size_t size = strlen(*text) + strlen(word) + strlen(more) + 2;
        char *longer = sure_calloc(size);

        (void) snprintf(longer, size, "%s%s%s ", *text, word, more);
        free(*text);
        *text = longer;
}

void __wrap_report_finished(struct report *report, json_object *event);
uint64_t __wrap_log_last(void);
uint64_t __wrap_log_sent(void);

void __wrap_report_finished(struct report *report, json_object *event) {
        struct core *c = cores;

        while (c && c->report != report)
                c = c->next;
        assert_non_null(c);
        entry_last = log_now == CORE_LOG_IS_FULL ? 0 : ++entries;
        if (log_now == CORE_LOG_IS_FULL)
                return;
        append(&c->told, event_string(event, "taskId"), "");
        (void) snprintf(c->told_id, sizeof(c->told_id), "%s", event_string(event, "eventId"));
        if (log_now == CORE_LOG_TAKES)
                entry_sent = entries;
}

uint64_t __wrap_log_last(void) {
        return entry_last;
}

uint64_t __wrap_log_sent(void) {
        return entry_sent;
}

/* ---- handlers ---- */

static void on_ask(void *userdata, struct poll *poll, struct koodrive_query *query) {
        struct core *c = userdata;
        unsigned number = fake_http_posted(c->http);

        poll_router_on_ask(NULL, poll, query);
        assert_true(number < CORE_REQUESTS);
        (void) snprintf(c->asked[number], sizeof(c->asked[number]), "%s", query->task_id);
        (void) snprintf(c->kdstoken, sizeof(c->kdstoken), "%s",
                        query->kdstoken ? query->kdstoken : "");
}

static usec_t on_attempt(void *userdata, struct account *account) {
        (void) userdata;
        (void) account;
        return 0;
}

static void on_account_changed(void *userdata, struct account *account, unsigned failed_requests) {
        (void) userdata;
        (void) account;
        (void) failed_requests;
}

static struct account *find_account(void *userdata, const char *name) {
        struct core *c = userdata;

        if (c->accounts)
                return accounts_find(c->accounts, name);
        return streq(name, ACCOUNT_DEFAULT) ? c->account : NULL;
}

static bool is_ours(void *userdata, const char *account) {
        const struct core *c = userdata;

        return membership_has(c->membership, account);
}

static void on_invalid(void *userdata, const char *text) {
        struct core *c = userdata;

        assert_non_null(text);
        c->invalid++;
}

static void on_status(void *userdata) {
        struct core *c = userdata;

        c->status_changes++;
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        struct core *c = userdata;

        (void) what;
        (void) why;
        c->transient_errors++;
}

static void on_finished(void *userdata, json_object *event) {
        struct core *c = userdata;
        char outcome[32];

        (void) snprintf(outcome, sizeof(outcome), ":%s", event_string(event, "outcome"));
        append(&c->finished, event_string(event, "taskId"), outcome);
}

static void on_parked(void *userdata) {
        struct core *c = userdata;

        c->parked++;
}

static usec_t wall(void *userdata) {
        const struct core *c = userdata;

        return account_wall(c->account, clock_boot(), clock_wall());
}

static void on_counted(void *userdata, unsigned finished, unsigned parked) {
        (void) userdata;
        (void) finished;
        (void) parked;
}

/* ---- start and end ---- */

static void make_directory(const struct core *c, const char *name) {
        CLEANUP(freep) char *path = str_printf("%s/%s", c->directory, name);

        assert_non_null(path);
        assert_int_equal(mkdir(path, 0700), 0);
}

static struct core *new_core(void) {
        struct core *c = calloc(1, sizeof(*c));

        assert_non_null(c);
        directory_make(c->directory);
        (void) snprintf(c->hooks, sizeof(c->hooks), "%s/hooks", c->directory);
        make_directory(c, "high");
        make_directory(c, "low");
        make_directory(c, "state");
        make_directory(c, "hooks");
        make_directory(c, "hooks/finished.d");
        core_put_text(c, "hooks/finished.d", "a", "#!/bin/true\n");
        c->finished = strdup("");
        c->told = strdup("");
        core_set_log(CORE_LOG_TAKES);
        c->boot = 1;
        c->next = cores;
        cores = c;
        return c;
}

struct core *core_new(void) {
        struct core *c = new_core();

        c->store = fake_store_new();
        time_reset();
        return c;
}

struct core *core_new_node(struct core *other, const char *node) {
        struct core *c = other ? new_core() : core_new();

        if (other)
                c->store = fake_store_join(other->store, node);
        else
                fake_store_share(c->store, node);
        c->n_accounts = CORE_ACCOUNTS;
        c->loop = ev_loop_new(0);
        assert_non_null(c->loop);
        return c;
}

static char name_used[] = ACCOUNT_DEFAULT, endpoint[] = "https://drive.example.com",
            signed_headers[] = "x-date";
static const struct account_config settings_used = {
        .name = name_used,
        .endpoint = endpoint,
        .signed_headers = signed_headers,
        .rate_limit = {1000, USEC_MSEC},
        .max_in_flight = 256,
};

void core_configure_account(struct core *c) {
        assert_int_equal(account_configure(c->account, &settings_used, USEC_MINUTE), 0);
}

/* ---- accounts of a node ---- */

const char *const core_accounts[CORE_ACCOUNTS] = {ACCOUNT_DEFAULT, "other"};

static int on_account_added(void *userdata, struct account *account) {
        struct core *c = userdata;

        return poller_add_account(c->poller, account);
}

static void on_account_removed(void *userdata, struct account *account) {
        struct core *c = userdata;

        poller_remove_account(c->poller, account);
}

static void on_account_ready(void *userdata, struct account *account) {
        struct core *c = userdata;

        poller_kick(c->poller, account);
}

static void configure_accounts(struct core *c) {
        CLEANUP(freep) char *token = str_printf("%s/token", c->directory);
        struct account_config settings[CORE_ACCOUNTS];
        char names[CORE_ACCOUNTS][16];

        for (size_t i = 0; i < CORE_ACCOUNTS; i++) {
                (void) snprintf(names[i], sizeof(names[i]), "%s", core_accounts[i]);
                settings[i] = settings_used;
                settings[i].name = names[i];
                settings[i].token_file = token;
                settings[i].line = 1;
        }
        assert_int_equal(accounts_configure(c->accounts,
                                            &(struct config){
                                                    .accounts = settings,
                                                    .n_accounts = c->n_accounts,
                                                    .interval_max = USEC_MINUTE,
                                            }),
                         0);
}

void core_configure_accounts(struct core *c, unsigned n) {
        c->n_accounts = n;
        configure_accounts(c);
        membership_check_accounts(c->membership);
        registry_check_accounts(c->registry);
}

static void open_accounts(struct core *c) {
        CLEANUP(freep) char *token = str_printf("%s/token", c->directory);
        const struct accounts_handler handler = {
                .on_added = on_account_added,
                .on_removed = on_account_removed,
                .on_changed = on_account_changed,
                .on_ready = on_account_ready,
                .on_settings_changed = on_account_ready,
                .on_transient_error = on_transient_error,
                .userdata = c,
        };

        assert_int_equal(replace_file(token, "token", 5, 0600), 0);
        assert_int_equal(utimensat(AT_FDCWD, token, (struct timespec[2]){{1, 0}, {1, 0}}, 0), 0);
        assert_int_equal(dirwatch_new(c->loop, &c->dirwatch), 0);
        assert_int_equal(
                accounts_new(c->timers, c->dirwatch, c->http, c->directory, &handler, &c->accounts),
                0);
        configure_accounts(c);
        c->account = accounts_find(c->accounts, core_accounts[0]);
}

static void on_settled(void *userdata) {
        ((struct core *) userdata)->settled++;
}

static void on_over(void *userdata) {
        ((struct core *) userdata)->over++;
}

static void open_membership(struct core *c) {
        assert_int_equal(membership_new(
                                 &(struct membership_modules){
                                         .store = c->store,
                                         .accounts = c->accounts,
                                         .registry = c->registry,
                                         .deliveries = c->deliveries,
                                         .on_settled = {on_settled, c},
                                         .on_status = {on_status, c},
                                         .on_leave = {on_over, c},
                                         .on_over = {on_over, c},
                                 },
                                 &c->membership),
                         0);
}

static void open_account(struct core *c) {
        assert_int_equal(
                account_new(&settings_used, USEC_MINUTE, on_account_changed, c, &c->account), 0);
        assert_int_equal(account_set_secret(c->account, "token", NULL, clock_boot()), 0);
        assert_int_equal(poller_add_account(c->poller, c->account), 0);
}

static void connect_modules(struct core *c) {
        const struct callback on_dirty = {commit_request, c->commit}, status = {on_status, c};

        deliveries_set_handler(c->deliveries, &(struct delivery_handler){
                                                      .on_dirty = on_dirty,
                                                      .on_status = status,
                                                      .on_parked = {on_parked, c},
                                                      .on_finished = on_finished,
                                                      .finished_userdata = c,
                                                      .on_delivered = registry_on_delivered,
                                                      .on_given_up = registry_on_parked,
                                                      .delivered_userdata = c->registry,
                                              });
        registry_set_handler(c->registry, &(struct registry_handler){
                                                  .on_dirty = on_dirty,
                                                  .on_status = status,
                                                  .find_account = find_account,
                                                  .is_ours = c->loop ? is_ours : NULL,
                                                  .on_invalid = on_invalid,
                                                  .on_transient_error = on_transient_error,
                                                  .userdata = c,
                                          });
        commit_set_handler(c->commit, &(struct commit_handler){.on_status = status,
                                                               .on_counted = on_counted,
                                                               .wall = wall,
                                                               .userdata = c});
}

void core_open(struct core *c) {
        const struct poller_handler handler = {on_ask,     poll_router_on_answer, on_attempt,
                                               on_attempt, poll_router_on_polled, c};
        const struct delivery_settings settings = {c->hooks, 4, 3, USEC_DAY};
        CLEANUP(freep)
        char *directories =
                str_printf("%s/high:%s/low:%s/state", c->directory, c->directory, c->directory);
        CLEANUP(freep) char *state_tasks = str_printf("%s/state", c->directory);

        log_set_level((enum log_level) 0);
        assert_int_equal(timers_new(NULL, &c->timers), 0);
        assert_int_equal(http_new(NULL, 0, &c->http), 0);
        assert_int_equal(metrics_new(&c->metrics), 0);
        assert_int_equal(report_new(&c->report), 0);
        assert_int_equal(poller_new(c->timers, c->http, &handler, &c->poller), 0);
        if (c->loop)
                open_accounts(c);
        else
                open_account(c);
        assert_int_equal(
                deliveries_new(&(struct delivery_modules){c->timers, c->store, (struct runner *) c,
                                                          c->report, c->metrics},
                               &settings, &c->deliveries),
                0);
        assert_int_equal(registry_new(&(struct registry_modules){c->timers, NULL, c->store,
                                                                 c->poller, c->deliveries,
                                                                 c->report, c->metrics, c->boot},
                                      &c->registry),
                         0);
        if (c->loop)
                open_membership(c);
        assert_int_equal(
                commit_new(c->timers, c->store, "state.db", c->registry, c->deliveries, &c->commit),
                0);
        connect_modules(c);
        registry_configure(c->registry,
                           &(struct task_limits){
                                   .interval = {USEC_SEC, 10 * USEC_SEC},
                                   .timeout = USEC_DAY,
                                   .stall_timeout = USEC_INFINITY,
                           },
                           c->hooks);
        deliveries_load(c->deliveries);
        assert_int_equal(registry_set_directories(c->registry, directories, state_tasks), 0);
}

void core_start(struct core *c) {
        core_open(c);
        core_scan(c);
        if (c->membership)
                membership_start(c->membership);
}

int core_set_up(void **state) {
        struct core *c = core_new();

        fake_store_set_immediate(c->store, true);
        core_start(c);
        *state = c;
        return 0;
}

int core_tear_down(void **state) {
        core_free(*state);
        return 0;
}

void core_stop(struct core *c) {
        commit_free(STEAL_PTR(c->commit));
        membership_free(STEAL_PTR(c->membership));
        registry_free(STEAL_PTR(c->registry));
        deliveries_free(STEAL_PTR(c->deliveries));
        if (c->accounts) {
                accounts_free(STEAL_PTR(c->accounts));
                dirwatch_free(STEAL_PTR(c->dirwatch));
                c->account = NULL;
        } else {
                poller_remove_account(c->poller, c->account);
                account_free(STEAL_PTR(c->account));
        }
        poller_free(STEAL_PTR(c->poller));
        report_free(STEAL_PTR(c->report));
        metrics_free(STEAL_PTR(c->metrics));
        http_free(STEAL_PTR(c->http));
        timers_free(STEAL_PTR(c->timers));
        forget_runs(c);
}

void core_restart(struct core *c) {
        core_stop(c);
        fake_store_restart(c->store);
        core_start(c);
}

void core_reboot(struct core *c, usec_t span) {
        core_stop(c);
        fake_store_restart(c->store);
        time_reboot(span);
        c->boot++;
        core_start(c);
}

void core_free(struct core *c) {
        struct core **at = &cores;

        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        if (c->registry)
                core_stop(c);
        if (c->loop)
                ev_loop_destroy(c->loop);
        store_close(c->store);
        directory_remove(c->directory);
        free(c->finished);
        free(c->told);
        free(c);
}

/* ---- files ---- */

static void path_of(const struct core *c, const char *directory, const char *name, char *ret) {
        (void) snprintf(ret, 256, "%s/%s/%s%s", c->directory, directory, name,
                        str_after(directory, "hooks") ? "" : ".task");
}

void core_put_text(struct core *c, const char *directory, const char *name, const char *text) {
        char path[256], aside[256];
        int fd;

        path_of(c, directory, name, path);
        (void) snprintf(aside, sizeof(aside), "%s/%s/.new", c->directory, directory);
        fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
        (void) close(fd);
        assert_int_equal(rename(aside, path), 0);
}

void core_put(struct core *c, const char *directory, const char *name, const char *task_id) {
        char text[128];

        (void) snprintf(text, sizeof(text), "[Task]\nTaskId=%s\nShareId=7\n", task_id);
        core_put_text(c, directory, name, text);
}

void core_remove(struct core *c, const char *directory, const char *name) {
        char path[256];

        path_of(c, directory, name, path);
        (void) unlink(path);
}

void core_rename(struct core *c, const char *directory, const char *name, const char *new_name) {
        char path[256], new_path[256];

        path_of(c, directory, name, path);
        path_of(c, directory, new_name, new_path);
        assert_int_equal(rename(path, new_path), 0);
}

bool core_has(const struct core *c, const char *directory, const char *name) {
        char path[256];

        path_of(c, directory, name, path);
        return access(path, F_OK) == 0;
}

/* ---- what happens ---- */

void core_turn(struct core *c) {
        while (commit_run(c->commit))
                ;
}

void core_scan(struct core *c) {
        registry_scan(c->registry);
        core_turn(c);
}

void core_pass(struct core *c, usec_t span) {
        while (span > 0) {
                usec_t step = MIN(span, 100 * USEC_MSEC);

                time_pass(c->timers, step);
                core_turn(c);
                span -= step;
        }
}

/* The request's number, or CORE_REQUESTS. */
static unsigned find_request(const struct core *c, const char *task_id) {
        unsigned n = fake_http_posted(c->http);

        while (n-- > 0)
                if (streq(c->asked[n], task_id) && fake_http_waits(c->http, n))
                        return n;
        return CORE_REQUESTS;
}

bool core_is_asked(const struct core *c, const char *task_id) {
        return find_request(c, task_id) < CORE_REQUESTS;
}

static void answer(struct core *c, const char *task_id, long status, const char *body) {
        unsigned number = find_request(c, task_id);
        time_t now = (time_t) (time_true() / USEC_SEC);
        char date[64];
        const struct http_header header = {"Date", date};

        assert_true(number < CORE_REQUESTS);
        (void) strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
        fake_http_answer(c->http, number,
                         &(struct http_answer){
                                 .outcome = HTTP_ANSWERED,
                                 .status = status,
                                 .body = body,
                                 .body_length = strlen(body),
                                 .headers = &header,
                                 .n_headers = c->says_time,
                         });
        core_turn(c);
}

void core_answer(struct core *c, const char *task_id, int status) {
        char body[256];

        (void) snprintf(body, sizeof(body),
                        "{\"code\":0,\"jobInfo\":{\"taskId\":\"%s\",\"taskStatus\":%d,"
                        "\"taskType\":2,\"taskResultCode\":1}}",
                        task_id, status);
        answer(c, task_id, 200, body);
}

void core_answer_text(struct core *c, const char *task_id, const char *body) {
        answer(c, task_id, 200, body);
}

void core_refuse(struct core *c, const char *task_id, const char *code) {
        char body[128];

        (void) snprintf(body, sizeof(body), "{\"code\":\"%s\",\"msg\":\"no\"}", code);
        answer(c, task_id, 400, body);
}

const struct store_task *core_row(struct core *c, const char *task_id) {
        return fake_store_task(c->store, &(struct store_key){ACCOUNT_DEFAULT, "7", task_id});
}

void core_listen(struct core *c) {
        capture_begin(&c->capture);
        log_set_level(LEVEL_NOTICE);
}

char *core_heard(struct core *c) {
        log_set_level((enum log_level) 0);
        return capture_end(&c->capture);
}
