#include "koowatch-hook/environment.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>

#include "common/json.h"
#include "common/util.h"

#define PATH_VALUE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The kernel takes no string over 128 KiB; a hook finds what is longer in the JSON. */
#define VALUE_MAX ((size_t) 64 * 1024)

static const struct {
        const char *variable;
        const char *key;
        bool when_completed; /* means nothing with another outcome */
} facts[] = {
        {"KOOWATCH_EVENT", "event", false},
        {"KOOWATCH_EVENT_ID", "eventId", false},
        {"KOOWATCH_ATTEMPT", "attempt", false},
        {"KOOWATCH_NAME", "name", false},
        {"KOOWATCH_ACCOUNT", "account", false},
        {"KOOWATCH_TASK_ID", "taskId", false},
        {"KOOWATCH_SHARE_ID", "shareId", false},
        {"KOOWATCH_OUTCOME", "outcome", false},
        {"KOOWATCH_RESULT", "result", true},
        {"KOOWATCH_RESULT_CODE", "taskResultCode", true},
        {"KOOWATCH_TASK_STATUS", "taskStatus", false},
        {"KOOWATCH_PROGRESS", "progress", false},
        {"KOOWATCH_ERROR_CODE", "errorCode", false},
        {"KOOWATCH_ERROR_MESSAGE", "errorMessage", false},
        {"KOOWATCH_DOWNLOAD_URL", "downloadUrl", false},
        {"KOOWATCH_FILE", "file", false},
        {"KOOWATCH_ACCOUNT_STATE", "accountState", false},
        {"KOOWATCH_NODE", "node", false},
        {"KOOWATCH_FENCE", "fence", false},
};

/* There is room for every variable: the array was allocated for the most there can be. */
struct environment {
        char **strings;
        size_t count;
};

static int add(struct environment *environment, const char *variable, const char *value) {
        char *string = str_printf("%s=%s", variable, value);

        if (!string)
                return -ENOMEM;

        environment->strings[environment->count++] = string;
        return 0;
}

/* The text of a string, number or boolean that fits a variable, else NULL in *ret. */
static int get_text(json_object *value, const char **ret) {
        const char *text;

        *ret = NULL;
        if (!value || json_object_is_type(value, json_type_object) ||
            json_object_is_type(value, json_type_array))
                return 0;

        if (json_object_is_type(value, json_type_string)) {
                if (!json_is_text(value))
                        return 0; /* a NUL byte would cut it */
                text = json_object_get_string(value);
        } else {
                text = json_text(value, JSON_C_TO_STRING_PLAIN);
        }
        if (!text)
                return -ENOMEM;
        if (strlen(text) <= VALUE_MAX)
                *ret = text;
        return 0;
}

static int add_facts(struct environment *environment, const struct event *event) {
        const char *outcome = json_get_string(event->json, "outcome");
        bool completed = outcome && streq(outcome, "completed");

        for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
                const char *text;

                if (facts[i].when_completed && !completed)
                        continue;

                if (get_text(json_object_object_get(event->json, facts[i].key), &text) < 0)
                        return -ENOMEM;
                if (!str_empty(text) && add(environment, facts[i].variable, text) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static int add_variable(struct environment *environment, const char *name, const char *value) {
        CLEANUP(freep) char *variable = str_printf("KOOWATCH_VAR_%s", name);

        if (!variable)
                return -ENOMEM;
        for (char *c = variable; *c; c++)
                *c = (char) toupper((unsigned char) *c);

        return add(environment, variable, value);
}

static int add_variables(struct environment *environment, json_object *variables) {
        struct json_object_iterator i, end;

        if (!variables)
                return 0;

        end = json_object_iter_end(variables);
        for (i = json_object_iter_begin(variables); !json_object_iter_equal(&i, &end);
             json_object_iter_next(&i)) {
                const char *name = json_object_iter_peek_name(&i);
                const char *text;

                if (get_text(json_object_iter_peek_value(&i), &text) < 0)
                        return -ENOMEM;
                if (!text || !isalpha((unsigned char) name[0]) ||
                    !name_is_valid(name, 1, VALUE_MAX, "_", false))
                        continue;
                if (add_variable(environment, name, text) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static int add_basics(struct environment *environment) {
        const char *lang = getenv("LANG");
        const struct passwd *user;

        errno = 0;
        user = getpwuid(geteuid());
        if (!user && error_is_transient(errno)) /* in / a hook would not find its files */
                return -errno;
        if (add(environment, "PATH", PATH_VALUE) < 0 ||
            add(environment, "LANG", str_empty(lang) ? "C.UTF-8" : lang) < 0 ||
            add(environment, "HOME", user && !str_empty(user->pw_dir) ? user->pw_dir : "/") < 0)
                return -ENOMEM;

        return 0;
}

/* In whole seconds, so that a shell can reckon with it. */
static int add_timeout(struct environment *environment, usec_t timeout) {
        char seconds[24];

        if (timeout == USEC_INFINITY)
                return 0;
        (void) snprintf(seconds, sizeof(seconds), "%lld",
                        (long long) MAX(timeout / USEC_SEC, (usec_t) 1));
        return add(environment, "KOOWATCH_TIMEOUT", seconds);
}

int environment_new(const struct event *event, usec_t timeout, char ***ret) {
        CLEANUP(environment_freep) char **strings = NULL;
        json_object *variables = json_get_object(event->json, "variables");
        struct environment environment = {0};
        size_t most = 4 + ARRAY_LEN(facts) + 1;
        int r;

        if (variables)
                most += (size_t) json_object_object_length(variables);

        strings = calloc(most, sizeof(*strings));
        if (!strings)
                return -ENOMEM;

        environment.strings = strings;
        r = add_basics(&environment);
        if (r == 0)
                r = add_facts(&environment, event);
        if (r == 0)
                r = add_timeout(&environment, timeout);
        if (r == 0)
                r = add_variables(&environment, variables);
        if (r < 0)
                return r;

        *ret = STEAL_PTR(strings);
        return 0;
}

char **environment_free(char **environment) {
        for (char **s = environment; s && *s; s++)
                free(*s);
        free(environment);

        return NULL;
}
