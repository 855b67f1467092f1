#include "koowatchd/control/settings-view.h"

#include <errno.h>

#include "common/config.h"
#include "common/ini.h"
#include "common/json.h"
#include "koowatchd/control/build.h"
#include "koowatchd/task/enrollment.h"
#include "koowatchd/task/task-facts.h"
#include "koowatchd/task/taskdir-file.h"

struct collector {
        json_object *settings;
        const char *path;
        bool failed; /* memory was short */
};

/* The setting of that key; NULL: there is none. Borrowed. */
static json_object *find(json_object *settings, const char *key) {
        for (size_t i = 0; i < json_object_array_length(settings); i++) {
                json_object *setting = json_object_array_get_idx(settings, i);

                if (streq(json_get_string(setting, "key"), key))
                        return setting;
        }
        return NULL;
}

/* The last one of a key holds. */
static bool put(json_object *settings, const char *key, const char *value, const char *origin) {
        json_object *setting = find(settings, key);

        if (!setting) {
                setting = json_object_new_object();
                if (!build_append(settings, setting) || !build_add_string(setting, "key", key))
                        return false;
        }
        return build_add(setting, "value", json_object_new_string(value)) &&
               build_add_string(setting, "origin", origin);
}

static int on_key(void *userdata, unsigned line, const char *section, const char *key,
                  const char *value) {
        struct collector *c = userdata;
        CLEANUP(freep) char *origin = NULL;

        if (!streq(section, "Task") || !task_key_is_known(key) || !*value)
                return 0;
        origin = str_printf("%s:%u", c->path, line);
        if (origin && put(c->settings, key, streq(key, "KdsToken") ? "set" : value, origin))
                return 0;
        return -ENOMEM;
}

static void on_error(void *userdata, unsigned line, const char *text) {
        (void) userdata;
        (void) line;
        (void) text;
}

static void on_file(void *userdata, const struct task_file *file) {
        const struct ini_handler handler = {
                .on_key = on_key, .on_error = on_error, .userdata = userdata};
        struct collector *c = userdata;

        c->path = file->path;
        if (file->text && ini_parse(file->text, file->length, &handler) < 0)
                c->failed = true;
}

static bool put_span(json_object *settings, const char *key, usec_t span, const char *origin) {
        char text[64];

        return span <= 0 || find(settings, key) ||
               put(settings, key, timespan_format(span, text, sizeof(text)), origin);
}

static bool put_text(json_object *settings, const char *key, const char *text, const char *origin) {
        return !text || find(settings, key) || put(settings, key, text, origin);
}

/* Settings that are in force, and that the file as it is now does not have. */
static bool put_those_in_force(json_object *settings, const struct task_view *task) {
        static const char origin[] = "task file";

        return put_text(settings, "TaskId", task->task_id, origin) &&
               put_text(settings, "ShareId", task->share_id, origin) &&
               put_text(settings, "Hook", task->hooks, origin) &&
               put_text(settings, "RunOn", task->run_on, origin) &&
               put_text(settings, "Description", task->description, origin) &&
               put_text(settings, "KdsTokenFile", task->kdstoken_file, origin) &&
               put_text(settings, "KdsToken", task->kdstoken && !task->kdstoken_file ? "set" : NULL,
                        origin) &&
               put_span(settings, "Timeout", task->timeout, origin) &&
               put_span(settings, "IntervalMin", task->interval_min, origin) &&
               put_span(settings, "IntervalMax", task->interval_max, origin) &&
               put_span(settings, "Expect", task->expect, origin);
}

/* A key of [Poll]. */
static bool put_configured(json_object *settings, const char *key, usec_t span,
                           const struct config *config) {
        struct config_origin at = {};
        CLEANUP(freep) char *origin = NULL;

        if (config)
                at = config_origin(config, "Poll", key);
        if (!at.file)
                return put_span(settings, key, span, "default");
        origin = str_printf("%s:%u", at.file, at.line);
        return origin && put_span(settings, key, span, origin);
}

static bool put_the_rest(json_object *settings, const struct enrollment *en,
                         const struct task_view *task, const struct config *config) {
        const struct task_limits *limits = &en->entries.shared.limits;
        bool is_default = streq(task->account, ACCOUNT_DEFAULT);

        return put_text(settings, "Account", task->account, is_default ? "default" : "task file") &&
               put_configured(settings, "Timeout", limits->timeout, config) &&
               put_configured(settings, "IntervalMin", limits->interval.interval_min, config) &&
               put_configured(settings, "IntervalMax", limits->interval.interval_max, config) &&
               put_configured(settings, "StallTimeout", limits->stall_timeout, config);
}

bool view_add_settings(json_object *view, const struct enrollment *en,
                       const struct task_facts *facts, const struct config *config) {
        CLEANUP(json_object_putp) json_object *settings = json_object_new_array();
        struct collector collector = {.settings = settings};

        if (!settings)
                return false;
        /* What is wrong with a file that is not in force is said as the reason. */
        if (facts->file_is_valid)
                (void) task_facts_read(en, facts, on_file, &collector);
        if (collector.failed ||
            (facts->has_settings && !facts->file_is_valid &&
             !put_those_in_force(settings, &facts->view)) ||
            (facts->has_settings && !put_the_rest(settings, en, &facts->view, config)))
                return false;
        return json_object_array_length(settings) == 0 ||
               build_add(view, "settings", STEAL_PTR(settings));
}
