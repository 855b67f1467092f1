#include "koowatchd/deliver/hook-runs.h"

#include "common/util.h"
#include "koowatchd/report/hook-result.h"
#include "koowatchd/store/store-batch.h"

#define TAIL_MAX 2048 /* whatever the runner sends */

struct hook_run {
        struct hook_run *next;
        struct store_run run; /* its texts are behind it */
        char texts[];
};

static void drop_first(struct hook_runs *runs) {
        struct hook_run *first = runs->first;

        runs->first = first->next;
        runs->count--;
        free(first);
}

void hook_runs_clear(struct hook_runs *runs) {
        while (runs->first)
                drop_first(runs);
        runs->in_commit = 0;
}

/* NULL when memory is short. */
static struct hook_run *make_run(const struct hook_end *end, unsigned attempt, usec_t wall) {
        const char *tail = end->tail ? end->tail : end->reason;
        size_t hook_size = strlen(end->hook) + 1, tail_size = tail ? strlen(tail) + 1 : 0;
        struct hook_run *own = malloc(sizeof(*own) + hook_size + tail_size);
        usec_t duration = (usec_t) (MIN(end->seconds, 1e9) * (double) USEC_SEC);

        if (!own)
                return NULL;
        own->next = NULL;
        own->run = (struct store_run){
                .hook = memcpy(own->texts, end->hook, hook_size),
                .attempt = attempt,
                .started = wall - duration,
                .duration = duration,
                .status = end->timed_out ? "timeout" : hook_result_name(end->result),
                .exit_status = end->status,
                .signal = end->signal,
        };
        if (tail) {
                own->run.tail = memcpy(own->texts + hook_size, tail, tail_size);
                (void) utf8_cut(own->texts + hook_size, TAIL_MAX);
        }
        return own;
}

void hook_runs_add(struct hook_runs *runs, const struct hook_end *end, unsigned attempt,
                   usec_t wall) {
        struct hook_run *own = make_run(end, attempt, wall), **last = &runs->first;

        if (!own)
                return;
        while (*last)
                last = &(*last)->next;
        *last = own;
        if (++runs->count > STORE_RUNS_MAX && runs->in_commit == 0)
                drop_first(runs);
}

int hook_runs_write(const struct hook_runs *runs, const char *event_id, struct store_batch *batch) {
        int r = 0;

        for (const struct hook_run *own = runs->first; own && r == 0; own = own->next)
                r = store_batch_put_run(batch, event_id, &own->run);
        return r;
}

void hook_runs_begin_commit(struct hook_runs *runs) {
        runs->in_commit = runs->count;
}

void hook_runs_end_commit(struct hook_runs *runs, bool written) {
        for (; written && runs->in_commit > 0; runs->in_commit--)
                drop_first(runs);
        runs->in_commit = 0;
}
