#include "koowatchd/apply.h"

#include <errno.h>
#include <sys/resource.h>

#include "common/config.h"
#include "common/log.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/commit.h"
#include "koowatchd/control/control.h"
#include "koowatchd/descriptors.h"
#include "koowatchd/loop/http.h"
#include "koowatchd/modules.h"
#include "koowatchd/report/report.h"
#include "koowatchd/status.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-state.h"

static int apply_accounts(struct modules *m) {
        struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

        (void) getrlimit(RLIMIT_NOFILE, &limit);
        http_set_max_connections(m->http, descriptors_share(limit.rlim_cur, m->config));
        return accounts_configure(m->accounts, m->config);
}

static int apply_directories(struct modules *m) {
        CLEANUP(freep) char *state_tasks = str_printf("%s/tasks.d", m->config->state_directory);

        if (!state_tasks ||
            control_set_directories(m->control, m->config->task_directories, state_tasks) < 0)
                return -ENOMEM;
        return registry_set_directories(m->registry, m->config->task_directories, state_tasks);
}

static int apply_settings(struct modules *m) {
        const struct config *c = m->config;

        report_configure(m->report, c->download_url);
        commit_configure(m->commit, c->history);
        control_set_config(m->control, c);
        registry_configure(m->registry,
                           &(struct task_limits){
                                   .interval = {c->interval_min, c->interval_max},
                                   .timeout = c->timeout,
                                   .stall_timeout = c->stall_timeout,
                           },
                           c->hook_directories);
        return status_configure(m->status, c->metrics_file, c->metrics_format);
}

int apply_config(struct modules *m) {
        int r = apply_settings(m);

        if (r == 0)
                r = apply_accounts(m);
        if (r == 0)
                r = apply_directories(m);
        return r;
}

/* Of texts that may be NULL. */
static bool same_text(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

void apply_warn_of_late(const struct config *old, const struct config *new) {
        if (!streq(old->state_directory, new->state_directory))
                log_warning("StateDirectory= has changed; restart to apply it");
        if (old->log_target != new->log_target)
                log_warning("LogTarget= has changed; restart to apply it");
        if (!streq(old->runner, new->runner))
                log_warning("Runner= has changed; restart to apply it");
        if (!same_text(old->labels, new->labels))
                log_warning("Labels= has changed; restart to apply it");
        if (old->store_backend != new->store_backend ||
            !same_text(old->store_node, new->store_node) ||
            !streq(old->store_connection, new->store_connection) ||
            !streq(old->store_fleet, new->store_fleet))
                log_warning("[Store] has changed; restart to apply it");
}
