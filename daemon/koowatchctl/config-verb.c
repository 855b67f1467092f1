#include "koowatchctl/config-verb.h"

#include <errno.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchctl/config-origins.h"
#include "koowatchctl/language.h"
#include "koowatchctl/table.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"

/* Keeps the first error. */
static void on_fault(void *userdata, bool is_error, const char *file, unsigned line,
                     const char *text) {
        struct failure *failure = userdata;

        if (!is_error || failure->text)
                return;
        if (line > 0)
                (void) failure_set(failure, "Invalid", "%s:%u: %s", file, line, text);
        else
                (void) failure_set(failure, "Invalid", "%s: %s", file, text);
}

int config_load(const struct ctl *ctl, struct config **ret, struct failure *failure) {
        int r = config_read(ctl->config_path, ctl->config_required, &account_keys, on_fault,
                            failure, ret);

        if (r < 0 && !failure->text)
                return failure_set(failure, "Failed", "%s: %s", ctl->config_path, strerror(-r));
        return r < 0 ? -1 : 0;
}

static void print_section(json_object *rows, size_t from, size_t to, const struct look *look) {
        static const struct table_column columns[] = {{N_("SETTING"), false, 20},
                                                      {N_("ORIGIN"), false, 0}};
        CLEANUP(table_freep) struct table *table = table_new(columns, ARRAY_LEN(columns));

        for (size_t i = from; table && i < to; i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                CLEANUP(freep)
                char *setting = str_printf("%s=%s", task_text(row, "key"), task_text(row, "value"));

                table_add(table, setting, STYLE_NONE);
                table_add(table, task_text(row, "origin"), STYLE_DIM);
        }
        if (table)
                (void) table_print(table, stdout, look, false);
}

static bool same_section(json_object *a, json_object *b) {
        return streq(task_text(a, "section"), task_text(b, "section")) &&
               streq(task_text(a, "account"), task_text(b, "account"));
}

static void print_rows(json_object *rows, const struct look *look) {
        size_t n = json_object_array_length(rows), from = 0;

        for (size_t i = 1; i <= n; i++) {
                json_object *first = json_object_array_get_idx(rows, from);

                if (i < n && same_section(first, json_object_array_get_idx(rows, i)))
                        continue;
                (void) printf("%s%s[%s", from > 0 ? "\n" : "", look_on(look, STYLE_HEAD),
                              task_text(first, "section"));
                if (*task_text(first, "account")) {
                        (void) putchar(' ');
                        text_put_plain(stdout, task_text(first, "account"));
                }
                (void) printf("]%s\n", look_off(look, STYLE_HEAD));
                print_section(rows, from, i, look);
                from = i;
        }
}

int config_run(struct ctl *ctl, UNUSED const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(json_object_putp) json_object *rows = NULL;

        if (config_load(ctl, &config, &failure) < 0)
                return ctl_fail(ctl, &failure);
        rows = config_origins(config);
        if (!rows) {
                (void) failure_set(&failure, "Failed", "%s", strerror(ENOMEM));
                return ctl_fail(ctl, &failure);
        }
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("settings", STEAL_PTR(rows)));
        print_rows(rows, &ctl->look);
        return ctl_end();
}
