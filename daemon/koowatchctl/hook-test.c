#include "koowatchctl/hook-test.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchctl/child.h"
#include "koowatchctl/config-verb.h"
#include "koowatchctl/language.h"
#include "koowatchctl/show.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/test-event.h"
#include "koowatchctl/text.h"

#define SOCKET_DEFAULT "/run/koowatch-hook.socket"
#define USER "koowatch-hook"

const struct option_row hook_options[] = {
        {"dry-run", NULL, N_("run nothing, show what would be run"), 0, false},
        {},
};

/* What comes from the runner, a JSON object a line. */
struct conversation {
        const struct ctl *ctl;
        json_object *runs; /* the end lines */
        json_object *plan; /* of a dry run; NULL until it has come */
        bool is_ready, is_busy, is_done, has_failed;
};

static void conversation_clear(struct conversation *c) {
        json_object_put(c->runs);
        json_object_put(c->plan);
}

static void on_end(struct conversation *c, json_object *end) {
        const char *result = task_text(end, "result"), *reason = task_text(end, "reason");

        c->has_failed |= streq(result, "failed");
        (void) json_object_array_add(c->runs, json_object_get(end));
        if (c->ctl->json != JSON_NONE)
                return;
        text_put_plain(stdout, task_text(end, "end"));
        (void) fputs(_(": "), stdout);
        text_put_plain(stdout, result);
        if (task_number(end, "status") > 0)
                (void) printf(_(", exit status %d"), (int) task_number(end, "status"));
        if (task_number(end, "signal") > 0)
                (void) printf(_(", signal %d"), (int) task_number(end, "signal"));
        if (*reason) {
                (void) fputs(_(": "), stdout);
                text_put_plain(stdout, reason);
        }
        (void) putchar('\n');
        (void) fflush(stdout);
}

static void on_line(void *userdata, const char *line) {
        CLEANUP(json_object_putp) json_object *object = json_tokener_parse(line);
        struct conversation *c = userdata;

        if (!json_object_is_type(object, json_type_object))
                return;
        c->is_ready |= json_get_bool(object, "ready");
        c->is_busy |= json_get_bool(object, "busy");
        c->is_done |= json_get_bool(object, "done");
        if (json_get_string(object, "end"))
                on_end(c, object);
        if (json_object_object_get_ex(object, "hooks", NULL) && !c->plan)
                c->plan = json_object_get(object);
}

static const char *socket_path(const struct config *config) {
        if (streq(config->runner, "spawn"))
                return NULL;
        return streq(config->runner, "auto") ? SOCKET_DEFAULT : config->runner;
}

/* Runs the hooks as the service does. Returns 0, or -1: it cannot be reached. */
static int talk_to_socket(const char *path, const char *line, struct conversation *c) {
        CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
                return -1;
        (void) memcpy(address.sun_path, path, strlen(path) + 1);
        (void) signal(SIGPIPE, SIG_IGN); /* it may be refused before it is read */
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            write_all(fd, line, strlen(line)) < 0)
                return -1;
        child_read_lines(fd, on_line, c);
        return 0;
}

static int talk_to_child(const struct ctl *ctl, bool is_dry, const char *line,
                         struct conversation *c, struct failure *failure) {
        CLEANUP(freep) char *path = child_find("koowatch-hook", KOOWATCH_LIBEXECDIR);
        const char *arguments[5] = {path};
        struct child child = {.arguments = arguments,
                              .user = USER,
                              .input = line,
                              .on_line = on_line,
                              .userdata = c};
        size_t n = 1;

        if (!path)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        if (is_dry)
                arguments[n++] = "--dry-run";
        if (ctl->config_required) {
                arguments[n++] = "--config";
                arguments[n++] = ctl->config_path;
        }
        return child_run(&child, failure) < 0 ? -1 : 0;
}

/* The event, as JSON that the caller owns. Returns 0 or -1. */
static int make_event(const struct ctl *ctl, const char *type, const char *name, json_object **ret,
                      struct failure *failure) {
        CLEANUP(json_object_putp) json_object *found = NULL;
        char id[EVENT_ID_LENGTH + 1], now[32];

        event_id_make(id);
        (void) timestamp_format(ctl->look.now, now, sizeof(now));
        if (!streq(type, "account")) {
                if (show_find(ctl, name, &found, failure) < 0)
                        return -1;
                *ret = test_event_of_task(type, id, found, now);
        } else {
                json_object *account = NULL;

                if (client_accounts(ctl->client, &found, failure) < 0)
                        return -1;
                for (size_t i = 0; i < json_object_array_length(found); i++)
                        if (streq(task_text(json_object_array_get_idx(found, i), "name"), name))
                                account = json_object_array_get_idx(found, i);
                if (!account)
                        return failure_set(failure, "NotFound", _("no account %s"), name);
                *ret = test_event_of_account(id, account);
        }
        return *ret ? 0 : failure_set(failure, "Failed", "%s", strerror(ENOMEM));
}

