#include "koowatchctl/wait-state.h"

#include <errno.h>

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/task-text.h"

/* How often a task is read of which nothing is signalled. */
#define READ_EVERY (3 * USEC_SEC)

struct wait {
        struct wait_task *tasks;
        size_t n_tasks;
        struct wait_rules rules;
        wait_change_fn on_change;
        void *userdata;
        const struct wait_task *first; /* that has ended; or NULL */
};

struct wait *wait_free(struct wait *wait) {
        if (!wait)
                return NULL;
        for (size_t i = 0; i < wait->n_tasks; i++) {
                json_object_put(wait->tasks[i].entry);
                free(wait->tasks[i].ignored_event);
        }
        free(wait->tasks);
        free(wait);
        return NULL;
}

struct wait *wait_new(const char *const *names, size_t n, const struct wait_rules *rules,
                      wait_change_fn on_change, void *userdata) {
        CLEANUP(wait_freep) struct wait *wait = calloc(1, sizeof(*wait));

        if (!wait)
                return NULL;
        wait->tasks = calloc(n, sizeof(*wait->tasks));
        if (!wait->tasks)
                return NULL;
        wait->rules = *rules;
        wait->on_change = on_change;
        wait->userdata = userdata;
        for (wait->n_tasks = 0; wait->n_tasks < n; wait->n_tasks++) {
                struct wait_task *task = wait->tasks + wait->n_tasks;

                *task = (struct wait_task){
                        .name = names[wait->n_tasks],
                        .is_stale = true,
                        .next_read = USEC_INFINITY,
                };
                task->entry = json_object_new_object();
                if (!task->entry)
                        return NULL;
                (void) json_object_object_add(task->entry, "name",
                                              json_object_new_string(task->name));
        }
        return STEAL_PTR(wait);
}

size_t wait_count(const struct wait *wait) {
        return wait->n_tasks;
}

const struct wait_task *wait_task(const struct wait *wait, size_t i) {
        return wait->tasks + i;
}

static enum wait_code code_of(json_object *entry) {
        static const struct {
                const char *outcome, *result;
                enum wait_code code;
        } codes[] = {
                {"completed", "succeeded", WAIT_SUCCEEDED},
                {"completed", "partial", WAIT_PARTIAL},
                {"completed", "failed", WAIT_FAILED},
                {"canceled", NULL, WAIT_CANCELED},
                {"timeout", NULL, WAIT_TIMEOUT},
                {"rejected", NULL, WAIT_REJECTED},
        };

        for (size_t i = 0; i < ARRAY_LEN(codes); i++)
                if (streq(task_text(entry, "outcome"), codes[i].outcome) &&
                    (!codes[i].result || streq(task_text(entry, "result"), codes[i].result)))
                        return codes[i].code;
        return WAIT_UNKNOWN;
}

/* What is known anew takes the place of what was; the rest stays. */
static void learn(struct wait_task *task, json_object *entry) {
        json_object_object_foreach(entry, key, value) {
                (void) json_object_object_add(task->entry, key, json_object_get(value));
        }
}

static void enter_phase(struct wait *wait, struct wait_task *task, enum wait_phase phase) {
        bool changed = task->phase != phase;

        task->phase = phase;
        if (phase == WAIT_ENDED && changed && !wait->first)
                wait->first = task;
        if (changed)
                wait->on_change(wait->userdata, task);
}

static void end(struct wait *wait, struct wait_task *task, enum wait_code code, const char *why) {
        task->code = code;
        task->why = why;
        enter_phase(wait, task, WAIT_ENDED);
}

static void end_without_outcome(struct wait *wait, struct wait_task *task, const char *why) {
        end(wait, task, WAIT_NO_OUTCOME, why);
}

/* Whether a finished run is one that is not waited for. */
static bool is_ignored(struct wait *wait, struct wait_task *task, json_object *run) {
        const char *id = task_text(run, "eventId");

        if (task->ignored_event && streq(task->ignored_event, id))
                return true;
        if (!wait->rules.create || task->was_read)
                return false;
        task->ignored_event = strdup(id); /* it had ended before the call */
        return true;
}

static bool was_at_work(const struct wait_task *task) {
        return task->phase == WAIT_PENDING || task->phase == WAIT_RUNNING;
}

/* Whether the run began before the one that was seen at work, and so is not its end. */
static bool is_older(const struct wait_task *task, json_object *run) {
        return was_at_work(task) &&
               task_time(run, "registeredAt") < task_time(task->entry, "registeredAt");
}

/* Whether the name stands for another task than the one that was seen at work: that was removed. */
static bool is_another(const struct wait_task *task, json_object *entry) {
        const char *before = task_text(task->entry, "taskId"), *now = task_text(entry, "taskId");

        return was_at_work(task) && *before && *now && !streq(before, now);
}

