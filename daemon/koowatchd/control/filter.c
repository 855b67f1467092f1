#include "koowatchd/control/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <json-c/json.h>

#include "common/json.h"
#include "common/util.h"
#include "koowatchd/report/event.h"
#include "koowatchd/task/task-facts.h"

enum kind { KIND_TEXT, KIND_WORD, KIND_BOOL, KIND_TIME };

struct key {
        const char *name;
        enum kind kind;
        size_t offset;        /* of the field */
        const char *words[5]; /* WORD: those that are valid, ... */
        const char *expected; /* ... in words */
};

#define FIELD(field) offsetof(struct filter, field)

static const struct key list_keys[] = {
        {"name", KIND_TEXT, FIELD(name), {}, NULL},
        {"account", KIND_TEXT, FIELD(account), {}, NULL},
        {"state",
         KIND_WORD,
         FIELD(state),
         {"pending", "running", "finished", "invalid"},
         "pending, running, finished or invalid"},
        {"outcome",
         KIND_WORD,
         FIELD(outcome),
         {"completed", "canceled", "timeout", "rejected"},
         "completed, canceled, timeout or rejected"},
        {"delivery",
         KIND_WORD,
         FIELD(delivery),
         {"none", "waiting", "parked"},
         "none, waiting or parked"},
};

static const struct key history_keys[] = {
        {"name", KIND_TEXT, FIELD(name), {}, NULL},
        {"account", KIND_TEXT, FIELD(account), {}, NULL},
        {"outcome",
         KIND_WORD,
         FIELD(outcome),
         {"completed", "canceled", "timeout", "rejected"},
         "completed, canceled, timeout or rejected"},
        {"result",
         KIND_WORD,
         FIELD(result),
         {"succeeded", "partial", "failed", "unknown"},
         "succeeded, partial, failed or unknown"},
        {"failed", KIND_BOOL, FIELD(failed), {}, NULL},
        {"since", KIND_TIME, FIELD(since), {}, NULL},
        {"until", KIND_TIME, FIELD(until), {}, NULL},
        {"eventId", KIND_TEXT, FIELD(event_id), {}, NULL},
};

static const struct key *find_key(const struct key *keys, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

static bool is_word(const struct key *key, const char *text) {
        for (size_t i = 0; i < ARRAY_LEN(key->words) && key->words[i]; i++)
                if (streq(key->words[i], text))
                        return true;
        return false;
}

/* Returns what would be valid, or NULL. */
static const char *read_value(const struct key *key, json_object *filter, json_object *value,
                              struct filter *ret) {
        void *field = (char *) ret + key->offset;

        if (key->kind == KIND_BOOL) {
                if (!json_object_is_type(value, json_type_boolean))
                        return "a boolean";
                *(bool *) field = json_object_get_boolean(value);
                ret->has_failed = true;
                return NULL;
        }
        if (key->kind == KIND_TIME) {
                usec_t time = event_time(filter, key->name);

                if (time < 0)
                        return "a time in UTC like 2025-05-20T02:29:12Z";
                *(usec_t *) field = time;
                return NULL;
        }
        if (!json_is_text(value))
                return "a string";
        if (key->kind == KIND_WORD && !is_word(key, json_object_get_string(value)))
                return key->expected;
        *(const char **) field = json_object_get_string(value);
        return NULL;
}

static int read_filter(const struct key *keys, size_t n, json_object *argument, struct filter *ret,
                       char **ret_fault) {
        *ret = (struct filter){};
        json_object_object_foreach(argument, name, value) {
                const struct key *key = find_key(keys, n, name);
                const char *expected = key ? read_value(key, argument, value, ret) : NULL;

                if (key && !expected)
                        continue;
                *ret_fault = key ? str_printf("filter %s: expected %s", key->name, expected)
                                 : str_printf("there is no filter of that name");
                return *ret_fault ? -EINVAL : -ENOMEM;
        }
        return 0;
}

int filter_read_list(json_object *argument, struct filter *ret, char **ret_fault) {
        return read_filter(list_keys, ARRAY_LEN(list_keys), argument, ret, ret_fault);
}

int filter_read_history(json_object *argument, struct filter *ret, char **ret_fault) {
        return read_filter(history_keys, ARRAY_LEN(history_keys), argument, ret, ret_fault);
}

/* ---- which ones ---- */

bool filter_may_take(const struct filter *f, const struct task_brief *task) {
        bool may_be_finished = task->state == TASK_FINISHED || task->is_elsewhere;

        if (f->account && (!task->account || !streq(f->account, task->account)))
                return false;
        if (f->state && !streq(f->state, task_shown_name(task->state)) &&
            !(may_be_finished && streq(f->state, task_shown_name(TASK_FINISHED))))
                return false;
        if (f->outcome && !may_be_finished)
                return false;
        if (f->delivery && !may_be_finished && !streq(f->delivery, "none"))
                return false;
        return !f->name || fnmatch(f->name, task->name, 0) == 0;
}

static bool is_member(json_object *view, const char *key, const char *wanted) {
        const char *value = wanted ? json_get_string(view, key) : NULL;

        return !wanted || (value && streq(value, wanted));
}

/* Its delivery was given up, or waits for another attempt. */
static bool has_failed_hooks(json_object *view) {
        return is_member(view, "delivery", "parked") ||
               (is_member(view, "delivery", "waiting") && json_get_int(view, "attempts", 0) > 0);
}

/* Whether the task, or what was to follow, has not simply succeeded. */
static bool is_failed(json_object *view) {
        return has_failed_hooks(view) || !is_member(view, "outcome", "completed") ||
               !is_member(view, "result", "succeeded");
}

bool filter_takes(const struct filter *f, json_object *view) {
        const char *name = f->name ? json_get_string(view, "name") : NULL;

        if (f->name && (!name || fnmatch(f->name, name, 0) != 0))
                return false;
        if (f->has_failed && is_failed(view) != f->failed)
                return false;
        if (f->since > 0 && event_time(view, "finishedAt") < f->since)
                return false;
        if (f->until > 0 && event_time(view, "finishedAt") > f->until)
                return false;
        return is_member(view, "account", f->account) && is_member(view, "state", f->state) &&
               is_member(view, "delivery", f->delivery) && is_member(view, "outcome", f->outcome) &&
               is_member(view, "result", f->result) && is_member(view, "eventId", f->event_id);
}
