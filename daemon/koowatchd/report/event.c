#include "koowatchd/report/event.h"

#include <errno.h>
#include <time.h>

#include "common/json.h"
#include "common/words.h"

/* Each returns false when memory is short. A NULL string is left out. */

static bool add_with(json_object *object, const char *key, json_object *value, unsigned flags) {
        if (value && json_object_object_add_ex(object, key, value, flags) == 0)
                return true;
        json_object_put(value);
        return false;
}

/* The key is a literal that the object does not have yet. */
static bool add(json_object *object, const char *key, json_object *value) {
        return add_with(object, key, value,
                        JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_KEY_IS_CONSTANT);
}

static bool add_string(json_object *object, const char *key, const char *value) {
        return !value || add(object, key, json_object_new_string(value));
}

static bool add_integer(json_object *object, const char *key, int64_t value) {
        return add(object, key, json_object_new_int64(value));
}

/* In seconds, to the millisecond. */
static bool add_seconds(json_object *object, const char *key, usec_t span) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%lld.%03lld", (long long) (span / USEC_SEC),
                        (long long) (span % USEC_SEC / USEC_MSEC));
        return add(object, key, json_object_new_double_s((double) span / USEC_SEC, text));
}

static bool add_time(json_object *object, const char *key, usec_t wall) {
        char text[32];

        return add_string(object, key, timestamp_format(wall, text, sizeof(text)));
}

static bool add_variables(json_object *event, const char *const *variables) {
        CLEANUP(json_object_putp) json_object *object = json_object_new_object();

        for (; object && variables && *variables; variables++) {
                CLEANUP(freep) char *name = strdup(*variables);
                char *equals = name ? strchr(name, '=') : NULL;

                if (!equals)
                        return false;
                *equals = '\0';
                if (!add_with(object, name, json_object_new_string(equals + 1), 0))
                        return false;
        }
        return add(event, "variables", STEAL_PTR(object));
}

static bool add_words(json_object *event, const char *key, const char *words) {
        CLEANUP(json_object_putp) json_object *array = json_object_new_array();
        CLEANUP(freep) char *names = strdup(words);
        char *at = names, *name;

        if (!array || !names)
                return false;
        while ((name = strsep(&at, " "))) {
                json_object *entry;

                if (!*name)
                        continue;
                entry = json_object_new_string(name);
                if (!entry || json_object_array_add(array, entry) < 0) {
                        json_object_put(entry);
                        return false;
                }
        }
        return add(event, key, STEAL_PTR(array));
}

static bool add_hooks(json_object *event, const char *hooks, const char *run_on) {
        return add_words(event, "hooks", hooks ? hooks : "") &&
               (!run_on || add_words(event, "runOn", run_on));
}

static json_object *new_event(const char *type, const char *id) {
        CLEANUP(json_object_putp) json_object *event = json_object_new_object();

        if (!event || !add_integer(event, "schema", EVENT_SCHEMA) ||
            !add_string(event, "event", type) || !add_string(event, "eventId", id) ||
            !add_integer(event, "attempt", 1))
                return NULL;
        return STEAL_PTR(event);
}

static bool add_whole_answer(json_object *event, const struct koodrive_answer *a) {
        json_object *json;

        return koodrive_answer_json(a, &json) == 0 && (!json || add(event, "answer", json));
}

static bool add_answer(json_object *event, const struct event_task *t) {
        const struct koodrive_answer *a = t->answer;

        if (!a)
                return true;
        if (a->disposition.class != KOODRIVE_TASK)
                return add_integer(event, "httpStatus", a->http_status) &&
                       add_string(event, "errorCode", *a->code ? a->code : NULL) &&
                       add_string(event, "errorMessage", *a->message ? a->message : a->why) &&
                       add_whole_answer(event, a);
        if (t->outcome == OUTCOME_COMPLETED) {
                if (!add_string(event, "result", koodrive_result_name(a->result)))
                        return false;
                if (a->result != KOODRIVE_RESULT_UNKNOWN &&
                    !add_integer(event, "taskResultCode", a->result))
                        return false;
        }
        return (a->raw_status < 0 || add_integer(event, "taskStatus", a->raw_status)) &&
               (a->progress < 0 || add_integer(event, "progress", a->progress)) &&
               add_whole_answer(event, a);
}

json_object *event_of_task(const char *type, const char *id, const struct event_task *t) {
        CLEANUP(json_object_putp) json_object *event = new_event(type, id);
        const char *outcome = t->outcome == OUTCOME_NONE ? NULL : outcome_name(t->outcome);

        if (!event || !add_string(event, "name", t->name) ||
            !add_string(event, "account", t->account) || !add_string(event, "taskId", t->task_id) ||
            !add_string(event, "shareId", t->share_id) ||
            !add_string(event, "description", t->description) ||
            !add_string(event, "outcome", outcome) ||
            !add_string(event, "downloadUrl", t->download_url) ||
            !add_time(event, "registeredAt", t->registered) ||
            (t->finished > 0 && !add_time(event, "finishedAt", t->finished)) ||
            !add_integer(event, "polls", t->polls) ||
            (t->type > 0 && !add_integer(event, "taskType", t->type)) ||
            (t->detection_delay >= 0 &&
             !add_seconds(event, "detectionDelay", t->detection_delay)) ||
            !add_string(event, "file", t->file) || !add_variables(event, t->variables) ||
            !add_hooks(event, t->hooks, t->run_on) || !add_answer(event, t))
                return NULL;
        return STEAL_PTR(event);
}

