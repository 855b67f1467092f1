#include "koowatchctl/act.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchctl/config-verb.h"
#include "koowatchctl/language.h"

const struct option_row redeliver_options[] = {
        {"reread", NULL, N_("with Hook=, RunOn=, variables of the file as it is now"), 0, false},
        {"ask", NULL, N_("ask KooDrive for a fresh link first"), 0, false},
        {},
};

/* The failure of a call about a task. */
static int fail_task(const struct ctl *ctl, const char *name, struct failure *failure) {
        ctl_suggest_task(ctl, name, failure);
        return ctl_fail(ctl, failure);
}

static int act(const struct ctl *ctl, const struct options *options, const char *method,
               const char *done) {
        CLEANUP(failure_clear) struct failure failure = {};
        const char *name = options->arguments[0];

        if (client_act(ctl->client, method, name, &failure) < 0)
                return fail_task(ctl, name, &failure);
        return ctl_done(ctl, "%s%s%s", name, _(": "), _(done));
}

int poll_run(struct ctl *ctl, const struct options *options) {
        return act(ctl, options, "Poll", N_("is polled next"));
}

int dismiss_run(struct ctl *ctl, const struct options *options) {
        return act(ctl, options, "Dismiss", N_("dismissed, its hooks are not run again"));
}

/* Where koowatchd may not write, the caller perhaps may. Returns 0 or -1. */
static int remove_as_caller(const struct ctl *ctl, const char *name, struct failure *failure) {
        CLEANUP(failure_clear) struct failure of_get = {};
        CLEANUP(json_object_putp) json_object *task = NULL;
        const char *file;
        int r;

        if (client_get(ctl->client, name, &task, &of_get) < 0) {
                if (!failure_is(&of_get, "NotFound"))
                        return -1; /* the first failure says more */
                failure_clear(failure);
                *failure = of_get;
                of_get = (struct failure){};
                return -1;
        }
        file = json_get_string(task, "file");
        if (!file || *file != '/') /* another node's: NODE:PATH */
                return -1;
        r = unlink(file) < 0 ? -errno : 0;
        if (r == -ENOENT)
                return failure_set(failure, "NotFound", _("the file of task %s is gone already"),
                                   name);
        if (r < 0)
                return failure_set(failure, "NotAllowed", _("%s: cannot remove it: %s"), file,
                                   strerror(-r));
        failure_clear(failure);
        return 0;
}

int remove_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        const char *name = options->arguments[0];
        int r;

        r = client_act(ctl->client, "Remove", name, &failure);
        if (r < 0 && failure_is(&failure, "NotAllowed"))
                r = remove_as_caller(ctl, name, &failure);
        if (r < 0)
                return fail_task(ctl, name, &failure);
        return ctl_done(ctl, _("%s: removed"), name);
}

int redeliver_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        json_object *settings = json_object_new_object(), *arguments = json_object_new_array();
        const char *name = options->arguments[0];

        if (options_has(options, "reread"))
                (void) json_object_object_add(settings, "Reread", json_object_new_boolean(true));
        if (options_has(options, "ask"))
                (void) json_object_object_add(settings, "Ask", json_object_new_boolean(true));
        (void) json_object_array_add(arguments, json_object_new_string(name));
        (void) json_object_array_add(arguments, settings);
        if (client_call(ctl->client, "Redeliver", "sa{sv}", arguments, NULL, &failure) < 0)
                return fail_task(ctl, name, &failure);
        return ctl_done(ctl,
                        _("%s: its hooks are run again; koowatchctl show %s tells how they end"),
                        name, name);
}

/*
 * As ExecReload= of a daemon that no bus leads to: a bad configuration is found here, as the
 * signal has no answer. MAINPID is systemd's.
 */
static int reload_by_signal(const struct ctl *ctl, const char *main_pid, struct failure *failure) {
        CLEANUP(config_freep) struct config *config = NULL;
        char *end = NULL;
        long pid = strtol(main_pid, &end, 10);

        if (pid <= 1 || pid > INT_MAX || *end)
                return failure_set(failure, "Failed", _("MAINPID is \"%s\", not a process"),
                                   main_pid);
        if (config_load(ctl, &config, failure) < 0)
                return -1;
        return kill((pid_t) pid, SIGHUP) < 0
                       ? failure_set(failure, "Failed", _("cannot send SIGHUP to %ld: %s"), pid,
                                     strerror(errno))
                       : 0;
}

int reload_run(struct ctl *ctl, UNUSED const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {}, other = {};
        const char *main_pid = getenv("MAINPID");

        if (client_call(ctl->client, "Reload", "", NULL, NULL, &failure) == 0)
                return ctl_done(ctl, "%s", _("configuration reloaded"));
        if (str_empty(main_pid) ||
            !(failure_is(&failure, "NotRunning") || failure_is(&failure, "Unavailable")))
                return ctl_fail(ctl, &failure);
        if (reload_by_signal(ctl, main_pid, &other) < 0)
                return ctl_fail(ctl, &other);
        return ctl_done(ctl, "%s",
                        _("koowatchd is told to reload its configuration, which has no errors"));
}
