#include "koowatchd/metrics.h"

#include <errno.h>

static const double bounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
static const char *const hook_results[] = {"done", "later", "progress", "skipped", "failed"};

struct account_counters {
        struct account_counters *next;
        char *name;
        unsigned long polls[KOODRIVE_CLASSES];
};

struct metrics {
        struct account_counters *accounts;
        unsigned long durations[ARRAY_LEN(bounds) + 1];
        double duration_sum;
        unsigned long completed[KOODRIVE_RESULT_FAILED + 1];
        unsigned long others[OUTCOMES]; /* but for completed */
        unsigned long hooks[ARRAY_LEN(hook_results)];
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

void metrics_polled(struct metrics *m, const char *account, enum koodrive_class class,
                    double seconds) {
        struct account_counters *a = counters_of(m, account);
        size_t i = 0;

        if (a)
                a->polls[class]++;
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

void metrics_hook(struct metrics *m, const char *result) {
        size_t i = 0;

        while (i + 1 < ARRAY_LEN(hook_results) && !(result && streq(hook_results[i], result)))
                i++;
        m->hooks[i]++;
}

static void family(FILE *f, const char *name, const char *type, const char *help) {
        (void) fprintf(f, "# TYPE koowatch_%s %s\n# HELP koowatch_%s %s\n", name, type, name, help);
}

static void write_polls(const struct metrics *m, FILE *f) {
        unsigned long sum = 0;

        family(f, "polls", "counter", "Answers, by account and class.");
        for (const struct account_counters *a = m->accounts; a; a = a->next)
                for (size_t i = 0; i < KOODRIVE_CLASSES; i++)
                        (void) fprintf(f, "koowatch_polls_total{account=\"%s\",class=\"%s\"} %lu\n",
                                       a->name, koodrive_class_name((enum koodrive_class) i),
                                       a->polls[i]);

        family(f, "poll_duration_seconds", "histogram", "From a request to its answer.");
        for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
                sum += m->durations[i];
                (void) fprintf(f, "koowatch_poll_duration_seconds_bucket{le=\"%g\"} %lu\n",
                               bounds[i], sum);
        }
        sum += m->durations[ARRAY_LEN(bounds)];
        (void) fprintf(f,
                       "koowatch_poll_duration_seconds_bucket{le=\"+Inf\"} %lu\n"
                       "koowatch_poll_duration_seconds_count %lu\n"
                       "koowatch_poll_duration_seconds_sum %.6f\n",
                       sum, sum, m->duration_sum);
}

static void write_outcomes(const struct metrics *m, FILE *f) {
        family(f, "finished", "counter", "Tasks that have ended, by outcome and result.");
        for (int i = 0; i <= KOODRIVE_RESULT_FAILED; i++)
                (void) fprintf(f,
                               "koowatch_finished_total{outcome=\"completed\",result=\"%s\"} %lu\n",
                               koodrive_result_name((enum koodrive_result) i), m->completed[i]);
        for (int i = OUTCOME_CANCELED; i < OUTCOMES; i++)
                (void) fprintf(f, "koowatch_finished_total{outcome=\"%s\",result=\"\"} %lu\n",
                               outcome_name((enum outcome) i), m->others[i]);

        family(f, "hook_runs", "counter", "Hooks that have ended, by result.");
        for (size_t i = 0; i < ARRAY_LEN(hook_results); i++)
                (void) fprintf(f, "koowatch_hook_runs_total{result=\"%s\"} %lu\n", hook_results[i],
                               m->hooks[i]);
}

static void write_accounts(const struct metrics_gauges *g, FILE *f) {
        family(f, "account_state", "stateset", "The state of each account.");
        for (size_t i = 0; i < g->n_accounts; i++)
                for (int s = 0; s < ACCOUNT_STATES; s++)
                        (void) fprintf(
                                f,
                                "koowatch_account_state{account=\"%s\",koowatch_account_state=\"%s\"} %d\n",
                                account_name(g->accounts[i]),
                                account_state_name((enum account_state) s),
                                account_state(g->accounts[i]) == (enum account_state) s);

        family(f, "requests_in_flight", "gauge", "Requests that wait for their answer.");
        for (size_t i = 0; i < g->n_accounts; i++)
                (void) fprintf(f, "koowatch_requests_in_flight{account=\"%s\"} %u\n",
                               account_name(g->accounts[i]), account_in_flight(g->accounts[i]));
}

static void write_gauges(const struct metrics_gauges *g, FILE *f) {
        family(f, "watches", "gauge", "Task files, by state.");
        (void) fprintf(f,
                       "koowatch_watches{state=\"pending\"} %u\n"
                       "koowatch_watches{state=\"running\"} %u\n"
                       "koowatch_watches{state=\"finished\"} %u\n"
                       "koowatch_watches{state=\"invalid\"} %u\n",
                       g->watches.pending, g->watches.running, g->watches.finished,
                       g->watches.invalid);
        family(f, "deliveries_pending", "gauge", "Outcomes whose hooks have not all ended well.");
        (void) fprintf(f, "koowatch_deliveries_pending %u\n", g->deliveries_pending);
        family(f, "deliveries_parked", "gauge", "Outcomes that were given up after all attempts.");
        (void) fprintf(f, "koowatch_deliveries_parked %u\n", g->deliveries_parked);
        family(f, "poll_lag_seconds", "gauge", "How long the longest-waiting poll has been due.");
        (void) fprintf(f, "koowatch_poll_lag_seconds %.3f\n", g->poll_lag);
        family(f, "loop_lag_seconds", "gauge", "How late the event loop ran its last timer.");
        (void) fprintf(f, "koowatch_loop_lag_seconds %.6f\n", g->loop_lag);
        family(f, "build", "info", "The version.");
        (void) fprintf(f, "koowatch_build_info{version=\"" KOOWATCH_VERSION "\"} 1\n");
}

int metrics_write(const struct metrics *m, const struct metrics_gauges *g, const char *path) {
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);

        if (!f)
                return -errno;
        write_gauges(g, f);
        write_accounts(g, f);
        write_polls(m, f);
        write_outcomes(m, f);
        (void) fprintf(f, "# EOF\n");
        if (fclose(f) != 0 || !text)
                return -ENOMEM;
        return replace_file(path, text, length, 0644);
}
