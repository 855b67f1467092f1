#include "koowatchctl/check-run.h"

#include <errno.h>

#include "common/json.h"
#include "koowatchctl/child.h"
#include "koowatchctl/language.h"
#include "koowatchctl/task-text.h"

#define USER "koowatch"
#define WARNING "warning: "

void check_add(json_object *faults, bool is_error, const char *file, unsigned line,
               const char *message) {
        json_object *fault = json_object_new_object();

        if (!fault)
                return;
        (void) json_object_object_add(fault, "severity",
                                      json_object_new_string(is_error ? "error" : "warning"));
        if (!str_empty(file))
                (void) json_object_object_add(fault, "file", json_object_new_string(file));
        if (line > 0)
                (void) json_object_object_add(fault, "line", json_object_new_int64(line));
        (void) json_object_object_add(fault, "message", json_object_new_string(message));
        (void) json_object_array_add(faults, fault);
}

bool check_has_error(json_object *faults) {
        for (size_t i = 0; i < json_object_array_length(faults); i++)
                if (streq(task_text(json_object_array_get_idx(faults, i), "severity"), "error"))
                        return true;
        return false;
}

/* "FILE:LINE: warning: message", without the line, without the warning. */
static void on_line(void *userdata, const char *line) {
        const char *colon = strstr(line, ": "), *message = colon ? colon + 2 : line, *warning;
        CLEANUP(freep) char *file = strndup(line, colon ? (size_t) (colon - line) : 0);
        char *last = file ? strrchr(file, ':') : NULL, *end = NULL;
        unsigned long number = 0;

        if (last && last[1]) {
                number = strtoul(last + 1, &end, 10);
                if (*end == '\0')
                        *last = '\0';
                else
                        number = 0;
        }
        warning = str_after(message, WARNING);
        check_add(userdata, !warning, file, (unsigned) number, warning ? warning : message);
}

int check_run_daemon(const char *config, bool as_service, json_object **ret,
                     struct failure *failure) {
        CLEANUP(freep) char *path = child_find("koowatchd", NULL);
        json_object *faults = json_object_new_array();
        const char *arguments[] = {path, "--check", config ? "--config" : NULL, config, NULL};
        const struct child child = {
                .arguments = arguments,
                .user = as_service ? USER : NULL,
                .on_line = on_line,
                .userdata = faults,
        };
        int status = path && faults ? child_run(&child, failure)
                                    : failure_set(failure, "Failed", "%s", strerror(ENOMEM));

        if (status == 0 || status == 1) {
                *ret = faults;
                return 0;
        }
        json_object_put(faults);
        return status < 0 ? -1
                          : failure_set(failure, "Failed", _("koowatchd --check has failed: %d"),
                                        status);
}
