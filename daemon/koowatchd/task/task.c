#include "koowatchd/task/task.h"

#include <errno.h>
#include <strings.h>

#include "common/config.h"
#include "common/hookdir.h"
#include "common/ini.h"
#include "common/settings.h"
#include "common/words.h"

#define KDSTOKEN_MAX 4096

struct reader {
        struct task *task;
        task_fault_fn on_fault;
        void *userdata;
        struct settings_faults faults;
        size_t n_variables;
};

static void on_fault(void *userdata, bool is_error, const char *file, unsigned line,
                     const char *text) {
        struct reader *r = userdata;

        (void) file; /* whoever has the text knows it */
        r->on_fault(r->userdata, is_error, line, text);
}

static int parse_id(const char *value, void *ret) {
        if (!name_is_valid(value, 1, 64, "_-", false))
                return -EINVAL;
        return str_replace(ret, value);
}

static int parse_kdstoken(const char *value, void *ret) {
        if (strlen(value) > KDSTOKEN_MAX || !str_is_printable(value))
                return -EINVAL;
        return str_replace(ret, value);
}

static int parse_path(const char *value, void *ret) {
        if (*value != '/')
                return -EINVAL;
        return str_replace(ret, value);
}

static int parse_account(const char *value, void *ret) {
        if (!name_is_valid(value, 1, 64, "._-", true))
                return -EINVAL;
        return str_replace(ret, streq(value, ACCOUNT_DEFAULT) ? NULL : value);
}

static int parse_hooks(const char *value, void *ret) {
        return words_parse(value, hook_name_is_valid, ret);
}

static int parse_labels(const char *value, void *ret) {
        return words_parse(value, label_is_valid, ret);
}

static int parse_text(const char *value, void *ret) {
        return str_replace(ret, value);
}

/* An empty value takes the setting back, as with an interval. */
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

static int parse_expect(const char *value, void *ret) {
        usec_t span;
        int r;

        r = parse_span(value, &span);
        if (r < 0 || span == USEC_INFINITY)
                return -EINVAL;
        *(usec_t *) ret = span;
        return 0;
}

#define SECTION_TASK "Task"
#define SECTION_VARIABLES "Variables"
#define EXPECT_ID "1 to 64 of A-Z a-z 0-9 _ -"

#define FIELD(field) offsetof(struct task, field)

/* clang-format off */
static const struct setting keys[] = {
        { .section = SECTION_TASK, .name = "TaskId", .parse = parse_id,
          .offset = FIELD(task_id), .expected = EXPECT_ID },
        { .section = SECTION_TASK, .name = "ShareId", .parse = parse_id,
          .offset = FIELD(share_id), .expected = EXPECT_ID },
        { .section = SECTION_TASK, .name = "KdsToken", .default_text = "", .parse = parse_kdstoken,
          .offset = FIELD(kdstoken), .expected = "printable ASCII" },
        { .section = SECTION_TASK, .name = "KdsTokenFile", .default_text = "", .parse = parse_path,
          .offset = FIELD(kdstoken_file), .expected = "an absolute path" },
        { .section = SECTION_TASK, .name = "Account", .default_text = "", .parse = parse_account,
          .offset = FIELD(account),
          .expected = "an account's name, 1 to 64 of A-Z a-z 0-9 . _ -" },
        { .section = SECTION_TASK, .name = "Hook", .default_text = "", .parse = parse_hooks,
          .offset = FIELD(hooks),
          .expected = "bare names of files in named.d, with blanks between" },
        { .section = SECTION_TASK, .name = "RunOn", .default_text = "", .parse = parse_labels,
          .offset = FIELD(run_on),
          .expected = "labels of nodes with blanks between, each 1 to 64 of A-Z a-z 0-9 - _ ." },
        { .section = SECTION_TASK, .name = "Timeout", .parse = parse_span,
          .offset = FIELD(timeout), .expected = "a time span such as 90, 2min 30s or infinity" },
        { .section = SECTION_TASK, .name = "IntervalMin", .parse = parse_interval,
          .offset = FIELD(interval_min), .expected = "a time span of at most 1d such as 2s" },
        { .section = SECTION_TASK, .name = "IntervalMax", .parse = parse_interval,
          .offset = FIELD(interval_max), .expected = "a time span of at most 1d such as 2min" },
        { .section = SECTION_TASK, .name = "Expect", .parse = parse_expect,
          .offset = FIELD(expect), .expected = "a time span such as 20min" },
        { .section = SECTION_TASK, .name = "Description", .default_text = "", .parse = parse_text,
          .offset = FIELD(description), .expected = "text" },
};
/* clang-format on */

