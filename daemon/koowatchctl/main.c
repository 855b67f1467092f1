/*
 * koowatchctl: koowatch in an administrator's hands
 *
 * The table of verbs is all that --help, the completion and the manual's test know of them.
 */
#include <errno.h>
#include <limits.h>

#include "common/config.h"
#include "koowatchctl/act.h"
#include "koowatchctl/add.h"
#include "koowatchctl/check.h"
#include "koowatchctl/complete.h"
#include "koowatchctl/config-verb.h"
#include "koowatchctl/ctl.h"
#include "koowatchctl/edit.h"
#include "koowatchctl/hook-test.h"
#include "koowatchctl/language.h"
#include "koowatchctl/list.h"
#include "koowatchctl/logs.h"
#include "koowatchctl/nodes.h"
#include "koowatchctl/show.h"
#include "koowatchctl/status.h"
#include "koowatchctl/wait.h"

static const struct option_row common_options[] = {
        {"json", "lines", N_("print JSON; =lines: an object a line, for large lists"), 0, true},
        {"color", "WHEN", N_("auto, always or never"), 0, false},
        {"bus", "BUS", N_("system or session, as koowatchd's"), 0, false},
        {"config", "FILE", N_("koowatchd's configuration, where a verb reads it"), 0, false},
        {"version", NULL, N_("print the version and end"), 0, false},
        {"help", NULL, N_("print this, or the options of a verb, and end"), 'h', false},
        {},
};

/* clang-format off */
static const struct verb verbs[] = {
        { "list", "[GLOB]", N_("tasks, how far they are and what comes next"),
          list_options, list_run, WORD_TASK, 0, 1, false },
        { "show", "NAME", N_("one task's story: settings, polls, outcome, hooks"),
          show_options, show_run, WORD_TASK, 0, 1, false },
        { "status", "", N_("accounts, deliveries and what is in trouble"),
          status_options, status_run, WORD_NONE, 0, 0, false },
        { "is-ok", "", N_("exit 0: fine, 1: trouble, 4: not running"),
          NULL, is_ok_run, WORD_NONE, 0, 0, false },
        { "account", "[NAME]", N_("accounts, or all about one"),
          NULL, account_run, WORD_ACCOUNT, 0, 1, false },
        { "nodes", "", N_("the nodes that share the store, and what each polls"),
          NULL, nodes_run, WORD_NONE, 0, 0, false },
        { "store", "status", N_("where the store is, and whether it answers"),
          NULL, store_run, WORD_STORE, 1, 1, false },
        { "add", "NAME", N_("register a task; returns when it is on disk"),
          add_options, add_run, WORD_NONE, 1, 1, false },
        { "wait", "NAME...", N_("wait for the end of tasks; exit 0: all succeeded"),
          wait_options, wait_run, WORD_TASK, 1, UINT_MAX, false },
        { "edit", "NAME", N_("edit a task's file; it is checked before it counts"),
          NULL, edit_run, WORD_TASK, 1, 1, false },
        { "remove", "NAME", N_("remove a task's file: it is watched no more"),
          NULL, remove_run, WORD_TASK, 1, 1, false },
        { "poll", "NAME", N_("ask KooDrive now"),
          NULL, poll_run, WORD_TASK, 1, 1, false },
        { "redeliver", "NAME", N_("run the hooks again that failed, or all"),
          redeliver_options, redeliver_run, WORD_TASK, 1, 1, false },
        { "dismiss", "NAME", N_("give up a delivery that will never succeed"),
          NULL, dismiss_run, WORD_TASK, 1, 1, false },
        { "hook", "test EVENT NAME", N_("run the hooks of an event as a test"),
          hook_options, hook_run, WORD_HOOK_TEST, 3, 3, false },
        { "check", "", N_("check configuration, task files, hooks and tokens"),
          check_options, check_run, WORD_NONE, 0, 0, false },
        { "config", "", N_("each effective key, and where it is set"),
          NULL, config_run, WORD_NONE, 0, 0, false },
        { "logs", "[NAME]", N_("what the journal has of a task, or of all"),
          logs_options, logs_run, WORD_TASK, 0, 1, false },
        { "reload", "", N_("read koowatchd's configuration again"),
          NULL, reload_run, WORD_NONE, 0, 0, false },
        { "__complete", "WORD...", "what the last word may become, for shells",
          NULL, complete_run, WORD_NONE, 0, UINT_MAX, true },
};
/* clang-format on */

/* "-o, --output COLUMNS". NULL when memory is short. */
static char *option_head(const struct option_row *row) {
        char letter[] = {'-', row->letter, ',', ' ', '\0'};

        return str_printf("%s--%s%s%s%s", row->letter ? letter : "", row->name,
                          row->optional   ? "[="
                          : row->argument ? " "
                                          : "",
                          row->argument ? row->argument : "", row->optional ? "]" : "");
}

static void print_rows(const struct option_row *rows) {
        for (const struct option_row *row = rows; row && row->name; row++) {
                CLEANUP(freep) char *head = option_head(row);

                (void) printf("  %-22s %s\n", head ? head : "", _(row->help));
        }
}

