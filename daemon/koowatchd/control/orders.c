#include "koowatchd/control/orders.h"

#include <errno.h>

#include "common/json.h"
#include "common/log.h"
#include "koowatchd/control/ask-link.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/control-state.h"
#include "koowatchd/control/far-end.h"
#include "koowatchd/control/run-search.h"
#include "koowatchd/deliver/redelivery.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registry.h"
#include "koowatchd/task/task-facts.h"
#include "koowatchd/task/task-file.h"
#include "koowatchd/task/task.h"

struct order {
        struct pending pending;
        struct control *control;
        struct run_search search;
        struct far_end far_end;
        const char *name; /* borrowed from the call */
        char event_id[EVENT_ID_LENGTH + 1];
        bool is_dismissal, asks;
        struct ask_link ask;
        char *url;         /* Ask: the fresh one */
        struct task *file; /* Reread: what the task file says; NULL: as committed */
        char *fault;       /* what is wrong with it */
};

static void order_free(struct pending *pending) {
        struct order *o = container_of(pending, struct order, pending);

        run_search_close(&o->search);
        ask_link_close(&o->ask);
        free(o->url);
        task_free(o->file);
        free(o->fault);
        free(o);
}

/* ---- its end ---- */

static void log_done(const struct order *o) {
        const struct log_field fields[] = {{"KOOWATCH_NAME", o->name},
                                           {"KOOWATCH_EVENT_ID", o->event_id}};

        log_entry(LEVEL_NOTICE, NULL, fields, ARRAY_LEN(fields), "%s: %s", o->name,
                  o->is_dismissal ? "its delivery was dismissed, its hooks are not run again"
                                  : "its event is delivered again, as was asked for");
}

static void on_done(void *userdata, enum redelivery_result result, int error) {
        struct order *o = userdata;

        switch (result) {
        case REDELIVERY_DONE:
                log_done(o);
                callback_call(&o->control->with.on_delivery);
                pending_reply(&o->pending, NULL);
                return;
        case REDELIVERY_UNKNOWN:
                pending_fail(&o->pending, BUS_NOT_FOUND,
                             "the outcome of task %s is not remembered any more", o->name);
                return;
        case REDELIVERY_ELSEWHERE:
                pending_fail(&o->pending, BUS_UNAVAILABLE,
                             "another node delivers the outcome of task %s; ask there, see "
                             "koowatchctl nodes",
                             o->name);
                return;
        case REDELIVERY_BUSY:
                pending_fail(&o->pending, BUS_UNAVAILABLE,
                             "the hooks of task %s are running; try again when they have ended",
                             o->name);
                return;
        case REDELIVERY_OVER:
                pending_fail(&o->pending, BUS_NOT_ALLOWED,
                             "the outcome of task %s has been delivered", o->name);
                return;
        case REDELIVERY_FAILED:
                control_fail_pending(o->control, &o->pending, error);
                return;
        }
}

static int change(void *userdata, json_object *event) {
        const struct order *o = userdata;

        if (o->url && !build_add_string(event, "downloadUrl", o->url))
                return -ENOMEM;
        if (!o->file)
                return 0;
        return event_set_hooks(event, o->file->hooks, o->file->run_on,
                               (const char *const *) o->file->variables);
}

static void give(struct order *o) {
        const struct redelivery_request request = {
                .event_id = o->event_id,
                .change = o->file || o->url ? change : NULL,
                .on_done = on_done,
                .userdata = o,
        };

        if (o->is_dismissal)
                deliveries_dismiss(o->control->with.deliveries, &request);
        else
                deliveries_redeliver(o->control->with.deliveries, &request);
}

/* ---- a fresh link ---- */

static void on_asked(struct ask_link *ask, const char *url, const char *problem) {
        struct order *o = container_of(ask, struct order, ask);

        if (!url)
                pending_fail(&o->pending, BUS_UNAVAILABLE, "no fresh link for task %s: %s", o->name,
                             problem);
        else if (str_replace(&o->url, url) < 0)
                control_fail_pending(o->control, &o->pending, -ENOMEM);
        else
                give(o);
}

/* With the kdstoken of its file, if that is there. */
static void ask(struct order *o, json_object *event) {
        const struct enrollment *en = registry_enrollment(o->control->with.registry);
        const char *name = event_string(event, "account");
        struct account *account = task_facts_account(en, name ? name : "");
        struct task_facts facts;
        bool has_file = task_facts_find(en, o->name, &facts) && facts.has_settings;

        if (!account) {
                pending_fail(&o->pending, BUS_NOT_ALLOWED,
                             "[Account %s] is not in the configuration", name ? name : "");
                return;
        }
        o->ask = (struct ask_link){
                .poller = o->control->with.poller,
                .timers = o->control->with.timers,
                .on_end = on_asked,
        };
        if (ask_link_begin(&o->ask, account, event, has_file ? facts.view.kdstoken : NULL) < 0)
                control_fail_pending(o->control, &o->pending, -ENOMEM);
}

static void on_event(void *userdata, int found, const struct store_event *stored) {
        CLEANUP(json_object_putp) json_object *event = NULL;
        struct order *o = userdata;
        const char *outcome;
        int r = MIN(found, 0);

        if (found > 0)
                r = event_parse(stored->body, &event);
        outcome = event ? event_string(event, "outcome") : NULL;
        if (r < 0)
                control_fail_pending(o->control, &o->pending, r);
        else if (!outcome || !streq(outcome, outcome_name(OUTCOME_COMPLETED)))
                pending_fail(&o->pending, BUS_NOT_ALLOWED,
                             "task %s has not completed, there is no link to ask for", o->name);
        else
                ask(o, event);
}

