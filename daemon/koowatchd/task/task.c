#include "koowatchd/task/task.h"

#include <errno.h>
#include <strings.h>

#include "common/config.h"
#include "common/hookdir.h"
#include "common/ini.h"

#define KDSTOKEN_MAX 4096
#define VARIABLES_MAX 256

struct reader {
        struct task *task;
        task_fault_fn on_fault;
        void *userdata;
        bool failed;
        size_t n_variables;
};

static void fault(struct reader *r, bool is_error, unsigned line, const char *text) {
        r->failed |= is_error;
        r->on_fault(r->userdata, is_error, line, text);
}

static bool is_printable(const char *s) {
        for (; *s; s++)
                if (*s < ' ' || *s > '~')
                        return false;
        return true;
}

/*
 * The parsers of the table: 0, -ENOMEM, or -EINVAL, upon which the row's "expected"
 * is told. An empty value takes a setting back.
 */

static int parse_id(const char *value, void *ret) {
        if (!name_is_valid(value, 1, 64, "_-", false))
                return -EINVAL;
        return str_replace(ret, value);
}

static int parse_kdstoken(const char *value, void *ret) {
        if (strlen(value) > KDSTOKEN_MAX || !is_printable(value))
                return -EINVAL;
        return str_replace(ret, *value ? value : NULL);
}

static int parse_path(const char *value, void *ret) {
        if (*value && *value != '/')
                return -EINVAL;
        return str_replace(ret, *value ? value : NULL);
}

static int parse_account(const char *value, void *ret) {
        if (*value && !name_is_valid(value, 1, 64, "._-", true))
                return -EINVAL;
        return str_replace(ret, *value && !streq(value, ACCOUNT_DEFAULT) ? value : NULL);
}

static int parse_hooks(const char *value, void *ret) {
        CLEANUP(freep) char *names = strdup(value);
        CLEANUP(freep) char *joined = strdup("");
        char *at = names, *name;

        if (!names || !joined)
                return -ENOMEM;
        while ((name = strsep(&at, " \t"))) {
                char *longer;

                if (!*name)
                        continue;
                if (!hook_name_is_valid(name))
                        return -EINVAL;
                longer = str_printf("%s%s%s", joined, *joined ? " " : "", name);
                if (!longer)
                        return -ENOMEM;
                free(joined);
                joined = longer;
        }
        return str_replace(ret, *joined ? joined : NULL);
}

static int parse_text(const char *value, void *ret) {
        return str_replace(ret, *value ? value : NULL);
}

static int parse_span(const char *value, void *ret) {
        usec_t span = 0;

        if (*value && (timespan_parse(value, &span) < 0 || span <= 0))
                return -EINVAL;
        *(usec_t *) ret = span;
        return 0;
}

static int parse_interval(const char *value, void *ret) {
        usec_t span;
        int r;

        r = parse_span(value, &span);
        if (r < 0 || span > USEC_INTERVAL_MAX)
                return -EINVAL;
        *(usec_t *) ret = span;
        return 0;
}

#define ID_EXPECTED "expected 1 to 64 of A-Z a-z 0-9 _ -"

static const struct {
        const char *key;
        int (*parse)(const char *value, void *ret);
        size_t offset;
        const char *expected;
} keys[] = {
        {"TaskId", parse_id, offsetof(struct task, task_id), ID_EXPECTED},
        {"ShareId", parse_id, offsetof(struct task, share_id), ID_EXPECTED},
        {"KdsToken", parse_kdstoken, offsetof(struct task, kdstoken), "expected printable ASCII"},
        {"KdsTokenFile", parse_path, offsetof(struct task, kdstoken_file),
         "expected an absolute path"},
        {"Account", parse_account, offsetof(struct task, account),
         "expected an account's name, 1 to 64 of A-Z a-z 0-9 . _ -"},
        {"Hook", parse_hooks, offsetof(struct task, hooks),
         "expected bare names of files in named.d, with blanks between"},
        {"Timeout", parse_span, offsetof(struct task, timeout),
         "expected a time span such as 90, 2min 30s or infinity"},
        {"IntervalMin", parse_interval, offsetof(struct task, interval_min),
         "expected a time span of at most 1d such as 2s"},
        {"IntervalMax", parse_interval, offsetof(struct task, interval_max),
         "expected a time span of at most 1d such as 2min"},
        {"Description", parse_text, offsetof(struct task, description), ""},
};

