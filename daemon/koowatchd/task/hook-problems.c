#include "koowatchd/task/hook-problems.h"

#include "common/util.h"
#include "koowatchd/report/report.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/hook-check.h"
#include "koowatchd/task/task.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

void hook_problems_clear(struct hook_problems *p) {
        free(STEAL_PTR(p->text));
}

const char *hook_problems_text(const struct hook_problems *p) {
        return p->entries->hook_problems > 0 ? p->text : NULL;
}

void hook_problems_check(struct hook_problems *p, struct entry *e, const struct taskdir *taskdir) {
        const char *name = e->is.file->name;
        CLEANUP(freep) char *problem = NULL, *path = NULL;
        bool known = e->has_hook_problem;

        if (e->state == ENTRY_ACTIVE && e->is.task->hooks)
                problem = hook_check_named(p->directories, e->is.task->hooks);
        if (p->entries->hook_problems == 0)
                hook_problems_clear(p); /* of one that has gone */
        entry_set_hook_problem(e, problem);
        if (!problem)
                return;
        if (!p->text)
                p->text = str_printf("%s: %s", name, problem);
        path = taskdir_path(taskdir, e->is.file);
        if (!known)
                report_hook_problem(name, path ? path : name, problem);
}

void hook_problems_check_all(struct hook_problems *p, const struct taskdir *taskdir, bool all) {
        struct entry *e;
        size_t at = 0;

        if (!all && p->entries->hook_problems == 0)
                return;
        hook_problems_clear(p);
        while ((e = entries_next(p->entries, &at)))
                if (all || e->has_hook_problem)
                        hook_problems_check(p, e, taskdir);
}
