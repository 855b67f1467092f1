#include "koowatchctl/add.h"

#include <errno.h>
#include <fcntl.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchctl/create-answer.h"
#include "koowatchctl/language.h"
#include "koowatchctl/text.h"

#define FILE_MAX ((size_t) 64 * 1024)
#define ANSWER_MAX ((size_t) 1024 * 1024)

const struct option_row add_options[] = {
        {"task-id", "ID", N_("KooDrive's taskId"), 0, false},
        {"share-id", "ID", N_("KooDrive's shareId"), 0, false},
        {"from-json", "FILE", N_("take the ids from KooDrive's answer; -: standard input"), 0,
         false},
        {"account", "ACCOUNT", N_("the account to poll it with"), 0, false},
        {"kdstoken-file", "FILE", N_("the share's token is in FILE; -: standard input"), 0, false},
        {"hook", "HOOK", N_("run this hook of named.d at its end; may be repeated"), 0, false},
        {"run-on", "LABEL", N_("run its hooks on nodes with this label; may be repeated"), 0,
         false},
        {"var", "NAME=VALUE", N_("hand a variable to hooks; may be repeated"), 0, false},
        {"description", "TEXT", N_("a line for people"), 0, false},
        {"timeout", "SPAN", N_("its deadline, from now on"), 0, false},
        {"expect", "SPAN", N_("how long it usually takes"), 0, false},
        {"dry-run", NULL, N_("print the file, and where it would go"), 0, false},
        {},
};

/* Options that are keys of the file. */
static const struct {
        const char *option, *key;
} keys[] = {
        {"task-id", "TaskId"},          {"share-id", "ShareId"}, {"account", "Account"},
        {"description", "Description"}, {"timeout", "Timeout"},  {"expect", "Expect"},
};

static int put_text(json_object *settings, const char *key, const char *value,
                    struct failure *failure) {
        if (strpbrk(value, "\n\r"))
                return failure_set(failure, "Invalid", _("%s: a line end cannot be part of it"),
                                   key);
        if (json_object_object_add(settings, key, json_object_new_string(value)) < 0)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        return 0;
}

/* A file, or standard input for "-". */
static int read_input(const char *path, size_t max, char **ret, size_t *ret_length,
                      struct failure *failure) {
        int r = streq(path, "-") ? read_all(STDIN_FILENO, max, ret, ret_length)
                                 : read_path(path, max, ret, ret_length);

        if (r == -EFBIG)
                return failure_set(failure, "Invalid", _("%s: it is too large"), path);
        return r < 0 ? failure_set(failure, "Failed", "%s: %s", path, strerror(-r)) : 0;
}

static int put_token(json_object *settings, const char *path, struct failure *failure) {
        CLEANUP(secret_freep) char *token = NULL;
        size_t length;

        if (read_input(path, FILE_MAX, &token, &length, failure) < 0)
                return -1;
        if (!secret_trim(token, length))
                return failure_set(failure, "Invalid",
                                   _("%s: expected a line of printable ASCII, the share's token"),
                                   path);
        return put_text(settings, "KdsToken", token, failure);
}

static int put_answer(json_object *settings, const char *path, struct failure *failure) {
        CLEANUP(freep) char *text = NULL;
        CLEANUP(freep) char *task_id = NULL;
        CLEANUP(freep) char *share_id = NULL;
        size_t length;

        if (read_input(path, ANSWER_MAX, &text, &length, failure) < 0 ||
            create_answer_read(text, length, &task_id, &share_id, failure) < 0)
                return -1;
        if (!task_id)
                return failure_set(failure, "Invalid",
                                   _("%s: there is no taskId: KooDrive has created no task"), path);
        if (put_text(settings, "TaskId", task_id, failure) < 0)
                return -1;
        return share_id ? put_text(settings, "ShareId", share_id, failure) : 0;
}

static int put_variable(json_object *settings, const char *assignment, struct failure *failure) {
        const char *equals = strchr(assignment, '=');
        CLEANUP(freep)
        char *name = equals ? strndup(assignment, (size_t) (equals - assignment)) : NULL;
        json_object *variables = json_object_object_get(settings, "Variables");

        if (!name || !*name)
                return failure_set(failure, "Usage", _("--var %s: expected NAME=VALUE"),
                                   assignment);
        if (!variables) {
                variables = json_object_new_object();
                (void) json_object_object_add(settings, "Variables", variables);
        }
        return put_text(variables, name, equals + 1, failure);
}

/* Behind those that the key has already. */
static int put_word(json_object *settings, const char *key, const char *word,
                    struct failure *failure) {
        const char *before = json_get_string(settings, key);
        CLEANUP(freep)
        char *words = str_printf("%s%s%s", before ? before : "", before ? " " : "", word);

        return put_text(settings, key, words ? words : word, failure);
}

