#include "koowatchd/control/task-text.h"

#include <ctype.h>
#include <errno.h>

#include "common/json.h"
#include "common/util.h"
#include "koowatchd/control/build.h"
#include "koowatchd/task/task.h"

#define VARIABLES "Variables"

/* Whether a line Key=Value is read as it is. */
static bool is_plain(const char *value) {
        size_t n = strlen(value);

        if (n == 0)
                return true;
        if (strpbrk(value, "\r\n") || value[n - 1] == '\\')
                return false;
        return !isspace((unsigned char) value[0]) && !isspace((unsigned char) value[n - 1]);
}

/* Returns NULL, or what is wrong. */
static const char *put_value(FILE *f, const char *key, json_object *value) {
        const char *text = json_object_get_string(value);

        if (!json_object_is_type(value, json_type_int) && !json_is_text(value))
                return "expected a string";
        if (!is_plain(text))
                return "a value is one line, without blanks around it or a backslash at its end";
        if (*text)
                (void) fprintf(f, "%s=%s\n", key, text);
        return NULL;
}

static int fault_at(const char *where, const char *what, char **ret_fault) {
        *ret_fault = str_printf("%s: %s", where, what);
        return *ret_fault ? -EBADMSG : -ENOMEM;
}

static int put_settings(FILE *f, json_object *settings, char **ret_fault) {
        (void) fputs("[Task]\n", f);
        json_object_object_foreach(settings, key, value) {
                const char *fault;

                if (streq(key, VARIABLES))
                        continue;
                if (!task_key_is_known(key))
                        return fault_at("settings", "there is no such key, see koowatch.task(5)",
                                        ret_fault);
                fault = put_value(f, key, value);
                if (fault)
                        return fault_at(key, fault, ret_fault);
        }
        return 0;
}

static int put_variables(FILE *f, json_object *settings, char **ret_fault) {
        json_object *variables = json_object_object_get(settings, VARIABLES);

        if (!variables)
                return 0;
        if (!json_object_is_type(variables, json_type_object))
                return fault_at(VARIABLES, "expected a dictionary of strings", ret_fault);
        (void) fputs("\n[" VARIABLES "]\n", f);
        json_object_object_foreach(variables, name, value) {
                const char *fault;

                if (!name_is_valid(name, 1, 128, "_", false))
                        return fault_at(VARIABLES,
                                        "a name is a letter followed by letters, digits and _",
                                        ret_fault);
                fault = put_value(f, name, value);
                if (fault)
                        return fault_at(name, fault, ret_fault);
        }
        return 0;
}

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        char **fault = userdata;

        (void) is_error; /* nobody would see a warning */
        (void) line;
        if (!*fault)
                *fault = strdup(text);
}

int task_text_make(json_object *settings, char **ret_text, struct task **ret_task,
                   char **ret_fault) {
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(task_freep) struct task *task = NULL;
        size_t length = 0;
        FILE *f = open_memstream(&text, &length);
        int r;

        if (!f)
                return -ENOMEM;
        r = put_settings(f, settings, ret_fault);
        if (r == 0)
                r = put_variables(f, settings, ret_fault);
        if (fclose(f) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0 && length > TASK_FILE_MAX)
                return fault_at("settings", "they are over 64 KiB", ret_fault);
        if (r == 0)
                r = task_parse(text, length, on_fault, ret_fault, &task);
        if (r == 0 && *ret_fault)
                r = -EBADMSG;
        if (r < 0)
                return r == -EBADMSG && !*ret_fault ? -ENOMEM : r;
        *ret_text = STEAL_PTR(text);
        *ret_task = STEAL_PTR(task);
        return 0;
}
