#include "koowatchd/deliver/delivery-run.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/hookdir.h"
#include "koowatchd/deliver/runner.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/fleet.h"

bool event_has_hooks(const char *hook_directories, json_object *event) {
        const char *type = event_string(event, "event");
        CLEANUP(freep) char *subdirectory = str_printf("%s.d", type ? type : "");

        return event_names_hooks(event) || !subdirectory ||
               hookdir_has_any(hook_directories, subdirectory);
}

bool delivery_run_is_last(const struct delivery_run *r) {
        return attempts_is_last(&r->row->attempts, &r->shared->limits, clock_wall());
}

static void on_hook_start(void *userdata, const char *hook) {
        const struct delivery_run *r = userdata;

        report_hook_start(r->event, hook);
}

/* The pause after this attempt; 0: it is the last. */
static usec_t next_pause(const struct delivery_run *r) {
        return delivery_run_is_last(r) ? 0 : attempts_pause(&r->row->attempts);
}

static void on_hook_end(void *userdata, const struct hook_end *end) {
        struct delivery_run *r = userdata;
        bool settled;

        attempts_note(&r->row->attempts, end->result);
        settled = hook_result_is_final(end->result) && delivery_row_settle(r->row, end->hook);
        hook_runs_add(&r->row->runs, end, r->row->attempts.made + 1, clock_wall());
        metrics_hook(r->shared->metrics, end->result);
        report_hook_end(r->event, end, next_pause(r));
        r->shared->on_hook(r, settled);
}

static void on_end(void *userdata, enum runner_outcome outcome) {
        struct delivery_run *r = userdata;
        enum delivery_run_end end = DELIVERY_RUN_DONE;

        if (outcome == RUNNER_LATER) {
                r->shared->on_end(r, DELIVERY_RUN_LATER,
                                  "the hook runner is still processing it, or is not becoming "
                                  "ready",
                                  0);
                return;
        }
        if (outcome == RUNNER_FAILED) {
                /* Hooks whose end was not reported are run again. */
                attempts_note(&r->row->attempts, HOOK_FAILED);
                report_runner_failed(r->event, r->row->attempts.made + 1, next_pause(r));
        }
        if (r->row->attempts.incomplete)
                end = DELIVERY_RUN_INCOMPLETE;
        r->shared->on_end(r, end, NULL, 0);
}

/* It has its event. */
static void run(struct delivery_run *r) {
        static const struct runner_handler handler = {
                .on_hook_start = on_hook_start,
                .on_hook_end = on_hook_end,
                .on_end = on_end,
        };
        struct event_attempt attempt = {.settled = r->row->settled, .fence = r->row->fence};
        CLEANUP(freep) char *line = NULL;
        int error = -ENOMEM;

        if (!runner_may_run(r->shared->runner, r->event)) {
                r->shared->on_end(r, DELIVERY_RUN_LATER, "this node lacks a label of RunOn=", 0);
                return;
        }
        if (!event_has_hooks(r->shared->hook_directories, r->event)) {
                r->shared->on_end(r, DELIVERY_RUN_NO_HOOKS, NULL, 0);
                return;
        }
        attempts_begin(&r->row->attempts);
        attempt.number = r->row->attempts.made + 1;
        runner_complete_attempt(r->shared->runner, &attempt);
        line = event_line(r->event, &attempt);
        if (line)
                error = runner_start(r->shared->runner, line, strlen(line), &handler, r);
        if (error < 0)
                r->shared->on_end(r, DELIVERY_RUN_LATER,
                                  "the hook runner cannot be started or reached", error);
}

static void run_if_wanted(struct delivery_run *r, int error) {
        if (error == 0 && !r->shared->stopping)
                run(r);
        else
                r->shared->on_end(r, DELIVERY_RUN_LATER, "it cannot be read from the store", error);
}

static void on_event(void *userdata, int error, const char *body) {
        struct delivery_run *r = userdata;

        if (error == 0)
                error = event_parse(body, &r->event);
        run_if_wanted(r, error);
}

/* Where the store is shared: this node must have it still, and may have got it anew. */
static void on_claimed(void *userdata, int found, const struct store_event *event) {
        struct delivery_run *r = userdata;

        if (found > 0 && !event->is_mine) {
                r->shared->on_end(r, DELIVERY_RUN_LATER, "another node delivers it", 0);
                return;
        }
        if (found > 0)
                r->row->fence = event->delivery.fence;
        if (found > 0 && r->event)
                run_if_wanted(r, 0);
        else
                on_event(r,
                         found > 0   ? 0
                         : found < 0 ? found
                                     : -ENOENT,
                         found > 0 ? event->body : NULL);
}

/* Where nothing is to be run, it makes no difference whose it is. */
static bool must_be_claimed(const struct delivery_run *r) {
        return store_is_shared(r->shared->store) &&
               !(r->event && !event_has_hooks(r->shared->hook_directories, r->event));
}

void delivery_run_start(struct delivery_run *r) {
        if (must_be_claimed(r))
                store_find_event(r->shared->store, r->row->id, on_claimed, r);
        else if (r->event)
                run(r);
        else
                store_get_event(r->shared->store, r->row->id, on_event, r);
}
