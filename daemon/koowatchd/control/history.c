#include "koowatchd/control/history.h"

#include <errno.h>
#include <stdlib.h>

#include "common/json.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/event-walk.h"
#include "koowatchd/control/failed-runs.h"
#include "koowatchd/control/filter.h"
#include "koowatchd/control/page.h"
#include "koowatchd/control/slice.h"
#include "koowatchd/control/task-view.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/store.h"

struct history {
        struct pending pending;
        struct control *control;
        struct event_walk walk;
        struct filter filter;
        size_t limit;
        json_object *runs;
        int64_t last;  /* number of the last one of the page */
        bool has_more; /* behind it */
        int error;

        /* When the page is there: the reasons of those that were given up. */
        struct slice slice;
        struct failed_runs failed_runs;
        size_t at;
        bool is_reading;
};

static void history_free(struct pending *pending) {
        struct history *h = container_of(pending, struct history, pending);

        event_walk_close(&h->walk);
        slice_close(&h->slice);
        failed_runs_close(&h->failed_runs);
        json_object_put(h->runs);
        free(h);
}

/* Whether it is wanted. *ret NULL: it is not, or cannot be read. Returns 0 or -ENOMEM. */
static int make_view(const struct history *h, const struct store_event *stored, json_object **ret) {
        CLEANUP(json_object_putp) json_object *event = NULL, *view = NULL;
        int r = event_parse(stored->body, &event);

        if (r < 0)
                return r == -ENOMEM ? r : 0;
        view = json_object_new_object();
        if (!view || !view_add_event(view, stored, event))
                return -ENOMEM;
        if (filter_takes(&h->filter, view))
                *ret = STEAL_PTR(view);
        return 0;
}

static bool on_event(struct event_walk *walk, const struct store_event *stored) {
        struct history *h = container_of(walk, struct history, walk);
        json_object *view = NULL;

        h->error = make_view(h, stored, &view);
        if (!view)
                return h->error == 0;
        if (json_object_array_length(h->runs) == h->limit) {
                h->has_more = true;
                json_object_put(view);
                return false;
        }
        h->last = stored->number;
        if (build_append(h->runs, view))
                return true;
        h->error = -ENOMEM;
        return false;
}

static void on_walk_end(struct event_walk *walk, int error) {
        struct history *h = container_of(walk, struct history, walk);

        if (error < 0)
                h->error = error;
        slice_run(&h->slice);
}

/* ---- reasons ---- */

static void on_reason(struct failed_runs *search, int error) {
        struct history *h = container_of(search, struct history, failed_runs);

        h->error = error;
        h->is_reading = false;
        slice_run(&h->slice);
}

static void reply(struct history *h) {
        char next[24] = "";
        json_object *result;

        if (h->has_more)
                (void) snprintf(next, sizeof(next), "%lld", (long long) h->last);
        result = build_reply(STEAL_PTR(h->runs), json_object_new_string(next));
        pending_reply(&h->pending, result);
}

static enum slice_step step(struct slice *slice) {
        struct history *h = container_of(slice, struct history, slice);
        json_object *run;

        if (h->is_reading)
                return SLICE_WAIT;
        if (h->error < 0) {
                control_fail_pending(h->control, &h->pending, h->error);
                return SLICE_END;
        }
        if (h->at == json_object_array_length(h->runs)) {
                reply(h);
                return SLICE_END;
        }
        run = json_object_array_get_idx(h->runs, h->at++);
        if (!streq(json_get_string(run, "delivery"), "parked"))
                return SLICE_GO_ON;
        h->is_reading = true;
        failed_runs_read(&h->failed_runs, json_get_string(run, "eventId"), run);
        return SLICE_WAIT;
}

/* ---- */

/* "": the first page. Returns 0 or -EINVAL. */
static int read_cursor(const char *text, int64_t *ret) {
        char *end;

        *ret = INT64_MAX;
        if (!*text)
                return 0;
        errno = 0;
        *ret = strtoll(text, &end, 10);
        return *end || errno || *ret <= 0 ? -EINVAL : 0;
}

void history_begin(struct control *c, struct bus_call *call) {
        json_object *arguments = bus_call_arguments(call);
        struct history *h = calloc(1, sizeof(*h));
        CLEANUP(freep) char *fault = NULL;
        int r = -ENOMEM;

        if (!h) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &h->pending, call, history_free);
        h->control = c;
        h->limit = page_limit(arguments);
        h->runs = json_object_new_array();
        h->walk.store = c->with.store;
        h->walk.on_event = on_event;
        h->walk.on_end = on_walk_end;
        h->failed_runs = (struct failed_runs){.store = c->with.store, .on_end = on_reason};
        if (h->runs)
                r = filter_read_history(json_object_array_get_idx(arguments, 0), &h->filter,
                                        &fault);
        if (r == 0)
                r = event_walk_open(&h->walk, c->with.timers);
        if (r == 0)
                r = slice_open(&h->slice, c->with.timers, step);
        if (r == 0 && read_cursor(page_cursor(arguments), &h->walk.before) < 0)
                pending_fail(&h->pending, BUS_INVALID, "the cursor is none that History returned");
        else if (r == 0)
                event_walk_begin(&h->walk);
        else if (fault)
                pending_fail(&h->pending, BUS_INVALID, "%s", fault);
        else
                control_fail_pending(c, &h->pending, r);
}
