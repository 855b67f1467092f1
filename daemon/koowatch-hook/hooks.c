#include "koowatch-hook/hooks.h"

#include <errno.h>

#include "common/crash-point.h"
#include "common/hook-file.h"
#include "common/hookdir.h"
#include "koowatch-hook/environment.h"
#include "koowatch-hook/output.h"
#include "koowatch-hook/protocol.h"

#define NAMED "named.d"

struct run {
        const struct config *config;
        const struct event *event;
        struct stop *stop;
        char **environment;
        json_object *seen; /* a set: ids that are settled or have had their turn */
        struct output output;
};

static void run_clear(struct run *run) {
        environment_free(run->environment);
        json_object_put(run->seen);
}

/* Adds id to what was seen; *ret_before says whether it was there already. */
static int mark_seen(struct run *run, const char *id, bool *ret_before) {
        *ret_before = json_object_object_get_ex(run->seen, id, NULL);

        return *ret_before || json_object_object_add(run->seen, id, NULL) == 0 ? 0 : -ENOMEM;
}

static int run_init(struct run *run) {
        bool before;

        run->output.event = run->event;
        run->seen = json_object_new_object();
        if (!run->seen)
                return -ENOMEM;

        for (size_t i = 0; run->event->settled && i < json_object_array_length(run->event->settled);
             i++) {
                json_object *id = json_object_array_get_idx(run->event->settled, i);

                if (mark_seen(run, json_object_get_string(id), &before) < 0)
                        return -ENOMEM;
        }

        return environment_new(run->event, run->config->hook_timeout, &run->environment);
}

static void log_not_run(const struct run *run, const char *id, const char *why) {
        struct log_fields fields = {};

        event_log_fields(run->event, id, &fields);
        log_entry_with(LEVEL_WARNING, NULL, &fields, "%s: hook %s is not run: %s", run->event->name,
                       id, why);
}

/* The hook counts as failed, so the daemon retries it: somebody may have fixed it by then. */
static int report_not_run(const struct run *run, const char *id, const char *path,
                          const char *why) {
        CLEANUP(freep) char *reason = path ? str_printf("%s: %s", path, why) : NULL;

        log_not_run(run, id, reason ? reason : why);
        return protocol_not_run(id, "failed", reason ? reason : why);
}

/* A file in EVENT.d that is not a hook is skipped. The daemon logs that once per event. */
static int report_skipped(const char *id, const char *path, const char *why) {
        CLEANUP(freep) char *reason = str_printf("%s: %s, skipped", path, why);

        return protocol_not_run(id, "skipped", reason ? reason : why);
}

/* Returns 1 when the hook may run, 0 when it may not, which is told, or a negative errno. */
static int accept_hook(const struct run *run, const char *id, const char *path, bool named) {
        CLEANUP(freep) char *why = NULL;
        int r = hook_file_check(path, false, &why);

        if (r == -ENOEXEC && !named)
                return report_skipped(id, path, why ? why : "it is not a hook");
        if (r < 0)
                return report_not_run(run, id, path, why ? why : strerror(-r));
        return 1;
}

static int report_not_started(const struct run *run, const char *id, const char *path, int error) {
        CLEANUP(freep) char *why = hook_file_explain(path, error);

        return report_not_run(run, id, path, why ? why : strerror(error));
}

static int run_hook(struct run *run, const char *id, const char *path, bool named) {
        struct hook_process process = HOOK_PROCESS_NULL;
        struct hook_end end = {0};
        int r;

        if (stop_check(run->stop))
                return -EINTR;
        r = accept_hook(run, id, path, named);
        if (r <= 0)
                return r;

        CRASH_POINT("hook-starting");
        r = hook_process_start(path, run->event, run->environment, &process);
        if (r < 0)
                return report_not_started(run, id, path, -r);

        /* Without memory for it, the daemon may lose patience: then the hook runs again. */
        (void) protocol_start(id, run->config->hook_timeout);
        r = hook_process_wait(&process, id, run->config->hook_timeout, run->stop, &run->output,
                              &end);
        if (r < 0)
                return r;
        if (end.interrupted)
                return -EINTR;

        CRASH_POINT("hook-reporting");
        r = protocol_end(id, &end);
        CRASH_POINT("hook-reported");
        return r;
}

static int run_own(struct run *run) {
        CLEANUP(hook_list_clear) struct hook_list list = {0};
        CLEANUP(freep) char *directory = str_printf("%s.d", run->event->event);
        int r;

        if (!directory)
                return -ENOMEM;
        r = hookdir_list(run->config->hook_directories, directory, &list);
        if (r < 0)
                return r;
        /* What hides or masks the others cannot be seen; nor may the event count as delivered. */
        if (list.problem)
                return report_not_run(run, directory, NULL, list.problem);

        for (size_t i = 0; i < list.count; i++) {
                CLEANUP(freep) char *id = str_printf("%s/%s", directory, list.hooks[i].name);
                bool before;

                if (!id || mark_seen(run, id, &before) < 0)
                        return -ENOMEM;
                r = before ? 0 : run_hook(run, id, list.hooks[i].path, false);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int run_named(struct run *run, const char *name) {
        CLEANUP(freep) char *id = str_printf(NAMED "/%s", name);
        CLEANUP(freep) char *path = NULL;
        CLEANUP(freep) char *problem = NULL;
        bool before;
        int r;

        if (!id || mark_seen(run, id, &before) < 0)
                return -ENOMEM;
        if (before)
                return 0;

        r = hookdir_find(run->config->hook_directories, NAMED, name, &path, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return report_not_run(run, id, NULL, problem ? problem : strerror(-r));

        return run_hook(run, id, path, true);
}

int hooks_run(const struct config *config, const struct event *event, struct stop *stop) {
        CLEANUP(run_clear)
        struct run run = {.config = config, .event = event, .stop = stop};
        int r;

        r = run_init(&run);
        if (r == 0)
                r = run_own(&run);
        for (size_t i = 0; r == 0 && event->hooks && i < json_object_array_length(event->hooks);
             i++)
                r = run_named(&run,
                              json_object_get_string(json_object_array_get_idx(event->hooks, i)));

        output_finish(&run.output);
        return r;
}