json_object *event_of_account(const char *id, const char *account, const char *state,
                              const char *reason) {
        CLEANUP(json_object_putp) json_object *event = new_event(EVENT_ACCOUNT, id);

        if (!event || !add_string(event, "name", account) ||
            !add_string(event, "account", account) || !add_string(event, "accountState", state) ||
            !add_string(event, "reason", reason))
                return NULL;
        return STEAL_PTR(event);
}

int event_parse(const char *text, json_object **ret) {
        /* An answer is a level further down in it. Older versions have stored NaN. */
        static const struct json_rules rules = {
                .depth = 64, .containers = 100000, .values = 1000000, .repair = true};
        char fault[JSON_FAULT_MAX];
        int r = json_read(text, strlen(text), &rules, NULL, ret, fault);

        if (r == 0 && !json_object_is_type(*ret, json_type_object)) {
                json_object_put(STEAL_PTR(*ret));
                return -EBADMSG;
        }
        return r;
}

const char *event_string(json_object *event, const char *key) {
        return json_get_string(event, key);
}

int event_integer(json_object *event, const char *key) {
        return json_get_int(event, key, -1);
}

usec_t event_time(json_object *event, const char *key) {
        return timestamp_parse(event_string(event, key));
}

enum koodrive_result event_result(json_object *event) {
        int code = event_integer(event, "taskResultCode");

        return code >= KOODRIVE_RESULT_SUCCEEDED && code <= KOODRIVE_RESULT_FAILED
                       ? (enum koodrive_result) code
                       : KOODRIVE_RESULT_UNKNOWN;
}

int event_run_on(json_object *event, char **ret) {
        json_object *labels = json_object_object_get(event, "runOn");
        CLEANUP(freep) char *joined = NULL;

        *ret = NULL;
        if (!json_object_is_type(labels, json_type_array))
                return 0;
        for (size_t i = 0; i < json_object_array_length(labels); i++) {
                const char *label = json_object_get_string(json_object_array_get_idx(labels, i));
                char *longer = str_printf("%s%s%s", joined ? joined : "", joined ? " " : "",
                                          label ? label : "");

                if (!longer)
                        return -ENOMEM;
                free(joined);
                joined = longer;
        }
        *ret = STEAL_PTR(joined);
        return 0;
}

int event_set_hooks(json_object *event, const char *hooks, const char *run_on,
                    const char *const *variables) {
        json_object_object_del(event, "variables");
        json_object_object_del(event, "hooks");
        json_object_object_del(event, "runOn");
        return add_variables(event, variables) && add_hooks(event, hooks, run_on) ? 0 : -ENOMEM;
}

/* What is no list of labels has no node that has them all. */
bool event_runs_on(json_object *event, const char *labels) {
        json_object *wanted;
        size_t length;

        if (!json_object_object_get_ex(event, "runOn", &wanted))
                return true;
        if (!json_is_text_array(wanted))
                return false;
        for (size_t i = 0; i < json_object_array_length(wanted); i++) {
                json_object *label = json_object_array_get_idx(wanted, i);

                if (words_missing(json_object_get_string(label), labels, &length))
                        return false;
        }
        return true;
}

bool event_names_hooks(json_object *event) {
        json_object *named;

        return json_object_object_get_ex(event, "hooks", &named) &&
               json_object_is_type(named, json_type_array) && json_object_array_length(named) > 0;
}

/* Whoever runs it next may be alone. */
static void forget_attempt(json_object *event) {
        json_object_object_del(event, "node");
        json_object_object_del(event, "fence");
}

static bool add_attempt(json_object *event, const struct event_attempt *a) {
        forget_attempt(event);
        return add_with(event, "attempt", json_object_new_int64(a->number), 0) &&
               (!a->settled || add_with(event, "settled", json_object_get(a->settled), 0)) &&
               add_string(event, "node", a->node) &&
               (a->fence == 0 || add_integer(event, "fence", a->fence)) &&
               (a->run_until == 0 || add_integer(event, "runUntil", a->run_until));
}

char *event_line(json_object *event, const struct event_attempt *attempt) {
        const char *text;
        char *line;

        if (!add_attempt(event, attempt))
                return NULL;
        text = json_text(event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        line = text ? str_printf("%s\n", text) : NULL;
        json_object_object_del(event, "runUntil"); /* the event may be stored again */
        return line;
}