/* The event is known. */
static void go_on(struct order *o) {
        if (o->asks)
                store_find_event(o->control->with.store, o->event_id, on_event, o);
        else
                give(o);
}

/* ---- which event ---- */

static void on_search_end(struct run_search *search, int error) {
        struct order *o = container_of(search, struct order, search);

        if (error == -ENOENT) {
                pending_fail(&o->pending, BUS_NOT_FOUND, "there is no task %s", o->name);
        } else if (error < 0) {
                control_fail_pending(o->control, &o->pending, error);
        } else {
                (void) snprintf(o->event_id, sizeof(o->event_id), "%s", search->event_id);
                go_on(o);
        }
}

static void search(struct order *o) {
        o->search = (struct run_search){
                .name = o->name,
                .walk.store = o->control->with.store,
                .on_end = on_search_end,
        };
        if (run_search_open(&o->search, o->control->with.timers) < 0)
                control_fail_pending(o->control, &o->pending, -ENOMEM);
        else
                run_search_begin(&o->search);
}

static void fail_as_unfinished(struct order *o) {
        pending_fail(&o->pending, BUS_NOT_ALLOWED, "task %s has not finished", o->name);
}

/* Another node polls it. */
static void on_far_end(struct far_end *end, int found) {
        struct order *o = container_of(end, struct order, far_end);

        if (found < 0) {
                control_fail_pending(o->control, &o->pending, found);
        } else if (found == 0) {
                fail_as_unfinished(o);
        } else {
                memcpy(o->event_id, end->event_id, sizeof(o->event_id));
                go_on(o);
        }
}

/* facts: NULL: there is no file of the name. */
static void find_event(struct order *o, const struct task_facts *facts) {
        if (facts && facts->end) {
                (void) snprintf(o->event_id, sizeof(o->event_id), "%s", facts->end->event_id);
                go_on(o);
        } else if (facts && facts->is_elsewhere) {
                o->far_end.on_end = on_far_end;
                far_end_find(&o->far_end, o->control, facts);
        } else {
                search(o);
        }
}

/* ---- the task file as it is now ---- */

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        struct order *o = userdata;

        if (is_error && !o->fault)
                o->fault = line > 0 ? str_printf("line %u: %s", line, text) : strdup(text);
}

static void on_file(void *userdata, const struct task_file *file) {
        struct order *o = userdata;

        if (file->text)
                (void) task_parse(file->text, file->length, on_fault, o, &o->file);
        else
                on_fault(o, true, 0, file->problem);
}

/* Returns whether it is there, and good; else the call has been answered. */
static bool read_file(struct order *o, const struct task_facts *facts) {
        const struct enrollment *en = registry_enrollment(o->control->with.registry);

        if (facts && facts->node)
                pending_fail(&o->pending, BUS_NOT_ALLOWED,
                             "the file of task %s is on node %s: only that one can read it again",
                             o->name, facts->node);
        else if (!facts || task_facts_read(en, facts, on_file, o) < 0)
                pending_fail(&o->pending, BUS_NOT_ALLOWED,
                             "the file of task %s is gone: it can be delivered only as it was "
                             "committed",
                             o->name);
        else if (!o->file)
                pending_fail(&o->pending, BUS_INVALID, "the file of task %s: %s", o->name,
                             o->fault ? o->fault : strerror(ENOMEM));
        else
                return true;
        return false;
}

static void begin(struct control *c, struct bus_call *call, bool is_dismissal, bool rereads,
                  bool asks) {
        const char *name = control_task_name(call);
        struct task_facts facts;
        bool is_there;
        struct order *o;

        if (!name)
                return;
        o = calloc(1, sizeof(*o));
        if (!o) {
                control_fail(c, call, -ENOMEM);
                return;
        }
        pending_add(&c->pendings, &o->pending, call, order_free);
        o->control = c;
        o->name = name;
        o->is_dismissal = is_dismissal;
        o->asks = asks;
        if (rereads) /* the registry is to know the file with which it is delivered */
                registry_notice(c->with.registry, name);
        is_there = task_facts_find(registry_enrollment(c->with.registry), name, &facts);
        if (is_there && !facts.end && !facts.is_elsewhere && facts.state != TASK_INVALID) {
                fail_as_unfinished(o);
                return;
        }
        if (rereads && !read_file(o, is_there ? &facts : NULL))
                return;
        find_event(o, is_there ? &facts : NULL);
}

/* Returns what is wrong with them, or NULL. */
static const char *read_options(json_object *options, bool *ret_rereads, bool *ret_asks) {
        *ret_rereads = *ret_asks = false;
        json_object_object_foreach(options, name, value) {
                bool is_set = json_object_get_boolean(value);

                if (!json_object_is_type(value, json_type_boolean))
                        return "an option is no boolean";
                if (streq(name, "Reread"))
                        *ret_rereads = is_set;
                else if (streq(name, "Ask"))
                        *ret_asks = is_set;
                else
                        return "the options are Reread and Ask";
        }
        return NULL;
}

void redeliver_begin(struct control *c, struct bus_call *call) {
        bool rereads, asks;
        const char *fault = read_options(json_object_array_get_idx(bus_call_arguments(call), 1),
                                         &rereads, &asks);

        if (fault)
                bus_call_fail(call, BUS_INVALID, "%s", fault);
        else
                begin(c, call, false, rereads, asks);
}

void dismiss_begin(struct control *c, struct bus_call *call) {
        begin(c, call, true, false, false);
}
