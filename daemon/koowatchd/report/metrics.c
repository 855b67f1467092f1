#include "koowatchd/report/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const double bounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

struct account_counters {
        struct account_counters *next;
        char *name;
        unsigned long polls[KOODRIVE_CLASSES];
        usec_t last_success, last_failure; /* wall clock; 0: none yet */
};

struct metrics {
        struct account_counters *accounts;
        unsigned long durations[ARRAY_LEN(bounds) + 1];
        double duration_sum;
        unsigned long completed[KOODRIVE_RESULT_FAILED + 1];
        unsigned long others[OUTCOMES]; /* but for completed */
        unsigned long hooks[HOOK_RESULTS];
        unsigned long dropped_account, dropped_stalled; /* events */
};

int metrics_new(struct metrics **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void metrics_free(struct metrics *m) {
        struct account_counters *a;

        if (!m)
                return;
        while ((a = m->accounts)) {
                m->accounts = a->next;
                free(a->name);
                free(a);
        }
        free(m);
}

static struct account_counters *counters_of(struct metrics *m, const char *name) {
        struct account_counters *a = m->accounts;

        while (a && !streq(a->name, name))
                a = a->next;
        if (a)
                return a;

        a = calloc(1, sizeof(*a));
        if (a)
                a->name = strdup(name);
        if (!a || !a->name) {
                free(a);
                return NULL;
        }
        a->next = m->accounts;
        m->accounts = a;
        return a;
}

static void count_poll(struct account_counters *a, enum koodrive_class class, usec_t wall) {
        a->polls[class]++;
        if (class == KOODRIVE_TASK)
                a->last_success = wall;
        else if (koodrive_class_is_of_account(class))
                a->last_failure = wall;
}

void metrics_polled(struct metrics *m, const char *account, enum koodrive_class class,
                    double seconds, usec_t wall) {
        struct account_counters *a = counters_of(m, account);
        size_t i = 0;

        if (a)
                count_poll(a, class, wall);
        while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
                i++;
        m->durations[i]++;
        m->duration_sum += seconds;
}

void metrics_finished(struct metrics *m, enum outcome outcome, enum koodrive_result result) {
        if (outcome == OUTCOME_COMPLETED)
                m->completed[result]++;
        else
                m->others[outcome]++;
}

void metrics_hook(struct metrics *m, enum hook_result result) {
        m->hooks[result]++;
}

void metrics_event_dropped(struct metrics *m, bool is_account) {
        if (is_account)
                m->dropped_account++;
        else
                m->dropped_stalled++;
}

/* ---- the text ---- */

/* It grows; open_memstream() alone goes on behind a line for which there was no memory. */
struct text {
        FILE *f;
        bool is_open; /* OpenMetrics */
        bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        t->failed |= vfprintf(t->f, format, arguments) < 0;
        va_end(arguments);
}

/* The name is that of the samples, the type OpenMetrics'; the older format lacks two of them. */
static void family(struct text *t, const char *name, const char *type, const char *help) {
        const bool is_info = streq(type, "info");
        size_t length = strlen(name);

        if (t->is_open && is_info)
                length -= strlen("_info");
        else if (t->is_open && streq(type, "counter"))
                length -= strlen("_total");
        else if (!t->is_open && (is_info || streq(type, "stateset")))
                type = "gauge";
        add(t, "# HELP koowatch_%.*s %s\n# TYPE koowatch_%.*s %s\n", (int) length, name, help,
            (int) length, name, type);
        if (t->is_open && str_ends_with(name, "_seconds"))
                add(t, "# UNIT koowatch_%s seconds\n", name);
}

static void number(struct text *t, const char *name, unsigned value, const char *help) {
        family(t, name, "gauge", help);
        add(t, "koowatch_%s %u\n", name, value);
}

static void seconds(struct text *t, const char *name, double value, const char *help) {
        family(t, name, "gauge", help);
        add(t, "koowatch_%s %.6f\n", name, value);
}

static void write_last_polls(const struct metrics *m, struct text *t) {
        family(t, "account_last_success_timestamp_seconds", "gauge",
               "When KooDrive last told the state of a task, by account.");
        for (const struct account_counters *a = m->accounts; a; a = a->next)
                if (a->last_success > 0)
                        add(t,
                            "koowatch_account_last_success_timestamp_seconds{account=\"%s\"} "
                            "%.3f\n",
                            a->name, (double) a->last_success / 1e6);

        family(t, "account_last_failure_timestamp_seconds", "gauge",
               "When a request last failed for a reason of the account, by account.");
        for (const struct account_counters *a = m->accounts; a; a = a->next)
                if (a->last_failure > 0)
                        add(t,
                            "koowatch_account_last_failure_timestamp_seconds{account=\"%s\"} "
                            "%.3f\n",
                            a->name, (double) a->last_failure / 1e6);
}

static void write_polls(const struct metrics *m, struct text *t) {
        family(t, "polls_total", "counter", "Answers, by account and class.");
        for (const struct account_counters *a = m->accounts; a; a = a->next)
                for (size_t i = 0; i < KOODRIVE_CLASSES; i++)
                        add(t, "koowatch_polls_total{account=\"%s\",class=\"%s\"} %lu\n", a->name,
                            koodrive_class_name((enum koodrive_class) i), a->polls[i]);
}

static void write_durations(const struct metrics *m, struct text *t) {
        unsigned long sum = 0;

        family(t, "poll_duration_seconds", "histogram", "From a request to its answer.");
        for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
                const bool is_whole = bounds[i] >= 1 && bounds[i] != 2.5;

                sum += m->durations[i];
                /* To OpenMetrics a whole number is no float. */
                add(t, "koowatch_poll_duration_seconds_bucket{le=\"%g%s\"} %lu\n", bounds[i],
                    t->is_open && is_whole ? ".0" : "", sum);
        }
        sum += m->durations[ARRAY_LEN(bounds)];
        add(t,
            "koowatch_poll_duration_seconds_bucket{le=\"+Inf\"} %lu\n"
            "koowatch_poll_duration_seconds_count %lu\n"
            "koowatch_poll_duration_seconds_sum %.6f\n",
            sum, sum, m->duration_sum);
}