static void print_heading(const struct ctl *ctl, const char *text) {
        (void) printf("%s%s%s\n", look_on(&ctl->look, STYLE_HEAD), text,
                      look_off(&ctl->look, STYLE_HEAD));
}

static int print_plan(const struct ctl *ctl, json_object *plan) {
        json_object *hooks = json_object_object_get(plan, "hooks");
        json_object *environment = json_object_object_get(plan, "environment");

        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, json_object_get(plan));
        print_heading(ctl, _("HOOKS, in this order"));
        if (*task_text(plan, "problem")) {
                text_put_plain(stdout, task_text(plan, "problem"));
                (void) puts(_(": none would run"));
        }
        for (size_t i = 0; i < json_object_array_length(hooks); i++) {
                json_object *hook = json_object_array_get_idx(hooks, i);
                const char *why = task_text(hook, "refused"), *path = task_text(hook, "path");

                text_put_plain(stdout, *path ? path : task_text(hook, "hook"));
                (void) fputs(*why ? _(": refused: ") : "", stdout);
                text_put_plain(stdout, why);
                (void) putchar('\n');
        }
        if (json_object_array_length(hooks) == 0)
                (void) puts(_("none"));
        (void) putchar('\n');
        print_heading(ctl, _("ENVIRONMENT"));
        for (size_t i = 0; i < json_object_array_length(environment); i++) {
                text_put_plain(stdout,
                               json_object_get_string(json_object_array_get_idx(environment, i)));
                (void) putchar('\n');
        }
        (void) putchar('\n');
        print_heading(ctl, _("STANDARD INPUT"));
        text_put_plain(stdout, json_text(json_object_object_get(plan, "event"),
                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        (void) putchar('\n');
        return ctl_end();
}

static int print_runs(const struct ctl *ctl, struct conversation *c) {
        CLEANUP(failure_clear) struct failure failure = {};
        int code = c->has_failed ? EXIT_ERROR : EXIT_DONE;

        if (!c->is_ready || !c->is_done) {
                (void) failure_set(
                        &failure, "Failed",
                        c->is_busy    ? _("another runner is at this event")
                        : c->is_ready ? _("the hook runner has ended early, see its log")
                                      : _("the hook runner has refused the event, see its log"));
                return ctl_fail(ctl, &failure);
        }
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("runs", STEAL_PTR(c->runs))) == EXIT_DONE
                               ? code
                               : EXIT_ERROR;
        if (json_object_array_length(c->runs) == 0)
                (void) puts(_("There is no hook for this event."));
        return ctl_end() == EXIT_DONE ? code : EXIT_ERROR;
}

static int test(const struct ctl *ctl, bool is_dry, const char *line, struct failure *failure) {
        CLEANUP(conversation_clear) struct conversation c = {.ctl = ctl};
        CLEANUP(config_freep) struct config *config = NULL;
        const char *path;

        c.runs = json_object_new_array();
        if (config_load(ctl, &config, failure) < 0)
                return ctl_fail(ctl, failure);
        path = !is_dry && geteuid() == 0 ? socket_path(config) : NULL;
        if ((!path || talk_to_socket(path, line, &c) < 0) &&
            talk_to_child(ctl, is_dry, line, &c, failure) < 0)
                return ctl_fail(ctl, failure);
        if (!is_dry)
                return print_runs(ctl, &c);
        if (c.plan)
                return print_plan(ctl, c.plan);
        (void) failure_set(failure, "Failed", _("the hook runner has refused the event"));
        return ctl_fail(ctl, failure);
}

int hook_run(struct ctl *ctl, const struct options *options) {
        static const char *const events[] = {"finished", "stalled", "account"};
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *event = NULL;
        CLEANUP(freep) char *line = NULL;
        const char *type = options->arguments[1];
        bool known = false;

        if (!streq(options->arguments[0], "test"))
                return ctl_usage(ctl, _("hook %s: expected hook test EVENT NAME"),
                                 options->arguments[0]);
        for (size_t i = 0; i < ARRAY_LEN(events); i++)
                known |= streq(type, events[i]);
        if (!known)
                return ctl_usage(ctl, _("hook test %s: expected finished, stalled or account"),
                                 type);
        if (make_event(ctl, type, options->arguments[2], &event, &failure) < 0)
                return ctl_fail(ctl, &failure);
        line = str_printf("%s\n", json_text(event, JSON_C_TO_STRING_PLAIN));
        if (!line) {
                (void) failure_set(&failure, "Failed", "%s", strerror(ENOMEM));
                return ctl_fail(ctl, &failure);
        }
        return test(ctl, options_has(options, "dry-run"), line, &failure);
}
