#include "koowatchd/control/task-view.h"

#include "common/json.h"
#include "koowatchd/control/build.h"
#include "koowatchd/control/far-end.h"
#include "koowatchd/control/settings-view.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/task/enrollment.h"
#include "koowatchd/task/task-facts.h"

/* ---- of the registry ---- */

static bool add_ids(json_object *view, const struct task_view *task) {
        return build_add_string(view, "account", task->account) &&
               build_add_string(view, "taskId", task->task_id) &&
               build_add_string(view, "shareId", task->share_id) &&
               build_add_string(view, "description", task->description);
}

static bool add_watch(json_object *view, const struct watch_facts *watch) {
        return (watch->status == KOODRIVE_STATUS_UNKNOWN ||
                build_add_integer(view, "taskStatus", watch->status)) &&
               build_add_known(view, "progress", watch->progress) &&
               (watch->type == 0 || build_add_integer(view, "taskType", watch->type)) &&
               build_add_time(view, "registeredAt", watch->registered) &&
               build_add_integer(view, "polls", watch->polls) &&
               build_add_boot_time(view, "nextPollAt", watch->next_poll);
}

/* Of one that this node does not poll: who does, where that is known. */
static bool add_node(json_object *view, const struct node_list *nodes,
                     const struct task_facts *facts) {
        const struct store_node *owner = node_list_owner(nodes, facts->view.account);
        CLEANUP(freep) char *reason = NULL;

        if (!node_list_is_known(nodes))
                return true;
        reason = owner ? str_printf("node %s polls account %s", owner->name, facts->view.account)
                       : str_printf("no node polls account %s", facts->view.account);
        return reason && build_add_string(view, "reason", reason) &&
               build_add_string(view, "node", owner ? owner->name : NULL);
}

static bool add_end(json_object *view, const char *event_id, usec_t registered) {
        return build_add_string(view, "eventId", event_id) &&
               build_add_time(view, "registeredAt", registered);
}

json_object *view_of_task(const struct enrollment *en, const struct node_list *nodes,
                          const struct task_facts *facts) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();
        CLEANUP(freep) char *path = task_facts_path(en, facts);
        CLEANUP(freep) char *problem = task_facts_problem(en, facts);
        const char *reason = problem;

        if (!reason && facts->is_watched)
                reason = facts->watch.failure;
        if (!view || !path || !build_add_string(view, "name", facts->name) ||
            !build_add_string(view, "state", task_shown_name(facts->state)) ||
            !build_add_string(view, "delivery", "none") || !build_add_string(view, "file", path) ||
            (facts->has_settings && !add_ids(view, &facts->view)) ||
            (facts->is_watched && !add_watch(view, &facts->watch)) ||
            !build_add_string(view, "reason", reason) ||
            (!reason && facts->is_elsewhere && !add_node(view, nodes, facts)))
                return NULL;
        if (facts->end && !add_end(view, facts->end->event_id, facts->end->registered))
                return NULL;
        return STEAL_PTR(view);
}

bool view_add_far_end(json_object *view, const struct far_end *end) {
        if (end->is_valid) /* else it is what is wrong with its file */
                json_object_object_del(view, "reason");
        return build_add_string(view, "state", task_shown_name(TASK_FINISHED)) &&
               add_end(view, end->event_id, end->registered);
}

static bool add_variables(json_object *view, const struct task_view *task) {
        CLEANUP(json_object_putp) json_object *object = json_object_new_object();
        const char *variables[TASK_VARIABLES_MAX + 1];

        task_view_variables(task, variables);
        for (const char **v = variables; object && *v; v++) {
                const char *equals = strchr(*v, '=');
                CLEANUP(freep) char *name = strndup(*v, (size_t) (equals - *v));

                if (!name || !build_add(object, name, json_object_new_string(equals + 1)))
                        return false;
        }
        return object && (json_object_object_length(object) == 0 ||
                          build_add(view, "variables", STEAL_PTR(object)));
}

/* text: as watch_notes_samples() writes them, NULL: none. */
static bool add_samples(json_object *view, const char *text) {
        static const struct json_rules rules = {.depth = 2, .containers = 1000, .values = 2000};
        CLEANUP(json_object_putp) json_object *pairs = NULL, *samples = json_object_new_array();
        char fault[JSON_FAULT_MAX];

        if (!text)
                return true;
        if (!samples)
                return false;
        if (json_read(text, strlen(text), &rules, NULL, &pairs, fault) < 0 ||
            !json_object_is_type(pairs, json_type_array))
                return true; /* whoever has written it */
        for (size_t i = 0; i < json_object_array_length(pairs); i++) {
                json_object *pair = json_object_array_get_idx(pairs, i), *sample;

                if (!json_object_is_type(pair, json_type_array) ||
                    json_object_array_length(pair) != 2)
                        continue;
                sample = json_object_new_object();
                if (!build_append(samples, sample) ||
                    !build_add_time(sample, "at",
                                    json_object_get_int(json_object_array_get_idx(pair, 0)) *
                                            USEC_SEC) ||
                    !build_add(sample, "progress",
                               json_object_get(json_object_array_get_idx(pair, 1))))
                        return false;
        }
        return build_add(view, "samples", STEAL_PTR(samples));
}