static void write_outcomes(const struct metrics *m, struct text *t) {
        family(t, "finished_total", "counter", "Finished tasks, by outcome and result.");
        for (int i = 0; i <= KOODRIVE_RESULT_FAILED; i++)
                add(t, "koowatch_finished_total{outcome=\"completed\",result=\"%s\"} %lu\n",
                    koodrive_result_name((enum koodrive_result) i), m->completed[i]);
        for (int i = OUTCOME_CANCELED; i < OUTCOMES; i++)
                add(t, "koowatch_finished_total{outcome=\"%s\",result=\"\"} %lu\n",
                    outcome_name((enum outcome) i), m->others[i]);

        family(t, "hook_runs_total", "counter", "Hook runs, by result.");
        for (int i = 0; i < HOOK_RESULTS; i++)
                add(t, "koowatch_hook_runs_total{result=\"%s\"} %lu\n",
                    hook_result_name((enum hook_result) i), m->hooks[i]);

        family(t, "events_dropped_total", "counter", "Events whose hooks were not run, by event.");
        add(t,
            "koowatch_events_dropped_total{event=\"account\"} %lu\n"
            "koowatch_events_dropped_total{event=\"stalled\"} %lu\n",
            m->dropped_account, m->dropped_stalled);
}

static void write_accounts(const struct metrics_gauges *g, struct text *t) {
        family(t, "account_state", "stateset",
               "1 for the current state of an account, 0 for the others.");
        for (size_t i = 0; i < g->n_accounts; i++)
                for (int s = 0; s < ACCOUNT_STATES; s++)
                        add(t,
                            "koowatch_account_state{account=\"%s\",koowatch_account_state=\"%s\"} "
                            "%d\n",
                            g->accounts[i].name, account_state_name((enum account_state) s),
                            g->accounts[i].state == (enum account_state) s);

        family(t, "requests_in_flight", "gauge", "Open requests, by account.");
        for (size_t i = 0; i < g->n_accounts; i++)
                add(t, "koowatch_requests_in_flight{account=\"%s\"} %u\n", g->accounts[i].name,
                    g->accounts[i].in_flight);

        family(t, "account_poll_lag_seconds", "gauge",
               "How long the most overdue poll of an account has been due.");
        for (size_t i = 0; i < g->n_accounts; i++)
                add(t, "koowatch_account_poll_lag_seconds{account=\"%s\"} %.6f\n",
                    g->accounts[i].name, g->accounts[i].poll_lag);
}

