#include "koowatch-hook/dry-run.h"

#include <errno.h>

#include "common/hook-file.h"
#include "common/hookdir.h"
#include "common/json.h"
#include "koowatch-hook/environment.h"

#define NAMED "named.d"

static int put_text(json_object *object, const char *key, const char *text) {
        return json_object_object_add(object, key, json_object_new_string(text)) == 0 ? 0 : -ENOMEM;
}

/* path NULL: it was not found, why says what was wrong. */
static int add_hook(json_object *hooks, const char *directory, const char *name, const char *path,
                    const char *why) {
        CLEANUP(json_object_putp) json_object *hook = json_object_new_object();
        CLEANUP(freep) char *id = str_printf("%s/%s", directory, name);
        CLEANUP(freep) char *refusal = NULL;
        int r;

        if (!hook || !id)
                return -ENOMEM;
        r = put_text(hook, "hook", id);
        if (r == 0 && path) {
                r = put_text(hook, "path", path);
                if (hook_file_check(path, false, &refusal) < 0)
                        why = refusal ? refusal : "it cannot be checked";
        }
        if (r == 0 && why)
                r = put_text(hook, "refused", why);
        if (r < 0 || json_object_array_add(hooks, hook) < 0)
                return -ENOMEM;
        hook = NULL;
        return 0;
}

static int add_own(json_object *answer, json_object *hooks, const struct config *config,
                   const struct event *event) {
        CLEANUP(hook_list_clear) struct hook_list list = {0};
        CLEANUP(freep) char *directory = str_printf("%s.d", event->event);
        int r;

        if (!directory)
                return -ENOMEM;
        r = hookdir_list(config->hook_directories, directory, &list);
        if (r == 0 && list.problem)
                r = put_text(answer, "problem", list.problem);
        for (size_t i = 0; r == 0 && i < list.count; i++)
                r = add_hook(hooks, directory, list.hooks[i].name, list.hooks[i].path, NULL);
        return r;
}

static int add_named(json_object *hooks, const struct config *config, const char *name) {
        CLEANUP(freep) char *path = NULL;
        CLEANUP(freep) char *problem = NULL;
        int r = hookdir_find(config->hook_directories, NAMED, name, &path, &problem);

        if (r == -ENOMEM)
                return r;
        return add_hook(hooks, NAMED, name, path, r < 0 ? problem ? problem : strerror(-r) : NULL);
}

static int add_environment(json_object *answer, const struct config *config,
                           const struct event *event) {
        CLEANUP(environment_freep) char **environment = NULL;
        json_object *array = json_object_new_array();
        int r;

        if (!array || json_object_object_add(answer, "environment", array) < 0)
                return -ENOMEM;
        r = environment_new(event, config->hook_timeout, &environment);
        for (char **s = environment; r == 0 && *s; s++)
                r = json_object_array_add(array, json_object_new_string(*s)) == 0 ? 0 : -ENOMEM;
        return r;
}

int dry_run(const struct config *config, const struct event *event) {
        CLEANUP(json_object_putp) json_object *answer = json_object_new_object();
        json_object *hooks = json_object_new_array();
        size_t n = event->hooks ? json_object_array_length(event->hooks) : 0;
        const char *text;
        int r;

        if (!answer || !hooks || json_object_object_add(answer, "hooks", hooks) < 0)
                return -ENOMEM;
        r = add_own(answer, hooks, config, event);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_named(hooks, config,
                              json_object_get_string(json_object_array_get_idx(event->hooks, i)));
        if (r == 0)
                r = add_environment(answer, config, event);
        if (r == 0 && json_object_object_add(answer, "event", json_object_get(event->json)) < 0)
                r = -ENOMEM;
        text = r == 0 ? json_text(answer, JSON_C_TO_STRING_PLAIN) : NULL;
        if (r == 0 && (!text || puts(text) == EOF || fflush(stdout) == EOF))
                r = -EIO;
        return r;
}
