#pragma once
/*
 * The daemon's core in one process that a test drives: registry, watches, poller, account,
 * deliveries and commit, on a clock, HTTP, hook runner and store that answer when the test says,
 * and a log that takes the entries of outcomes when it says
 *
 * Task directories are real ones: "high" and "low", which an administrator writes, and
 * "state", whose finished files are removed.
 */
#include "common/account-config.h"
#include "koowatchd/commit.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/task/registry.h"
#include "unit/capture.h"
#include "unit/fake-http.h"
#include "unit/fake-time.h"
#include "unit/store/fake-store.h"
#include "unit/support.h"

#define CORE_REQUESTS 4096

/* Of a node: those that it can poll; the first is that of files which name none. */
#define CORE_ACCOUNTS 2
extern const char *const core_accounts[CORE_ACCOUNTS];

struct core {
        struct core *next; /* of all that there are */
        char directory[DIRECTORY_MAX], hooks[DIRECTORY_MAX + 16];
        struct timers *timers;
        struct http *http;
        struct poller *poller;
        struct account *account;
        struct metrics *metrics;
        struct report *report;
        struct store *store;
        struct deliveries *deliveries;
        struct registry *registry;
        struct commit *commit;
        char asked[CORE_REQUESTS][24]; /* which task each request asks about */
        char kdstoken[24];             /* that the last request asked with */
        char *finished;                /* "t1:completed " for each outcome that was reported */
        char *told; /* "t1 " for each entry of an outcome that the log did not drop */
        char told_id[EVENT_ID_LENGTH + 1]; /* of the last of them */
        unsigned parked, transient_errors, invalid;
        unsigned status_changes; /* that the status line has heard of */
        int64_t boot;            /* of the registry that is started next; 0: not known */
        bool says_time;          /* answers have a Date, which is true */

        /* Of a node of a fleet, beside account, which is the first of them: */
        struct membership *membership;
        struct accounts *accounts;
        unsigned n_accounts;    /* that are configured */
        unsigned settled, over; /* how often the membership has said so */
        struct dirwatch *dirwatch;
        struct ev_loop *loop;
        struct capture capture;
};

/* With an empty store. */
struct core *core_new(void);
/*
 * Likewise a node of a fleet: a new one, or that of another core, which goes on in the same time.
 * core_start() leaves it without a session. Runs of hooks are counted over all nodes.
 */
struct core *core_new_node(struct core *other, const char *node);
void core_free(struct core *core);

/* For cmocka: started, with a store that answers at once. */
int core_set_up(void **state);
int core_tear_down(void **state);

/* Starts the modules, over what is in directories and store, and scans; core_stop() ends them. */
void core_start(struct core *core);
/* Likewise, without the scan. */
void core_open(struct core *core);
void core_stop(struct core *core);
/* As when the daemon is killed, and started again. */
void core_restart(struct core *core);
/* Likewise the machine, which is away for span. */
void core_reboot(struct core *core, usec_t span);

/* So many of core_accounts are configured from now on. */
void core_configure_accounts(struct core *core, unsigned n);
/* As at the start: with the settings that tests have. */
void core_configure_account(struct core *core);

/* Publishes a task file as one should: a new one, by way of a dot file. */
void core_put(struct core *core, const char *directory, const char *name, const char *task_id);
void core_put_text(struct core *core, const char *directory, const char *name, const char *text);
void core_remove(struct core *core, const char *directory, const char *name);
void core_rename(struct core *core, const char *directory, const char *name, const char *new_name);
bool core_has(const struct core *core, const char *directory, const char *name);
void core_scan(struct core *core);

/* Time passes in steps, with the loop's turns in between. */
void core_pass(struct core *core, usec_t span);
/* What the loop does before it waits. */
void core_turn(struct core *core);

/* Whether the task is being asked about. */
bool core_is_asked(const struct core *core, const char *task_id);
/* Answers the request about the task, which must be under way, with this taskStatus. */
void core_answer(struct core *core, const char *task_id, int status);
/* Likewise, with a whole answer. */
void core_answer_text(struct core *core, const char *task_id, const char *body);
/* Likewise, with KooDrive's refusal of this code. */
void core_refuse(struct core *core, const char *task_id, const char *code);

/* Whose the run is, as core_run_line(). */
struct core *core_run_owner(size_t i);
/* Hook runs that have not ended, the oldest first; the event's line, NULL: there is none. */
const char *core_run_line(size_t i);
/* Ends the oldest run, whose one hook had this result. */
void core_end_run(enum hook_result result);

/* A hook of the oldest run, which goes on. */
void core_end_hook(const char *hook, enum hook_result result);
/* The oldest run ends without a word of its hooks. */
void core_end_run_as(enum runner_outcome outcome);
/* Of this node, from now on; borrowed. NULL: none. */
void core_set_labels(const char *labels);
/* As long as error is not 0, no run can be started. */
void core_fail_runs(int error);

/* What the log does with the entries of outcomes from now on; what it holds it takes in the end. */
enum core_log { CORE_LOG_TAKES, CORE_LOG_HOLDS, CORE_LOG_IS_FULL };
void core_set_log(enum core_log log);

/* What is logged at notice and above, from the one call to the other. The caller frees it. */
void core_listen(struct core *core);
char *core_heard(struct core *core);

/* The row of a task; NULL: there is none. */
const struct store_task *core_row(struct core *core, const char *task_id);