static void write_node(const struct metrics_gauges *g, struct text *t) {
        if (!g->is_node)
                return;
        number(t, "node_session", g->has_session,
               "0 while this node has no session in the database, and polls nothing.");
        family(t, "node_accounts", "gauge",
               "Accounts that this node polls, and that it could poll.");
        add(t,
            "koowatch_node_accounts{state=\"held\"} %u\n"
            "koowatch_node_accounts{state=\"served\"} %u\n",
            g->held, g->served);
        family(t, "account_polled", "gauge", "0 while no node polls an account, 1 otherwise.");
        for (size_t i = 0; i < g->n_accounts; i++)
                add(t, "koowatch_account_polled{account=\"%s\"} %d\n", g->accounts[i].name,
                    !g->accounts[i].is_left);
}

static void write_deliveries(const struct metrics_gauges *g, struct text *t) {
        number(t, "deliveries_pending", g->deliveries_pending,
               "Outcomes whose hooks have not all succeeded.");
        number(t, "deliveries_failing", g->deliveries_failing,
               "Of them, those for which an attempt has failed.");
        number(t, "deliveries_parked", g->deliveries_parked,
               "Outcomes that are no longer retried after all attempts.");
        family(t, "oldest_delivery_timestamp_seconds", "gauge",
               "When the oldest of the pending outcomes came; absent while none is pending.");
        if (g->oldest_delivery > 0)
                add(t, "koowatch_oldest_delivery_timestamp_seconds %.3f\n",
                    (double) g->oldest_delivery / 1e6);
}

static void write_gauges(const struct metrics_gauges *g, struct text *t) {
        family(t, "watches", "gauge", "Task files, by state.");
        add(t,
            "koowatch_watches{state=\"pending\"} %u\n"
            "koowatch_watches{state=\"running\"} %u\n"
            "koowatch_watches{state=\"finished\"} %u\n"
            "koowatch_watches{state=\"invalid\"} %u\n",
            g->pending, g->running, g->finished, g->invalid);
        number(t, "hook_problems", g->hook_problems,
               "Watched tasks with a Hook= that would not run.");
        seconds(t, "poll_lag_seconds", g->poll_lag, "How long the most overdue poll has been due.");
        seconds(t, "loop_lag_seconds", g->loop_lag, "How late the event loop ran its last timer.");
        number(t, "store_writable", g->store_writable,
               "0 while outcomes wait because the store cannot be written.");
        number(t, "config_last_reload_successful", g->config_valid,
               "0 while the configuration has errors and the old one is in effect.");
        family(t, "log_entries_lost_total", "counter",
               "Log entries that were dropped because nobody read them.");
        add(t, "koowatch_log_entries_lost_total %ju\n", (uintmax_t) g->log_entries_lost);
        family(t, "written_timestamp_seconds", "gauge", "When this was written.");
        add(t, "koowatch_written_timestamp_seconds %.3f\n", (double) g->written / 1e6);
        family(t, "build_info", "info", "Always 1, with the version.");
        add(t, "koowatch_build_info{version=\"" KOOWATCH_VERSION "\"} 1\n");
}

int metrics_write(const struct metrics *m, const struct metrics_gauges *g,
                  enum metrics_format format, const char *path) {
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        struct text t = {
                .f = open_memstream(&text, &length),
                .is_open = format == METRICS_OPENMETRICS,
        };

        if (!t.f)
                return -errno;
        write_gauges(g, &t);
        write_deliveries(g, &t);
        write_accounts(g, &t);
        write_node(g, &t);
        write_last_polls(m, &t);
        write_polls(m, &t);
        write_durations(m, &t);
        write_outcomes(m, &t);
        if (t.is_open)
                add(&t, "# EOF\n");
        if (fclose(t.f) != 0 || t.failed || !text)
                return -ENOMEM;
        return replace_file(path, text, length, 0644);
}