bool view_add_details(json_object *view, const struct enrollment *en,
                      const struct task_facts *facts, const struct config *config) {
        CLEANUP(freep) char *samples = task_facts_samples(facts);

        if (facts->has_settings && (!add_variables(view, &facts->view) ||
                                    !build_add_words(view, "hooks", facts->view.hooks) ||
                                    !build_add_words(view, "runOn", facts->view.run_on)))
                return false;
        if (facts->is_watched &&
            ((facts->watch.interval > 0 &&
              !build_add_integer(view, "intervalUsec", facts->watch.interval)) ||
             !build_add_time(view, "deadlineAt", facts->watch.deadline)))
                return false;
        return view_add_settings(view, en, facts, config) && add_samples(view, samples);
}

/* ---- of the event ---- */

bool view_add_event(json_object *view, const struct store_event *stored, json_object *event) {
        static const char *const names[] = {
                "account",      "taskId",         "shareId",        "taskStatus", "progress",
                "registeredAt", "polls",          "outcome",        "result",     "finishedAt",
                "errorCode",    "taskResultCode", "errorMessage",   "httpStatus", "eventId",
                "description",  "taskType",       "detectionDelay", NULL,
        };
        static const char *const names_of_file[] = {"name", "file", NULL};
        static const char *const deliveries[] = {
                [DELIVERY_PENDING] = "waiting",
                [DELIVERY_DONE] = "none",
                [DELIVERY_PARKED] = "parked",
        };
        const struct store_delivery *d = &stored->delivery;

        return build_share(view, event, names) &&
               (json_get_string(view, "name") || build_share(view, event, names_of_file)) &&
               build_add_string(view, "state", task_shown_name(TASK_FINISHED)) &&
               build_add_string(view, "delivery", deliveries[d->state]) &&
               build_add_integer(view, "attempts", d->attempts) &&
               (d->state != DELIVERY_PENDING || build_add_time(view, "nextAttemptAt", d->next));
}

bool view_add_event_details(json_object *view, const struct store_event *stored,
                            json_object *event) {
        static const char *const names[] = {"downloadUrl", "variables", "hooks",
                                            "runOn",       "answer",    NULL};

        return build_share(view, event, names) && add_samples(view, stored->samples);
}

json_object *view_of_run(const struct store_run *run) {
        CLEANUP(json_object_putp) json_object *view = json_object_new_object();

        if (!view || !build_add_string(view, "hook", run->hook) ||
            !build_add_integer(view, "attempt", run->attempt) ||
            !build_add_time(view, "startedAt", run->started) ||
            !build_add_integer(view, "durationUsec", run->duration) ||
            !build_add_string(view, "status", run->status) ||
            !build_add_known(view, "exitStatus", run->exit_status) ||
            !build_add_known(view, "signal", run->signal) ||
            !build_add_string(view, "tail", run->tail))
                return NULL;
        return STEAL_PTR(view);
}

/* "named.d/mail failed with status 3"; the caller frees it. */
static char *failure_text(json_object *run) {
        const char *hook = json_get_string(run, "hook"), *status = json_get_string(run, "status");
        int exit_status = json_get_int(run, "exitStatus", -1),
            signal = json_get_int(run, "signal", -1);

        if (streq(status, "timeout"))
                return str_printf("%s timed out", hook);
        if (streq(status, "later") || streq(status, "progress"))
                return str_printf("%s wants to run again", hook);
        if (signal > 0)
                return str_printf("%s was ended by signal %d", hook, signal);
        if (exit_status > 0)
                return str_printf("%s failed with status %d", hook, exit_status);
        return str_printf("%s was not run", hook);
}

bool view_add_failed_runs(json_object *view, json_object *runs) {
        size_t n = json_object_array_length(runs);
        CLEANUP(freep) char *text = strdup("");
        int last;

        if (n == 0)
                return true;
        last = json_get_int(json_object_array_get_idx(runs, n - 1), "attempt", -1);
        for (size_t i = 0; text && i < n; i++) {
                json_object *run = json_object_array_get_idx(runs, i);
                const char *status = json_get_string(run, "status");
                CLEANUP(freep) char *failure = NULL;
                char *longer;

                if (json_get_int(run, "attempt", -1) != last || streq(status, "done") ||
                    streq(status, "skipped"))
                        continue;
                failure = failure_text(run);
                longer = failure ? str_printf("%s%s%s", text, *text ? ", " : "", failure) : NULL;
                free(text);
                text = longer;
        }
        return text && build_add_string(view, "reason", text);
}