static void print_help(void) {
        (void) puts(_("Usage: koowatchctl [OPTION]... VERB [ARGUMENT]...\n"
                      "Look after koowatchd and the tasks that it watches.\n\nVerbs:"));
        for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
                CLEANUP(freep) char *head = str_printf("%s %s", verbs[i].name, verbs[i].arguments);

                if (!verbs[i].hidden)
                        (void) printf("  %-22s %s\n", head ? head : "", _(verbs[i].help));
        }
        (void) puts(_("\nOptions, before or behind the verb:"));
        print_rows(common_options);
        (void) puts(_("\nkoowatchctl VERB --help shows the verb's own. See koowatchctl(1)."));
}

static void print_verb_help(const struct verb *verb) {
        (void) printf(_("Usage: koowatchctl %s%s%s%s\n%s\n"), verb->name,
                      verb->options ? _(" [OPTION]...") : "", *verb->arguments ? " " : "",
                      verb->arguments, _(verb->help));
        if (verb->options)
                (void) printf("\n");
        print_rows(verb->options);
        (void) puts(_("\nSee koowatchctl(1)."));
}

static const struct verb *find_verb(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
                if (streq(verbs[i].name, name))
                        return verbs + i;
        return NULL;
}

/* Takes the common ones among the options. */
static void apply_common(struct ctl *ctl, const struct options *options) {
        const char *json = options_get(options, "json"), *colour = options_get(options, "color");
        const char *bus = options_get(options, "bus"), *config = options_get(options, "config");

        if (options_has(options, "json"))
                ctl->json = JSON_OBJECT;
        if (json)
                ctl->json = JSON_LINES;
        if (colour)
                ctl->colour = colour;
        if (bus)
                ctl->user_bus = streq(bus, "session");
        if (config) {
                ctl->config_path = config;
                ctl->config_required = true;
        }
}

static void prepare(struct ctl *ctl) {
        ctl->look = (struct look){
                .width = look_columns(STDOUT_FILENO),
                .colour = look_wants_colour(ctl->colour, STDOUT_FILENO),
                .now = clock_wall(),
        };
}

static int run_verb(struct ctl *ctl, const struct verb *verb, int argc, char **argv) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(options_clear) struct options options = {};
        CLEANUP(client_freep) struct client *client = NULL;
        int r;

        r = options_parse(verb, common_options, false, argc, argv, &options, &failure);
        if (options_has(&options, "help")) {
                print_verb_help(verb);
                return ctl_end();
        }
        apply_common(ctl, &options);
        if (r < 0)
                return ctl_fail(ctl, &failure);
        prepare(ctl);
        client = client_new(ctl->user_bus);
        if (!client) {
                (void) failure_set(&failure, "Failed", "%s", strerror(ENOMEM));
                return ctl_fail(ctl, &failure);
        }
        ctl->client = client;
        return verb->run(ctl, &options);
}

/* No verb is known of which the options behind could be read; a --json among them counts. */
static int fail_early(struct ctl *ctl, const struct verb *none, int argc, char **argv,
                      const struct failure *failure) {
        CLEANUP(failure_clear) struct failure ignored = {};
        CLEANUP(options_clear) struct options options = {};

        (void) options_parse(none, common_options, false, argc, argv, &options, &ignored);
        apply_common(ctl, &options);
        return ctl_fail(ctl, failure);
}

static int run(struct ctl *ctl, int argc, char **argv) {
        static const struct verb none = {.name = "koowatchctl", .arguments = "VERB"};
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(options_clear) struct options options = {};
        const struct verb *verb;
        int r;

        r = options_parse(&none, common_options, true, argc, argv, &options, &failure);
        apply_common(ctl, &options);
        if (r < 0)
                return fail_early(ctl, &none, argc, argv, &failure);
        if (options_has(&options, "help")) {
                print_help();
                return ctl_end();
        }
        if (options_has(&options, "version")) {
                (void) puts("koowatchctl " KOOWATCH_VERSION);
                return ctl_end();
        }
        if (options.n_arguments == 0)
                return ctl_usage(ctl, _("a verb is missing, see koowatchctl --help"));
        verb = find_verb(options.arguments[0]);
        if (!verb) {
                (void) failure_set(&failure, "Usage", _("no such verb: %s, see koowatchctl --help"),
                                   options.arguments[0]);
                return fail_early(ctl, &none, argc, argv, &failure);
        }
        return run_verb(ctl, verb, (int) options.n_arguments, options.arguments);
}

/* Whether a word may be --json, known before there is a fault to tell: its text is JSON, too. */
static bool wants_json(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (str_after(argv[i], "--j"))
                        return true;
        return false;
}

int main(int argc, char **argv) {
        struct ctl ctl = {
                .config_path = CONFIG_PATH_DEFAULT,
                .colour = "auto",
                .verbs = verbs,
                .n_verbs = ARRAY_LEN(verbs),
                .common = common_options,
                .program = argv[0],
        };

        language_begin(wants_json(argc, argv));
        return run(&ctl, argc, argv);
}