static int put_repeated(json_object *settings, const struct options *options,
                        struct failure *failure) {
        for (size_t i = 0; i < options->n_values; i++) {
                const struct option_value *value = options->values + i;
                int r = 0;

                if (streq(value->row->name, "hook"))
                        r = put_word(settings, "Hook", value->value, failure);
                else if (streq(value->row->name, "run-on"))
                        r = put_word(settings, "RunOn", value->value, failure);
                else if (streq(value->row->name, "var"))
                        r = put_variable(settings, value->value, failure);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The settings, keys as in a task file. Returns 0 or -1. */
static int make_settings(const struct options *options, json_object *settings,
                         struct failure *failure) {
        const char *answer = options_get(options, "from-json");
        const char *token = options_get(options, "kdstoken-file");

        if (answer && put_answer(settings, answer, failure) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                const char *value = options_get(options, keys[i].option);

                if (value && put_text(settings, keys[i].key, value, failure) < 0)
                        return -1;
        }
        if (token && put_token(settings, token, failure) < 0)
                return -1;
        if (put_repeated(settings, options, failure) < 0)
                return -1;
        if (!json_get_string(settings, "TaskId"))
                return failure_set(failure, "Usage", _("add: expected --task-id or --from-json"));
        if (!json_get_string(settings, "ShareId"))
                return failure_set(
                        failure, "Usage", "%s",
                        answer ? _("add: expected --share-id, KooDrive's answer has none")
                               : _("add: expected --share-id"));
        return 0;
}

/* The file as koowatchd would write it, but for a token, which is a secret. */
static void print_file(FILE *out, json_object *settings) {
        json_object *variables = json_get_object(settings, "Variables");

        (void) fputs("[Task]\n", out);
        json_object_object_foreach(settings, key, value) {
                if (json_object_is_type(value, json_type_string)) {
                        (void) fprintf(out, "%s=", key);
                        text_put_plain(out, streq(key, "KdsToken") ? "(set)"
                                                                   : json_object_get_string(value));
                        (void) fputc('\n', out);
                }
        }
        if (!variables)
                return;
        (void) fputs("\n[Variables]\n", out);
        json_object_object_foreach(variables, name, text) {
                text_put_plain(out, name);
                (void) fputc('=', out);
                text_put_plain(out, json_object_get_string(text));
                (void) fputc('\n', out);
        }
}

static void ignore_fault(UNUSED void *userdata, UNUSED bool is_error, UNUSED const char *file,
                         UNUSED unsigned line, UNUSED const char *text) {
}

/* Where koowatchd puts it. The caller owns it; NULL: the configuration cannot be read. */
static char *find_place(const struct ctl *ctl, const char *name) {
        CLEANUP(config_freep) struct config *config = NULL;

        if (config_read(ctl->config_path, ctl->config_required, NULL, ignore_fault, NULL, &config) <
            0)
                return NULL;
        return str_printf("%s/tasks.d/%s.task", config->state_directory, name);
}

static int dry_run(const struct ctl *ctl, const char *name, json_object *settings) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *there = NULL;
        CLEANUP(freep) char *place = find_place(ctl, name);
        CLEANUP(freep) char *text = NULL;
        json_object *object;
        size_t length;
        FILE *out;

        if (client_get(ctl->client, name, &there, &failure) == 0) {
                (void) failure_set(&failure, "Exists", _("there is a task %s already"), name);
                return ctl_fail(ctl, &failure);
        }
        if (ctl->json == JSON_NONE) {
                (void) printf(_("# %s, first poll: at once\n"), place ? place : "STATE/tasks.d");
                print_file(stdout, settings);
                return ctl_end();
        }
        out = open_memstream(&text, &length);
        if (out) {
                print_file(out, settings);
                (void) fclose(out);
        }
        object = ctl_object("content", json_object_new_string(text ? text : ""));
        if (object && place)
                (void) json_object_object_add(object, "file", json_object_new_string(place));
        return ctl_json(ctl, object);
}

int add_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *settings = json_object_new_object();
        const char *name = options->arguments[0];
        json_object *arguments;

        if (!settings || make_settings(options, settings, &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (!name_is_valid(name, 1, 128, "._@-", true))
                return ctl_usage(ctl, _("add: a NAME is 1 to 128 of A-Z a-z 0-9 . _ @ - without a "
                                        "leading dot"));
        if (options_has(options, "dry-run"))
                return dry_run(ctl, name, settings);

        arguments = json_object_new_array();
        (void) json_object_array_add(arguments, json_object_new_string(name));
        (void) json_object_array_add(arguments, json_object_get(settings));
        if (client_call(ctl->client, "Add", "sa{sv}", arguments, NULL, &failure) < 0)
                return ctl_fail(ctl, &failure);
        return ctl_done(ctl, _("%s: registered; koowatchctl wait %s waits for its end"), name,
                        name);
}
