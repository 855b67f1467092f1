#include "koowatchd/metrics-file.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/util.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/commit.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/membership.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/report/metrics.h"

int metrics_file_configure(struct metrics_file *f, const char *path, enum metrics_format format) {
        const bool is_same = f->path && path && streq(f->path, path);

        f->format = format;
        f->failing &= is_same;
        return is_same ? 0 : str_replace(&f->path, path);
}

void metrics_file_clear(struct metrics_file *f) {
        free(STEAL_PTR(f->path));
}

/* The caller frees it; NULL when memory is short. */
static struct metrics_account *describe_accounts(const struct metrics_sources *from,
                                                 size_t *ret_n) {
        const size_t n = accounts_list(from->accounts, NULL, 0);
        CLEANUP(freep) struct account **all = calloc(n + 1, sizeof(struct account *));
        struct metrics_account *described = calloc(n + 1, sizeof(*described));

        if (!all || !described) {
                free(described);
                return NULL;
        }
        (void) accounts_list(from->accounts, all, n);
        for (size_t i = 0; i < n; i++)
                described[i] = (struct metrics_account){
                        .name = account_name(all[i]),
                        .state = account_state(all[i]),
                        .in_flight = account_in_flight(all[i]),
                        .is_left = membership_is_left(from->membership, all[i]),
                        .poll_lag = (double) poller_lag_of(from->poller, all[i], from->now) / 1e6,
                };
        *ret_n = n;
        return described;
}

static int write_now(const struct metrics_file *f, const struct metrics_sources *from) {
        const struct delivery_counts deliveries = deliveries_count(from->deliveries);
        const struct membership_counts held = from->membership ? membership_count(from->membership)
                                                               : (struct membership_counts){};
        size_t n = 0;
        CLEANUP(freep) struct metrics_account *accounts = describe_accounts(from, &n);
        const struct metrics_gauges gauges = {
                .pending = from->tasks.pending,
                .running = from->tasks.running,
                .finished = from->tasks.finished,
                .invalid = from->tasks.invalid,
                .hook_problems = from->tasks.hook_problems,
                .accounts = accounts,
                .n_accounts = n,
                .is_node = from->membership,
                .has_session = from->membership && membership_has_session(from->membership),
                .held = held.held,
                .served = held.served,
                .deliveries_pending = deliveries.pending,
                .deliveries_failing = deliveries.failing,
                .deliveries_parked = from->parked,
                .oldest_delivery = deliveries_oldest(from->deliveries),
                .poll_lag = (double) poller_lag(from->poller, from->now) / 1e6,
                .loop_lag = from->loop_lag,
                .log_entries_lost = log_lost(),
                .store_writable = commit_state(from->commit) == COMMIT_OK,
                .config_valid = !from->config_error,
                .written = clock_wall(),
        };

        return accounts ? metrics_write(from->metrics, &gauges, f->format, f->path) : -ENOMEM;
}

/* Of the path, which is absolute. */
static int directory_length(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash == path ? 1 : (int) (slash - path);
}

static bool is_directory(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void warn(const char *path, int error) {
        const int n = directory_length(path);

        /* It may have failed beside it, where nothing needs to be allowed. */
        if (is_directory(path)) {
                log_warning("MetricsFile %s: it is a directory, retrying every 15 s; name a file "
                            "in it",
                            path);
                return;
        }
        switch (error) {
        case -ENOENT:
                log_warning("MetricsFile %s: cannot write (%s), retrying every 15 s; create %.*s",
                            path, strerror(-error), n, path);
                break;
        case -EACCES:
        case -EPERM:
                log_warning("MetricsFile %s: cannot write (%s), retrying every 15 s; let the "
                            "daemon's user write to %.*s, and see SANDBOX in koowatchd(8)",
                            path, strerror(-error), n, path);
                break;
        case -EROFS:
                log_warning("MetricsFile %s: cannot write (%s), retrying every 15 s; the sandbox "
                            "needs ReadWritePaths=%.*s in a drop-in, see SANDBOX in koowatchd(8)",
                            path, strerror(-error), n, path);
                break;
        default:
                log_warning("MetricsFile %s: cannot write (%s), retrying every 15 s", path,
                            strerror(-error));
        }
}

void metrics_file_write(struct metrics_file *f, const struct metrics_sources *from) {
        int r;

        if (!f->path)
                return;
        r = write_now(f, from);
        if (r < 0 && !f->failing)
                warn(f->path, r);
        else if (r == 0 && f->failing)
                log_notice("MetricsFile %s: writable again", f->path);
        f->failing = r < 0;
}
