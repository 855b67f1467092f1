#include "koowatchctl/show.h"

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/show-screen.h"
#include "koowatchctl/task-text.h"

const struct option_row show_options[] = {
        {"last", "failed", N_("of the task that ended last; =failed: not well"), 0, true},
        {},
};

/* The latest entry of History by a filter that is taken over; *ret NULL: there is none. */
static int latest(const struct ctl *ctl, json_object *filter, json_object **ret,
                  struct failure *failure) {
        CLEANUP(json_object_putp) json_object *owned = filter;
        CLEANUP(json_object_putp) json_object *page = NULL;
        CLEANUP(freep) char *next = NULL;

        if (client_page(ctl->client, "History", owned, "", 1, &page, &next, failure) < 0)
                return -1;
        *ret = json_object_get(json_object_array_get_idx(page, 0));
        return 0;
}

int show_find(const struct ctl *ctl, const char *name, json_object **ret, struct failure *failure) {
        CLEANUP(failure_clear) struct failure of_history = {};
        json_object *found = NULL;

        if (client_get(ctl->client, name, ret, failure) == 0)
                return 0;
        if (!failure_is(failure, "NotFound"))
                return -1;
        if (latest(ctl, ctl_object("name", json_object_new_string(name)), &found, &of_history) <
                    0 ||
            !found) {
                ctl_suggest_task(ctl, name, failure);
                return -1;
        }
        failure_clear(failure);
        *ret = found;
        return 0;
}

static int find_last(const struct ctl *ctl, const char *which, json_object **ret,
                     struct failure *failure) {
        CLEANUP(json_object_putp) json_object *entry = NULL;
        CLEANUP(failure_clear) struct failure ignored = {};
        json_object *whole = NULL, *filter;

        filter = which ? ctl_object("failed", json_object_new_boolean(true))
                       : json_object_new_object();
        if (latest(ctl, filter, &entry, failure) < 0)
                return -1;
        if (!entry)
                return failure_set(failure, "NotFound", "%s",
                                   which ? _("no task has failed yet")
                                         : _("no task has ended yet"));
        /* More is known while its file is there, and no new run has the name. */
        if (client_get(ctl->client, task_text(entry, "name"), &whole, &ignored) == 0 &&
            streq(task_text(whole, "eventId"), task_text(entry, "eventId"))) {
                *ret = whole;
                return 0;
        }
        json_object_put(whole);
        *ret = STEAL_PTR(entry);
        return 0;
}

static int find_task(const struct ctl *ctl, const struct options *options, json_object **ret,
                     struct failure *failure) {
        const char *which = options_get(options, "last");

        if (!options_has(options, "last")) {
                if (options->n_arguments == 0)
                        return failure_set(failure, "Usage",
                                           _("show: expected NAME or --last[=failed]"));
                return show_find(ctl, options->arguments[0], ret, failure);
        }
        if (options->n_arguments > 0)
                return failure_set(failure, "Usage", _("show: expected NAME or --last[=failed]"));
        return find_last(ctl, which, ret, failure);
}

int show_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *task = NULL;

        if (find_task(ctl, options, &task, &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("task", json_object_get(task)));
        show_screen_print(stdout, &ctl->look, task);
        return ctl_end();
}