static bool variable_name_is_valid(const char *name) {
        return ((*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z')) &&
               name_is_valid(name, 1, 128, "_", false);
}

static int set_variable(struct reader *r, unsigned line, const char *name, const char *value) {
        CLEANUP(freep) char *entry = NULL;
        char **longer;
        size_t length = strlen(name);

        if (!variable_name_is_valid(name)) {
                settings_fault(&r->faults, true, line,
                               "a variable's name is a letter followed by letters, digits and _, "
                               "at most 128 characters");
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
                        settings_fault(&r->faults, true, line,
                                       "this variable's name differs from another one only in "
                                       "case; hooks cannot distinguish them");
                        return 0;
                }
                free(*old);
                *old = STEAL_PTR(entry);
                return 0;
        }

        if (r->n_variables >= TASK_VARIABLES_MAX) {
                settings_fault(&r->faults, true, line,
                               "too many variables, at most 256 are allowed");
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
        const struct settings_line written = {line, section, key, value};
        struct reader *r = userdata;
        const struct setting *setting;

        if (streq(section, SECTION_VARIABLES))
                return set_variable(r, line, key, value);
        if (!streq(section, SECTION_TASK)) {
                if (!*section)
                        settings_fault(&r->faults, true, line,
                                       "a key before the first section; [Task] is expected");
                return 0; /* on_section() has warned of an unknown one */
        }

        setting = settings_find(keys, ARRAY_LEN(keys), section, &written, &r->faults);
        return setting ? settings_assign(setting, r->task, &written, &r->faults) : 0;
}

static int on_section(void *userdata, unsigned line, const char *section) {
        struct reader *r = userdata;

        if (!streq(section, SECTION_TASK) && !streq(section, SECTION_VARIABLES))
                settings_unknown_section(&r->faults, line, section);
        return 0;
}

static void on_error(void *userdata, unsigned line, const char *text) {
        struct reader *r = userdata;

        settings_fault(&r->faults, true, line, "%s", text);
}

static void check_whole(struct reader *r) {
        const struct task *t = r->task;

        if (!t->task_id)
                settings_fault(&r->faults, true, 0, "TaskId= is missing in [Task]");
        if (!t->share_id)
                settings_fault(&r->faults, true, 0, "ShareId= is missing in [Task]");
        if (t->kdstoken && t->kdstoken_file)
                settings_fault(&r->faults, true, 0,
                               "KdsToken= and KdsTokenFile= exclude each other");
        if (t->interval_min > 0 && t->interval_max > 0 && t->interval_min > t->interval_max)
                settings_fault(&r->faults, true, 0, "IntervalMin= is longer than IntervalMax=");
}

int task_parse(const char *text, size_t length, task_fault_fn on_task_fault, void *userdata,
               struct task **ret) {
        CLEANUP(task_freep) struct task *task = NULL;
        struct reader r = {
                .on_fault = on_task_fault,
                .userdata = userdata,
                .faults = {.on_fault = on_fault, .userdata = &r},
        };
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
        if (!r.faults.failed)
                check_whole(&r);
        if (r.faults.failed)
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
        free(t->run_on);
        free(t->description);
        for (char **v = t->variables; v && *v; v++)
                free(*v);
        free(t->variables);
        free(t);
}

bool task_key_is_known(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (streq(keys[i].name, name))
                        return true;
        return false;
}

bool task_name_is_valid(const char *name) {
        return name_is_valid(name, 1, 128, "._@-", true);
}