static bool variable_name_is_valid(const char *name) {
        return ((*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z')) &&
               name_is_valid(name, 1, 128, "_", false);
}

static int set_variable(struct reader *r, unsigned line, const char *name, const char *value) {
        CLEANUP(freep) char *entry = NULL;
        char **longer;
        size_t length = strlen(name);

        if (!variable_name_is_valid(name)) {
                fault(r, true, line,
                      "a variable's name is a letter, then letters, digits and _, 128 at most");
                return 0;
        }
        entry = str_printf("%s=%s", name, value);
        if (!entry)
                return -ENOMEM;

        for (size_t i = 0; i < r->n_variables; i++) {
                char **old = &r->task->variables[i];

                if (strncasecmp(*old, name, length) != 0 || (*old)[length] != '=')
                        continue;
                if (strncmp(*old, name, length) != 0) {
                        fault(r, true, line,
                              "this variable's name differs from another one's only in case: "
                              "hooks could not tell them apart");
                        return 0;
                }
                free(*old);
                *old = STEAL_PTR(entry);
                return 0;
        }

        if (r->n_variables >= VARIABLES_MAX) {
                fault(r, true, line, "too many variables, 256 are allowed");
                return 0;
        }
        longer = reallocarray(r->task->variables, r->n_variables + 2, sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        longer[r->n_variables++] = STEAL_PTR(entry);
        longer[r->n_variables] = NULL;
        r->task->variables = longer;
        return 0;
}

static int on_key(void *userdata, unsigned line, const char *section, const char *key,
                  const char *value) {
        struct reader *r = userdata;
        CLEANUP(freep) char *text = NULL;

        if (streq(section, "Variables"))
                return set_variable(r, line, key, value);
        if (!streq(section, "Task")) {
                if (!*section)
                        fault(r, true, line, "a key before the first section; [Task] is expected");
                return 0; /* an unknown section was told of at its head */
        }

        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                int result;

                if (!streq(keys[i].key, key))
                        continue;
                result = keys[i].parse(value, (char *) r->task + keys[i].offset);
                if (result != -EINVAL)
                        return result;
                text = str_printf("%s= has a value that it cannot have: %s", key, keys[i].expected);
                if (!text)
                        return -ENOMEM;
                fault(r, true, line, text);
                return 0;
        }

        text = str_printf("unknown key %s in [Task], ignored", key);
        if (!text)
                return -ENOMEM;
        fault(r, false, line, text);
        return 0;
}

static int on_section(void *userdata, unsigned line, const char *section) {
        struct reader *r = userdata;

        if (!streq(section, "Task") && !streq(section, "Variables"))
                fault(r, false, line, "unknown section, ignored; there are [Task] and [Variables]");
        return 0;
}

static void on_error(void *userdata, unsigned line, const char *text) {
        fault(userdata, true, line, text);
}

static void check_whole(struct reader *r) {
        const struct task *t = r->task;

        if (!t->task_id)
                fault(r, true, 0, "TaskId= is missing in [Task]");
        if (!t->share_id)
                fault(r, true, 0, "ShareId= is missing in [Task]");
        if (t->kdstoken && t->kdstoken_file)
                fault(r, true, 0, "KdsToken= and KdsTokenFile= exclude each other");
        if (t->interval_min > 0 && t->interval_max > 0 && t->interval_min > t->interval_max)
                fault(r, true, 0, "IntervalMin= is longer than IntervalMax=");
}

int task_parse(const char *text, size_t length, task_fault_fn on_fault, void *userdata,
               struct task **ret) {
        CLEANUP(task_freep) struct task *task = NULL;
        struct reader r = {.on_fault = on_fault, .userdata = userdata};
        int result;

        task = calloc(1, sizeof(*task));
        if (!task)
                return -ENOMEM;
        r.task = task;
        result = ini_parse(text, length,
                           &(struct ini_handler){
                                   .on_key = on_key,
                                   .on_section = on_section,
                                   .on_error = on_error,
                                   .userdata = &r,
                           });
        if (result < 0)
                return result;
        if (!r.failed)
                check_whole(&r);
        if (r.failed)
                return -EBADMSG;

        *ret = STEAL_PTR(task);
        return 0;
}

void task_free(struct task *t) {
        if (!t)
                return;
        free(t->task_id);
        free(t->share_id);
        secret_free(t->kdstoken);
        free(t->kdstoken_file);
        free(t->account);
        free(t->hooks);
        free(t->description);
        for (char **v = t->variables; v && *v; v++)
                free(*v);
        free(t->variables);
        free(t);
}

bool task_name_is_valid(const char *name) {
        return name_is_valid(name, 1, 128, "._@-", true);
}
