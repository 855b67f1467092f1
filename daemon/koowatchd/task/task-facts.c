#include "koowatchd/task/task-facts.h"

#include <errno.h>

#include "koowatchd/account/account.h"
#include "koowatchd/task/enrollment.h"
#include "koowatchd/task/task-file.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

const char *task_shown_name(enum task_shown shown) {
        static const char *const names[] = {
                [TASK_PENDING] = "pending",
                [TASK_RUNNING] = "running",
                [TASK_FINISHED] = "finished",
                [TASK_INVALID] = "invalid",
        };

        return names[shown];
}

static enum task_shown shown_state(const struct entry *e) {
        switch (e->state) {
        case ENTRY_ACTIVE:
        case ENTRY_ACTIVE_MISSING:
                return watch_is_running(e->watch) ? TASK_RUNNING : TASK_PENDING;
        case ENTRY_FINISHED:
        case ENTRY_FINISHED_MISSING:
                return TASK_FINISHED;
        case ENTRY_ELSEWHERE:
        case ENTRY_LOOKUP:
                return TASK_PENDING;
        default:
                return TASK_INVALID;
        }
}

static bool is_watched(const struct entry *e) {
        return e->state == ENTRY_ACTIVE || e->state == ENTRY_ACTIVE_MISSING;
}

bool task_facts_find(const struct enrollment *en, const char *name, struct task_facts *ret) {
        const struct entry *e = entries_find_shown(&en->entries, name, NULL);

        if (!e)
                return false;
        ret->name = e->is.file->name;
        ret->state = shown_state(e);
        ret->has_settings = e->is.task;
        if (ret->has_settings) {
                task_record_view(e->is.task, &ret->view);
                task_view_ids(&ret->view);
        }
        ret->is_watched = is_watched(e);
        if (ret->is_watched)
                watch_describe(e->watch, &ret->watch);
        ret->end = ret->state == TASK_FINISHED ? entry_end(e) : NULL;
        ret->is_elsewhere = e->state == ENTRY_ELSEWHERE;
        ret->node = e->is.file->is_remote ? taskdir_file_node(e->is.file) : NULL;
        ret->removes_finished = e->is.file->removes_finished;
        ret->file_is_valid = !e->file_invalid;
        ret->entry = e;
        return true;
}

char *task_facts_path(const struct enrollment *en, const struct task_facts *facts) {
        return taskdir_path(en->taskdir, facts->entry->is.file);
}

char *task_facts_samples(const struct task_facts *facts) {
        return facts->is_watched ? watch_samples(facts->entry->watch) : NULL;
}

int task_facts_read(const struct enrollment *en, const struct task_facts *facts,
                    void (*on_file)(void *userdata, const struct task_file *file), void *userdata) {
        return taskdir_read(en->taskdir, facts->entry->is.file, on_file, userdata);
}

struct account *task_facts_account(const struct enrollment *en, const char *name) {
        struct account *account = en->handler.find_account(en->handler.userdata, name);

        return account && account_is_configured(account) ? account : NULL;
}

/* ---- what is wrong ---- */

struct problem {
        const struct enrollment *enrollment;
        const struct task_file *file;
        char *text; /* of the first error */
};

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        struct problem *p = userdata;

        if (is_error && !p->text)
                p->text = line > 0 ? str_printf("%s:%u: %s", p->file->path, line, text)
                                   : str_printf("%s: %s", p->file->path, text);
}

static bool has_account(void *userdata, const char *name) {
        return task_facts_account(((const struct problem *) userdata)->enrollment, name);
}

static void on_file(void *userdata, const struct task_file *file) {
        struct problem *p = userdata;
        const struct task_file_check check = {has_account, on_fault, p};
        CLEANUP(task_freep) struct task *task = NULL;

        p->file = file;
        (void) task_file_read(file, &check, &task);
}

static char *duplicate_problem(const struct enrollment *en, const struct entry *e) {
        const struct entry *owner = entry_owner(e);
        CLEANUP(freep) char *path = taskdir_path(en->taskdir, e->is.file);
        CLEANUP(freep) char *theirs = owner ? taskdir_path(en->taskdir, owner->is.file) : NULL;

        return path && theirs ? str_printf("%s: duplicate of %s", path, theirs) : NULL;
}

char *task_facts_problem(const struct enrollment *en, const struct task_facts *facts) {
        const struct entry *e = facts->entry;
        struct problem problem = {.enrollment = en};

        if (e->state == ENTRY_DUPLICATE || e->state == ENTRY_LATE_DUPLICATE)
                return duplicate_problem(en, e);
        if (!e->file_invalid && e->state != ENTRY_INVALID)
                return NULL;
        (void) taskdir_read(en->taskdir, e->is.file, on_file, &problem);
        return problem.text;
}

/* ---- all of them, and one ---- */

void task_facts_walk(const struct enrollment *en, unsigned part,
                     void (*on_task)(void *userdata, const struct task_brief *task),
                     void *userdata) {
        const struct entry *e;
        size_t at = 0;

        while ((e = index_next_in(&en->entries.by_name, part, &at))) {
                struct task_brief brief = {.name = e->is.file->name,
                                           .state = shown_state(e),
                                           .is_elsewhere = e->state == ENTRY_ELSEWHERE};
                struct task_view view;

                if (!entry_is_shown(e) || (e->is.file->is_remote &&
                                           e != entries_find_shown(&en->entries, brief.name, NULL)))
                        continue;
                if (e->is.task) {
                        task_record_view(e->is.task, &view);
                        brief.account = view.account;
                }
                on_task(userdata, &brief);
        }
}

char *task_facts_path_of_name(const struct enrollment *en, const char *name) {
        return taskdir_find_path(en->taskdir, name);
}

const char *task_facts_name_of_key(const struct enrollment *en, const struct store_key *key) {
        const struct entry *e = entries_find_key(&en->entries, key);

        return e && !entry_is_missing(e) && !e->is.file->is_removed ? e->is.file->name : NULL;
}

int task_facts_poll(const struct enrollment *en, const char *name) {
        const struct entry *e = entries_find_shown(&en->entries, name, NULL);

        if (!e)
                return -ENOENT;
        if (shown_state(e) == TASK_FINISHED)
                return -EALREADY;
        if (!is_watched(e) || !watch_is_started(e->watch))
                return -EAGAIN;
        watch_poll(e->watch, clock_boot());
        return 0;
}
