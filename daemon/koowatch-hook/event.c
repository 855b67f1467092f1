#include "koowatch-hook/event.h"

#include <errno.h>

#include "common/json.h"
#include "common/util.h"

/* What the daemon writes is exactly JSON: anything else is not the daemon's. */
static const struct json_rules rules = {.depth = 64, .containers = 100000, .values = 1000000};

static int parse_object(const char *line, size_t length, json_object **ret, const char **ret_why) {
        char fault[JSON_FAULT_MAX];
        json_object *json;
        int r;

        r = json_read(line, length, &rules, NULL, &json, fault);
        if (r == 0 && !json_object_is_type(json, json_type_object)) {
                json_object_put(json);
                r = -EBADMSG;
        }
        if (r == 0)
                *ret = json;
        else if (r == -EBADMSG)
                *ret_why = "not one JSON object";
        return r;
}

/* "named" is the one directory beside the events' own that is none. */
static bool event_is_valid(const char *event) {
        size_t n = strspn(event, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return n >= 1 && n <= 32 && event[n] == '\0' && !streq(event, "named");
}

static int check_names(struct event *event, const char **ret_why) {
        event->event = json_get_string(event->json, "event");
        event->id = json_get_string(event->json, "eventId");
        event->name = json_get_string(event->json, "name");

        if (!event->event || !event_is_valid(event->event))
                *ret_why = "event is missing or unknown";
        else if (!event->id || !name_is_valid(event->id, 1, 64, "-", false))
                *ret_why = "eventId is missing or not 1 to 64 of A-Z, a-z, 0-9 and -";
        else if (!event->name || !name_is_valid(event->name, 1, 128, "._@-", true))
                *ret_why = "name is missing or not a valid name of a task or account";
        else
                return 0;

        return -EBADMSG;
}

/* Moves an array of strings out of the object; *ret stays NULL when there is none. */
static int take_array(json_object *json, const char *key, json_object **ret) {
        json_object *array;

        if (!json_object_object_get_ex(json, key, &array))
                return 0;
        if (!json_is_text_array(array))
                return -EBADMSG;

        *ret = json_object_get(array);
        json_object_object_del(json, key);
        return 0;
}

/* As with the others. Hooks must not go on by themselves because of a slip here. */
static int take_run_until(struct event *event) {
        json_object *until;

        if (!json_object_object_get_ex(event->json, "runUntil", &until))
                return 0;
        event->run_until = json_object_get_int64(until);
        if (!json_object_is_type(until, json_type_int) || event->run_until <= 0)
                return -EBADMSG;
        json_object_object_del(event->json, "runUntil");
        return 0;
}

static int make_text(struct event *event) {
        const char *json;
        size_t n;

        json = json_text(event->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!json)
                return -ENOMEM;

        n = strlen(json);
        event->text = malloc(n + 1);
        if (!event->text)
                return -ENOMEM;

        memcpy(event->text, json, n);
        event->text[n] = '\n';
        event->text_length = n + 1;
        return 0;
}

int event_parse(const char *line, size_t length, struct event *ret, const char **ret_why) {
        CLEANUP(event_clear) struct event event = {0};
        int r;

        r = parse_object(line, length, &event.json, ret_why);
        if (r < 0)
                return r;

        r = check_names(&event, ret_why);
        if (r < 0)
                return r;

        if (take_array(event.json, "hooks", &event.hooks) < 0 ||
            take_array(event.json, "settled", &event.settled) < 0) {
                *ret_why = "hooks and settled must be arrays of strings";
                return -EBADMSG;
        }

        if (take_run_until(&event) < 0) {
                *ret_why = "runUntil must be a whole number above 0";
                return -EBADMSG;
        }

        r = make_text(&event);
        if (r < 0)
                return r;

        *ret = event;
        event = (struct event){0};
        return 0;
}

void event_clear(struct event *event) {
        json_object_put(event->json);
        json_object_put(event->hooks);
        json_object_put(event->settled);
        free(event->text);
        *event = (struct event){0};
}

void event_log_fields(const struct event *event, const char *hook, struct log_fields *fields) {
        log_fields_add(fields, "KOOWATCH_NAME", event->name);
        log_fields_add(fields, "KOOWATCH_ACCOUNT", json_get_string(event->json, "account"));
        log_fields_add(fields, "KOOWATCH_EVENT_ID", event->id);
        log_fields_add(fields, "KOOWATCH_HOOK", hook);
        log_fields_add(fields, "KOODRIVE_TASK_ID", json_get_string(event->json, "taskId"));
        log_fields_add(fields, "KOODRIVE_SHARE_ID", json_get_string(event->json, "shareId"));
}
