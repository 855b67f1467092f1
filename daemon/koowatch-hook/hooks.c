#include "koowatch-hook/hooks.h"

#include <errno.h>
#include <poll.h>

#include "common/hookdir.h"
#include "koowatch-hook/environment.h"
#include "koowatch-hook/output.h"
#include "koowatch-hook/protocol.h"

#define NAMED "named.d"

struct run {
        const struct config *config;
        const struct event *event;
        int signal_fd;
        char **environment;
        json_object *seen; /* a set: ids that are settled or have had their turn */
        struct output output;
};

static void run_clear(struct run *run) {
        environment_free(run->environment);
        json_object_put(run->seen);
}

/* Adds id to what was seen; *ret_before says whether it was there already. */
static int see(struct run *run, const char *id, bool *ret_before) {
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

                if (see(run, json_object_get_string(id), &before) < 0)
                        return -ENOMEM;
        }

        return environment_new(run->event, &run->environment);
}

static bool was_interrupted(const struct run *run) {
        struct pollfd pollfd = {.fd = run->signal_fd, .events = POLLIN};

        return poll(&pollfd, 1, 0) > 0;
}

static void warn(const struct run *run, const char *id, const char *what, const char *why) {
        struct log_field fields[EVENT_FIELDS];

        event_log_fields(run->event, id, fields);
        log_entry(LEVEL_WARNING, NULL, fields, ARRAY_LEN(fields), "%s: hook %s is not run: %s",
                  run->event->name, what, why);
}

/* Checked, and the reason told where it counts; whether the hook may run. */
static bool is_accepted(const struct run *run, const char *id, const char *path, bool named) {
        CLEANUP(closep) int fd = -1;
        CLEANUP(freep) char *reason = NULL;
        const char *why = NULL;

        fd = hook_open_checked(path, &why);
        if (fd >= 0)
                return true;

        if (fd != -EPERM)
                reason = str_printf("%s: %s", why, strerror(-fd));
        warn(run, id, path, reason ? reason : why);
        /* A hook of the event that is refused by rule is none. One that cannot be looked at has
         * failed. */
        if (named || fd != -EPERM)
                protocol_not_run(id, reason ? reason : why);

        return false;
}

static void tell_not_started(const struct run *run, const char *id, const char *path, int error) {
        CLEANUP(freep) char *reason = str_printf("it cannot be executed: %s", strerror(-error));
        const char *why = reason ? reason : "it cannot be executed";

        warn(run, id, path, why);
        protocol_not_run(id, why);
}

static int run_hook(struct run *run, const char *id, const char *path, bool named) {
        struct hook_process process = HOOK_PROCESS_NULL;
        struct hook_end end = {0};
        int r;

        if (was_interrupted(run))
                return -EINTR;
        if (!is_accepted(run, id, path, named))
                return 0;

        r = hook_process_start(path, run->event, run->environment, &process);
        if (r < 0) {
                tell_not_started(run, id, path, r);
                return 0;
        }

        protocol_start(id);
        r = hook_process_wait(&process, id, run->config->hook_timeout, run->signal_fd, &run->output,
                              &end);
        if (r < 0)
                return r;
        if (end.interrupted)
                return -EINTR;

        protocol_end(id, &end);
        return 0;
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

        for (size_t i = 0; i < list.count; i++) {
                CLEANUP(freep) char *id = str_printf("%s/%s", directory, list.hooks[i].name);
                bool before;

                if (!id || see(run, id, &before) < 0)
                        return -ENOMEM;
                r = before ? 0 : run_hook(run, id, list.hooks[i].path, false);
                if (r < 0)
                        return r;
        }

        /* The event must not count as delivered to hooks that nobody has seen. */
        if (list.unreadable)
                protocol_not_run(directory, "a hook directory cannot be read");
        return 0;
}

static int run_named(struct run *run, const char *name) {
        CLEANUP(freep) char *id = str_printf(NAMED "/%s", name);
        CLEANUP(freep) char *path = NULL;
        bool before;
        int r;

        if (!id || see(run, id, &before) < 0)
                return -ENOMEM;
        if (before)
                return 0;

        r = hookdir_find(run->config->hook_directories, NAMED, name, &path);
        if (r == -ENOENT) {
                warn(run, id, id, "no hook directory has it");
                protocol_not_run(id, "no hook directory has it");
                return 0;
        }
        if (r < 0)
                return r;

        return run_hook(run, id, path, true);
}

int hooks_run(const struct config *config, const struct event *event, int signal_fd) {
        CLEANUP(run_clear)
        struct run run = {.config = config, .event = event, .signal_fd = signal_fd};
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