static int on_absent(struct wait *wait, struct wait_task *task) {
        if (was_at_work(task)) {
                end_without_outcome(wait, task, N_("removed"));
                return 0;
        }
        if (!wait->rules.create)
                return -ENOENT;
        enter_phase(wait, task, WAIT_ABSENT);
        return 0;
}

static int on_run(struct wait *wait, struct wait_task *task, json_object *run) {
        if (is_ignored(wait, task, run) || is_older(task, run) || is_another(task, run))
                return on_absent(wait, task);
        learn(task, run);
        end(wait, task, code_of(run), NULL);
        return 0;
}

static void on_living(struct wait *wait, struct wait_task *task, json_object *entry) {
        const char *state = task_text(entry, "state");

        if (streq(state, "invalid"))
                end_without_outcome(wait, task, N_("invalid"));
        else
                enter_phase(wait, task, streq(state, "running") ? WAIT_RUNNING : WAIT_PENDING);
}

ssize_t wait_to_read(const struct wait *wait, usec_t now) {
        for (size_t i = 0; i < wait->n_tasks; i++) {
                const struct wait_task *task = wait->tasks + i;

                if (task->phase != WAIT_ENDED && (task->is_stale || now >= task->next_read))
                        return (ssize_t) i;
        }
        return -1;
}

usec_t wait_next_read(const struct wait *wait) {
        usec_t next = USEC_INFINITY;

        for (size_t i = 0; i < wait->n_tasks; i++)
                if (wait->tasks[i].phase != WAIT_ENDED)
                        next = MIN(next, wait->tasks[i].next_read);
        return next;
}

/* Whether this koowatchd does not poll it: another node does, or will. */
static bool is_elsewhere(json_object *entry) {
        return *task_text(entry, "node") || (streq(task_text(entry, "state"), "pending") &&
                                             !json_object_object_get(entry, "polls"));
}

int wait_on_read(struct wait *wait, size_t i, json_object *entry, json_object *run, usec_t now) {
        struct wait_task *task = wait->tasks + i;
        int r = 0;

        task->is_stale = false;
        if (task->phase == WAIT_ENDED)
                return 0;
        task->next_read = entry && is_elsewhere(entry) ? usec_add(now, READ_EVERY) : USEC_INFINITY;
        json_object_object_del(task->entry, "node"); /* where they hold, they are told again */
        json_object_object_del(task->entry, "reason");
        if ((!entry && !run) || (entry && is_another(task, entry))) {
                r = on_absent(wait, task);
        } else if (entry && !streq(task_text(entry, "state"), "finished")) {
                learn(task, entry);
                on_living(wait, task, entry);
        } else {
                r = on_run(wait, task, entry ? entry : run);
        }
        task->was_read = true;
        return r;
}

static void on_signal_of(struct wait *wait, struct wait_task *task, const char *member,
                         json_object *entry) {
        if (task->phase == WAIT_ENDED)
                return;
        if (streq(member, "TaskFinished")) {
                learn(task, entry);
                end(wait, task, code_of(entry), NULL);
        } else if (streq(member, "TaskChanged") && task->was_read &&
                   (streq(task_text(entry, "state"), "pending") ||
                    streq(task_text(entry, "state"), "running"))) {
                learn(task, entry);
                on_living(wait, task, entry);
        } else {
                task->is_stale = true; /* there is more to it than a signal tells */
        }
}

void wait_on_signal(struct wait *wait, const char *member, json_object *entry) {
        for (size_t i = 0; i < wait->n_tasks; i++)
                if (streq(wait->tasks[i].name, task_text(entry, "name")))
                        on_signal_of(wait, wait->tasks + i, member, entry);
}

void wait_on_daemon(struct wait *wait) {
        for (size_t i = 0; i < wait->n_tasks; i++)
                wait->tasks[i].is_stale = true;
}

void wait_on_stopped(struct wait *wait) {
        for (size_t i = 0; i < wait->n_tasks; i++)
                if (wait->tasks[i].phase != WAIT_ENDED)
                        end_without_outcome(wait, wait->tasks + i, N_("koowatchd was stopped"));
}

bool wait_is_over(const struct wait *wait, usec_t now, enum wait_code *ret) {
        enum wait_code highest = WAIT_SUCCEEDED;
        size_t ended = 0;

        for (size_t i = 0; i < wait->n_tasks; i++)
                if (wait->tasks[i].phase == WAIT_ENDED) {
                        ended++;
                        highest = MAX(highest, wait->tasks[i].code);
                }
        *ret = highest;
        if (wait->rules.any && wait->first)
                *ret = wait->first->code;
        else if (ended < wait->n_tasks && !(wait->rules.fail_fast && highest != WAIT_SUCCEEDED)) {
                *ret = WAIT_GAVE_UP;
                return now >= wait->rules.until;
        }
        return true;
}
