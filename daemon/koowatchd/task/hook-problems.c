#include "koowatchd/task/hook-problems.h"

#include "common/util.h"
#include "koowatchd/report/report.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/hook-check.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

void hook_problems_clear(struct hook_problems *p) {
        free(STEAL_PTR(p->text));
}

const char *hook_problems_text(const struct hook_problems *p) {
        return p->entries->hook_problems > 0 ? p->text : NULL;
}

/* problem: of the hooks that it names; NULL: none. */
static void note_problem(struct hook_problems *p, struct entry *e, const char *problem,
                         const struct taskdir *taskdir) {
        const char *name = e->is.file->name;
        CLEANUP(freep) char *path = NULL;
        bool known = e->has_hook_problem;

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

static const char *hooks_of(const struct entry *e) {
        struct task_view view;

        if (e->state != ENTRY_ACTIVE)
                return NULL;
        task_record_view(e->is.task, &view);
        return view.hooks;
}

void hook_problems_check(struct hook_problems *p, struct entry *e, const struct taskdir *taskdir) {
        const char *hooks = hooks_of(e);
        CLEANUP(freep) char *problem = hooks ? hook_check_named(p->directories, hooks) : NULL;

        note_problem(p, e, problem, taskdir);
}

static void check(struct hook_problems *p, const struct taskdir *taskdir, bool all) {
        CLEANUP(freep) char *problem = NULL;
        const char *checked = NULL, *hooks; /* many tasks name the same ones */
        struct entry *e;
        size_t at = 0;

        hook_problems_clear(p);
        while ((e = entries_next(p->entries, &at))) {
                hooks = hooks_of(e);
                if (!e->has_hook_problem && (!all || !hooks))
                        continue;
                if (hooks && !(checked && streq(hooks, checked))) {
                        free(problem);
                        problem = hook_check_named(p->directories, hooks);
                        checked = hooks;
                }
                note_problem(p, e, hooks ? problem : NULL, taskdir);
        }
}

void hook_problems_check_all(struct hook_problems *p, const struct taskdir *taskdir) {
        p->fingerprint = hook_check_fingerprint(p->directories);
        check(p, taskdir, true);
}

bool hook_problems_look(struct hook_problems *p, const struct taskdir *taskdir) {
        uint64_t fingerprint = hook_check_fingerprint(p->directories);
        bool changed = fingerprint != p->fingerprint;

        p->fingerprint = fingerprint;
        if (changed || p->entries->hook_problems > 0)
                check(p, taskdir, changed);
        return changed;
}
