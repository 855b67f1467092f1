#include "koowatchd/control/task-list.h"

#include <errno.h>

#include "common/index.h"
#include "common/json.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/failed-runs.h"
#include "koowatchd/control/far-end.h"
#include "koowatchd/control/filter.h"
#include "koowatchd/control/name-heap.h"
#include "koowatchd/control/page.h"
#include "koowatchd/control/slice.h"
#include "koowatchd/control/task-view.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"

#define PARTS_AT_ONCE 64 /* of the walk, in a turn */

struct task_list {
        struct pending pending;
        struct slice slice;
        struct control *control;
        struct filter filter;
        size_t limit;
        char *after; /* names up to this are not wanted; owned */

        unsigned part; /* of the walk; INDEX_PARTS: it is over, and the names are looked up */
        struct name_heap names;
        size_t at; /* of the name that is looked up */
        json_object *tasks;
        int error;

        /* Of one that has finished, or that another node polls, while the store is asked. */
        bool is_reading;
        json_object *view;
        struct far_end far_end;
        struct failed_runs failed_runs;
        char event_id[EVENT_ID_LENGTH + 1];
};

static void list_free(struct pending *pending) {
        struct task_list *l = container_of(pending, struct task_list, pending);

        slice_close(&l->slice);
        name_heap_clear(&l->names);
        json_object_put(l->tasks);
        json_object_put(l->view);
        failed_runs_close(&l->failed_runs);
        free(l->after);
        free(l);
}

/* ---- the walk ---- */

static void on_task(void *userdata, const struct task_brief *task) {
        struct task_list *l = userdata;

        if (strcmp(task->name, l->after) <= 0 || !filter_may_take(&l->filter, task))
                return;
        if (name_heap_offer(&l->names, task->name) < 0)
                l->error = -ENOMEM;
}

static enum slice_step walk_on(struct task_list *l) {
        task_facts_walk(registry_enrollment(l->control->with.registry), l->part++, on_task, l);
        if (l->part == INDEX_PARTS)
                name_heap_sort(&l->names);
        return l->part % PARTS_AT_ONCE == 0 ? SLICE_REST : SLICE_GO_ON;
}

/* ---- each of them ---- */

/* The store has been asked for what it knows of the one at l->at. */
static void on_reason(struct failed_runs *search, int error) {
        struct task_list *l = container_of(search, struct task_list, failed_runs);

        l->error = error;
        l->is_reading = false;
        slice_run(&l->slice);
}

static void on_event(void *userdata, int found, const struct store_event *stored) {
        CLEANUP(json_object_putp) json_object *event = NULL;
        struct task_list *l = userdata;
        int r = MIN(found, 0);

        if (found > 0)
                r = event_parse(stored->body, &event);
        if (event && !view_add_event(l->view, stored, event))
                r = -ENOMEM;
        l->error = r == -EBADMSG ? 0 : r;
        if (l->error == 0 && found > 0 && stored->delivery.state == DELIVERY_PARKED) {
                failed_runs_read(&l->failed_runs, l->event_id, l->view);
                return;
        }
        l->is_reading = false;
        slice_run(&l->slice);
}

static void read_event(struct task_list *l, const char *event_id) {
        (void) snprintf(l->event_id, sizeof(l->event_id), "%s", event_id);
        store_find_event(l->control->with.store, l->event_id, on_event, l);
}

static void on_far_end(struct far_end *end, int found) {
        struct task_list *l = container_of(end, struct task_list, far_end);

        if (found > 0 && view_add_far_end(l->view, end)) {
                read_event(l, end->event_id);
                return;
        }
        l->error = found > 0 ? -ENOMEM : found;
        l->is_reading = false;
        slice_run(&l->slice);
}

/* It is in l->view, as a whole. */
static bool take_view(struct task_list *l) {
        json_object *view = STEAL_PTR(l->view);

        if (filter_takes(&l->filter, view))
                return build_append(l->tasks, view);
        json_object_put(view);
        return true;
}

/* Begins with the one at l->at, which may have gone since. */
static enum slice_step look_up(struct task_list *l) {
        const struct enrollment *en = registry_enrollment(l->control->with.registry);
        struct task_facts facts;

        if (!task_facts_find(en, l->names.names[l->at], &facts)) {
                l->at++;
                return SLICE_GO_ON;
        }
        l->view = view_of_task(en, l->control->with.nodes, &facts);
        if (!l->view) {
                l->error = -ENOMEM;
                return SLICE_GO_ON;
        }
        if (!facts.end && !facts.is_elsewhere)
                return SLICE_GO_ON;
        l->is_reading = true;
        if (facts.end)
                read_event(l, facts.end->event_id);
        else
                far_end_find(&l->far_end, l->control, &facts);
        return SLICE_WAIT;
}

/* last: the name of the last one, if there are more; else "". */
static enum slice_step end(struct task_list *l, const char *last) {
        CLEANUP(freep) char *next = page_cursor_of(last);
        json_object *text = next ? json_object_new_string(next) : NULL;

        pending_reply(&l->pending, build_reply(STEAL_PTR(l->tasks), text));
        return SLICE_END;
}

/* All names have been looked up, and the page is not full: the filter has left some out. */
static enum slice_step walk_again(struct task_list *l) {
        if (str_replace(&l->after, l->names.names[l->names.count - 1]) < 0) {
                l->error = -ENOMEM;
                return SLICE_GO_ON;
        }
        name_heap_clear(&l->names);
        l->part = 0;
        l->at = 0;
        return SLICE_REST;
}

static enum slice_step step(struct slice *slice) {
        struct task_list *l = container_of(slice, struct task_list, slice);

        if (l->is_reading)
                return SLICE_WAIT;
        if (l->error < 0) {
                control_fail_pending(l->control, &l->pending, l->error);
                return SLICE_END;
        }
        if (l->part < INDEX_PARTS)
                return walk_on(l);
        if (l->view) {
                l->at++;
                l->error = take_view(l) ? 0 : -ENOMEM;
                return SLICE_GO_ON;
        }
        if (json_object_array_length(l->tasks) == l->limit &&
            (l->at < l->names.count || name_heap_is_full(&l->names)))
                return end(l, l->names.names[l->at - 1]);
        if (l->at < l->names.count)
                return look_up(l);
        return name_heap_is_full(&l->names) ? walk_again(l) : end(l, "");
}

/* ---- */

void task_list_begin(struct control *c, struct bus_call *call) {
        json_object *arguments = bus_call_arguments(call);
        struct task_list *l = calloc(1, sizeof(*l));
        CLEANUP(freep) char *fault = NULL;
        int r = -ENOMEM;

        if (!l) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &l->pending, call, list_free);
        l->control = c;
        l->failed_runs = (struct failed_runs){.store = c->with.store, .on_end = on_reason};
        l->far_end.on_end = on_far_end;
        l->limit = page_limit(arguments);
        l->tasks = json_object_new_array();
        name_heap_init(&l->names, l->limit + 1);
        if (l->tasks)
                r = filter_read_list(json_object_array_get_idx(arguments, 0), &l->filter, &fault);
        if (r == 0)
                r = slice_open(&l->slice, c->with.timers, step);
        if (r == 0)
                r = page_name(arguments, &l->after);
        if (r == 0)
                slice_run(&l->slice);
        else if (r == -EINVAL && !fault)
                pending_fail(&l->pending, BUS_INVALID, "the cursor is none that List returned");
        else if (fault)
                pending_fail(&l->pending, BUS_INVALID, "%s", fault);
        else
                control_fail_pending(c, &l->pending, r);
}
