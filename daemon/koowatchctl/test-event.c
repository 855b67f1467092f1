#include "koowatchctl/test-event.h"

#include "common/json.h"
#include "common/util.h"

#define SCHEMA 1

static bool put(json_object *event, const char *key, json_object *value) {
        if (value && json_object_object_add(event, key, value) == 0)
                return true;
        json_object_put(value);
        return false;
}

static bool put_text(json_object *event, const char *key, const char *text) {
        return put(event, key, json_object_new_string(text));
}

static json_object *new_event(const char *type, const char *id) {
        CLEANUP(json_object_putp) json_object *event = json_object_new_object();

        if (!event || !put(event, "schema", json_object_new_int(SCHEMA)) ||
            !put_text(event, "event", type) || !put_text(event, "eventId", id) ||
            !put(event, "attempt", json_object_new_int(1)))
                return NULL;
        return STEAL_PTR(event);
}

/* What the event has of what is known. */
static bool copy(json_object *event, json_object *from) {
        static const char *const keys[] = {
                "name",           "account",     "taskId",       "shareId",    "outcome",
                "result",         "downloadUrl", "registeredAt", "finishedAt", "polls",
                "taskResultCode", "taskStatus",  "progress",     "httpStatus", "errorCode",
                "errorMessage",   "file",        "variables",    "answer",     "taskType",
                "detectionDelay",
        };

        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                json_object *value = json_object_object_get(from, keys[i]);

                if (value && !put(event, keys[i], json_object_get(value)))
                        return false;
        }
        return true;
}

static bool pretend_success(json_object *event, const char *now) {
        return put_text(event, "outcome", "completed") && put_text(event, "result", "succeeded") &&
               put(event, "taskResultCode", json_object_new_int(1)) &&
               put(event, "taskStatus", json_object_new_int(2)) &&
               put(event, "progress", json_object_new_int(100)) &&
               put_text(event, "finishedAt", now);
}

/* Named hooks, which only the end of a task runs: an array, or names with blanks between. */
static bool add_hooks(json_object *event, json_object *task) {
        json_object *hooks = json_object_object_get(task, "hooks");
        CLEANUP(freep) char *names = NULL;
        json_object *array;
        char *rest, *name;

        if (!hooks)
                return true;
        if (json_object_is_type(hooks, json_type_array))
                return put(event, "hooks", json_object_get(hooks));
        names = strdup(json_object_get_string(hooks));
        array = json_object_new_array();
        rest = names;
        while (array && rest && (name = strsep(&rest, " ")))
                if (*name)
                        (void) json_object_array_add(array, json_object_new_string(name));
        return put(event, "hooks", array);
}

json_object *test_event_of_task(const char *type, const char *id, json_object *task,
                                const char *now) {
        CLEANUP(json_object_putp) json_object *event = new_event(type, id);
        bool is_end = streq(type, "finished");

        if (!event || !copy(event, task))
                return NULL;
        if (is_end && !json_object_object_get_ex(event, "outcome", NULL) &&
            !pretend_success(event, now))
                return NULL;
        if (is_end && !add_hooks(event, task))
                return NULL;
        return STEAL_PTR(event);
}

json_object *test_event_of_account(const char *id, json_object *account) {
        CLEANUP(json_object_putp) json_object *event = new_event("account", id);
        const char *name = json_get_string(account, "name");
        const char *state = json_get_string(account, "state");
        const char *reason = json_get_string(account, "reason");

        if (!event || !name || !put_text(event, "name", name) ||
            !put_text(event, "account", name) ||
            !put_text(event, "accountState", state ? state : "ok") ||
            (reason && !put_text(event, "reason", reason)))
                return NULL;
        return STEAL_PTR(event);
}
