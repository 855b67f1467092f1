#include "koowatchd/task/enrollment.h"

#include <errno.h>

#include "common/crash-point.h"
#include "common/log.h"
#include "common/random.h"
#include "koowatchd/account/account.h"
#include "koowatchd/report/report.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/finished-file.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

/* Tasks that start together are spread over a span that grows with their number. */
#define SPREAD_EACH (10 * USEC_MSEC)
#define SPREAD_MAX (2 * USEC_SEC)

static void mark_dirty(struct entry *e) {
        entry_mark_dirty(&enrollment_of(e)->changes, e);
}

static void status_changed(const struct entry *e) {
        callback_call(&enrollment_of(e)->handler.on_status);
}

static void check_hooks(struct entry *e) {
        hook_problems_check(&enrollment_of(e)->hook_problems, e, enrollment_of(e)->taskdir);
}

void enrollment_tell(const struct enrollment *en, enum registry_change change, const char *name) {
        if (en->handler.on_task)
                en->handler.on_task(en->handler.userdata, change, name);
}

/* Another file may have its name by now; of another node's, that is what it stands for. */
static void tell(const struct entry *e, enum registry_change change) {
        const char *name = e->is.file->name;

        if (!e->is_named)
                return;
        if (change == REGISTRY_REMOVED && entries_find_shown(entry_table(e), name, e))
                change = REGISTRY_CHANGED;
        enrollment_tell(enrollment_of(e), change, name);
}

void enrollment_report_invalid(struct enrollment *en, const char *name, const char *text,
                               bool running) {
        report_invalid(name, text, running);
        if (!running)
                en->handler.on_invalid(en->handler.userdata, text);
        callback_call(&en->handler.on_status);
}

/* ---- watching ---- */

struct account *enrollment_account(const struct entry *e) {
        const struct registry_handler *handler = &enrollment_of(e)->handler;
        struct task_view view;

        task_record_view(e->is.task, &view);
        return handler->find_account(handler->userdata, view.account);
}

bool enrollment_is_ours(const struct entry *e) {
        struct task_view view;

        task_record_view(e->is.task, &view);
        return registry_handler_is_ours(&enrollment_of(e)->handler, view.account);
}

void enrollment_start_polling(struct entry *e) {
        struct enrollment *en = enrollment_of(e);
        usec_t spread = 0;

        if (taskdir_is_suspended(en->taskdir, e->is.file))
                return;
        if (en->scanning) {
                spread = MIN((usec_t) en->started * SPREAD_EACH, SPREAD_MAX);
                en->started++;
        }
        watch_start(e->watch, enrollment_account(e),
                    clock_boot() + (usec_t) (random_share() * (double) spread));
}

/* Back to a file that has not been read: the next look reads it. */
static void read_again_later(struct entry *e, const char *what, const char *why) {
        const struct registry_handler *handler = &enrollment_of(e)->handler;

        entry_stop_waiting(e);
        if (e->state != ENTRY_INVALID)
                entry_set_state(e, ENTRY_INVALID);
        task_record_free(STEAL_PTR(e->is.task));
        watch_free(STEAL_PTR(e->watch));
        free(STEAL_PTR(e->end));
        e->file_invalid = true;
        e->is.file->read_again = READ_AGAIN_SOON;
        handler->on_transient_error(handler->userdata, what, why);
}

/* The registration begins, now or when the store says that it did. */
static void activate(struct entry *e, const struct store_task *stored) {
        if (!e->watch && watch_new(&e->is, &e->watch) < 0) {
                read_again_later(e, e->is.file->name, strerror(ENOMEM));
                return;
        }
        free(STEAL_PTR(e->end));
        e->is_parked = false;
        entry_set_state(e, ENTRY_ACTIVE);
        watch_begin(e->watch, enrollment_account(e), stored, clock_boot());
        enrollment_start_polling(e);
        if (!stored) {
                struct task_view view;
                const struct task_ref task = watch_ref(e->watch, &view);

                mark_dirty(e);
                report_registered(&task, view.description);
        }
        status_changed(e);
}

static struct entry *entry_of(struct watch_subject *subject) {
        return container_of(subject, struct entry, is);
}

static void on_finished(struct watch_subject *subject, struct watch_end *end) {
        struct entry *e = entry_of(subject);

        free(e->end);
        e->end = end;
        entry_set_state(e, ENTRY_FINISHED);
        mark_dirty(e);
        status_changed(e);
}

static void on_refusals(struct watch_subject *subject) {
        mark_dirty(entry_of(subject));
}

static void on_registration(struct watch_subject *subject) {
        struct entry *e = entry_of(subject);

        entry_note_change(&enrollment_of(e)->changes, e);
}

static void on_watch_status(struct watch_subject *subject) {
        status_changed(entry_of(subject));
        tell(entry_of(subject), REGISTRY_CHANGED);
}

static void on_progress(struct watch_subject *subject) {
        tell(entry_of(subject), REGISTRY_CHANGED);
}

/* ---- what the store knows ---- */

static bool is_other_file(const struct entry *e, const struct store_task *stored) {
        return stored->inode != e->is.file->inode || stored->mtime_ns != e->is.file->mtime_ns;
}

/* The next start is to know the file as it is now. */
static void note_file(struct entry *e, const struct store_task *stored) {
        if (is_other_file(e, stored) || !streq(stored->name, e->is.file->name))
                mark_dirty(e);
}

/*
 * A file of a task that has finished: found again after a restart, or left by the former owner; or
 * one that is a duplicate of such a file, and was read first.
 */
static void take_up_finished(struct entry *e, const struct store_task *stored, bool is_duplicate) {
        e->end = malloc(sizeof(*e->end));
        if (!e->end) {
                read_again_later(e, e->is.file->name, strerror(ENOMEM));
                return;
        }
        e->end->registered = stored->registered;
        memcpy(e->end->event_id, stored->event_id, sizeof(e->end->event_id));
        entry_set_state(e, ENTRY_FINISHED);
        status_changed(e);
        if (stored->delivery == DELIVERY_DONE)
                finished_remove_file(enrollment_of(e)->taskdir, e);
        if (is_duplicate)
                return;
        if (is_other_file(e, stored))
                finished_report_change(e);
        note_file(e, stored);
}

/* While the file is there with which the task has finished, no other one is a registration. */
static void on_finished_found(struct entry *e, const struct store_task *stored) {
        const struct taskdir *taskdir = enrollment_of(e)->taskdir;
        int r = 0;

        e->is_parked = stored->delivery == DELIVERY_PARKED;
        if (is_other_file(e, stored))
                r = entry_has_remote_duplicate(e, stored->inode, stored->mtime_ns)
                            ? 1
                            : taskdir_has(taskdir, stored->name, stored->inode, stored->mtime_ns);
        if (r < 0)
                read_again_later(e, stored->name, strerror(-r));
        else if (r > 0 || !finished_is_new_file(e, stored->inode, stored->mtime_ns))
                take_up_finished(e, stored, r > 0);
        else
                activate(e, NULL);
}

static void on_found(void *userdata, int found, const struct store_task *stored) {
        struct entry *e = entry_wait_end(userdata);

        if (!e)
                return;
        if (found < 0)
                read_again_later(e, "the store", store_error(enrollment_of(e)->store));
        else if (found == 0 || (stored->gone && !(stored->is_away && !is_other_file(e, stored))))
                activate(e, NULL);
        else if (*stored->event_id)
                on_finished_found(e, stored);
        else
                activate(e, stored);
        if (found > 0 && e->state == ENTRY_ACTIVE)
                note_file(e, stored);
        if (found > 0 && stored->gone && entry_owns_key(e))
                mark_dirty(e); /* it is there again */
        check_hooks(e);
}

void enrollment_look_up(struct entry *e) {
        struct enrollment *en = enrollment_of(e);
        struct entry_wait *wait = entry_wait_lookup(&en->waits, e);
        struct task_view view;
        struct store_key key = task_key(e->is.task, &view);

        if (wait)
                store_find_task(en->store, &key, on_found, wait);
        else
                read_again_later(e, e->is.file->name, strerror(ENOMEM));
}

/* ---- who owns a key ---- */

static void refuse_duplicate(struct entry *e, const struct entry *owner) {
        struct enrollment *en = enrollment_of(e);
        CLEANUP(freep) char *path = taskdir_path(en->taskdir, e->is.file);
        CLEANUP(freep) char *theirs = taskdir_path(en->taskdir, owner->is.file);
        CLEANUP(freep)
        char *text =
                str_printf("%s: duplicate of %s, ignored while that file exists",
                           path ? path : e->is.file->name, theirs ? theirs : owner->is.file->name);
        bool is_late = entry_is_missing(owner) &&
                       finished_is_new_file(owner, e->is.file->inode, e->is.file->mtime_ns);

        entry_set_state(e, is_late ? ENTRY_LATE_DUPLICATE : ENTRY_DUPLICATE);
        if (entry_is_missing(owner))
                entry_mark_dirty(&en->changes, entry_owner(e)); /* its file was renamed, it seems */
        if (e->is.file->is_remote)
                return; /* a task whose file lies on several nodes is one task */
        if (text && !entry_is_missing(owner)) /* else it is being renamed, or about to go */
                enrollment_report_invalid(en, e->is.file->name, text, false);
}

/*
 * A file in a higher directory stands for the task, whoever came first: what members of a group
 * may write must not keep out what root does. The watch goes on under its name.
 */
static void take_over(struct entry *e, struct entry *other) {
        struct enrollment *en = enrollment_of(e);
        CLEANUP(freep) char *path = taskdir_path(en->taskdir, e->is.file);
        CLEANUP(freep) char *theirs = taskdir_path(en->taskdir, other->is.file);
        CLEANUP(freep)
        char *text = str_printf(
                "%s: duplicate of %s, ignored because that file is in a higher directory",
                theirs ? theirs : other->is.file->name, path ? path : e->is.file->name);

        entry_stop_waiting(other);
        entry_take_key(e, other);
        if (e->state == ENTRY_LOOKUP) {
                enrollment_look_up(e);
        } else {
                watch_assign(e->watch, &e->is);
                enrollment_start_polling(e);
                check_hooks(e);
                mark_dirty(e);
        }
        if (text && !other->is.file->is_remote)
                enrollment_report_invalid(en, other->is.file->name, text, false);
}

static bool outranks(const struct entry *e, const struct entry *owner) {
        return (owner->state == ENTRY_ACTIVE || owner->state == ENTRY_LOOKUP) &&
               e->is.file->dir < owner->is.file->dir;
}

void enrollment_enroll(struct entry *e) {
        struct entry *owner = entry_owner(e);

        if (!enrollment_is_ours(e))
                entry_set_state(e, ENTRY_ELSEWHERE);
        else if (owner && outranks(e, owner))
                take_over(e, owner);
        else if (owner)
                refuse_duplicate(e, owner);
        else if (entry_claim_key(e) < 0)
                read_again_later(e, e->is.file->name, strerror(ENOMEM));
        else
                enrollment_look_up(e);
}

/* ---- files that are gone ---- */

static void drop_entry(struct entry *e) {
        if (e->state != ENTRY_TO_DELETE)
                tell(e, REGISTRY_REMOVED);
        entry_forget_changes(&enrollment_of(e)->changes, e);
        entry_stop_waiting(e);
        entry_free(e);
}

/* Its file will not come back: it goes with the next commit. */
static void delete_later(struct entry *e) {
        entry_stop_waiting(e);
        if (e->watch)
                watch_leave(e->watch);
        entry_set_state(e, ENTRY_TO_DELETE);
        tell(e, REGISTRY_REMOVED);
        mark_dirty(e);
}

static void start_grace(struct entry *e) {
        bool active = e->state == ENTRY_ACTIVE;

        if (active)
                watch_stop(e->watch);
        entry_set_state(e, active ? ENTRY_ACTIVE_MISSING : ENTRY_FINISHED_MISSING);
        if (entry_find_successor(e))
                mark_dirty(e); /* its file was renamed, it seems */
        if (entry_wait_grace(&enrollment_of(e)->waits, e) < 0)
                delete_later(e);
}

/* No file stands for it any more. */
void enrollment_leave(struct entry *e) {
        if (!entry_owns_key(e))
                drop_entry(e);
        else if (e->state == ENTRY_LOOKUP)
                delete_later(e);
        else if (!entry_is_missing(e))
                start_grace(e);
}

/* Its file is there again. What is to be deleted has something left of what it was. */
static void come_back(struct entry *e) {
        entry_stop_waiting(e);
        mark_dirty(e); /* it may have been written as another file's */
        if (e->end) {
                entry_set_state(e, ENTRY_FINISHED);
        } else if (e->watch) {
                entry_set_state(e, ENTRY_ACTIVE);
        } else {
                entry_set_state(e, ENTRY_LOOKUP);
                enrollment_look_up(e);
        }
}

/* Goes on where the entry was that it succeeds. */
static void succeed(struct entry *e, struct watch *watch) {
        if (!watch) {
                enrollment_enroll(e);
                return;
        }
        watch_assign(watch, &e->is);
        if (entry_claim_key(e) < 0) {
                watch_free(watch);
                read_again_later(e, e->is.file->name, strerror(ENOMEM));
                return;
        }
        e->watch = watch;
        entry_set_state(e, ENTRY_ACTIVE);
        enrollment_start_polling(e);
        check_hooks(e);
}

static void on_deleted(struct entry *e) {
        struct enrollment *en = enrollment_of(e);
        struct entry *successor = entry_find_successor(e);
        struct watch *watch = NULL;

        CRASH_POINT("task-dropped");
        /* Another one than that which was written in its place, or none any more. */
        if (!e->is_dropped && !(successor && successor->is_successor)) {
                mark_dirty(e);
                return;
        }
        if (!e->is_dropped && !e->end)
                watch = STEAL_PTR(e->watch);
        drop_entry(e);
        if (successor) {
                successor->is_successor = false;
                succeed(successor, watch);
        }
        callback_call(&en->handler.on_status);
}

/* ---- files that are read ---- */

/* Settings for an entry that has some already, of the same key. old: the file they came from. */
void enrollment_update(struct entry *e, struct task_record *task, const struct taskdir_file *old) {
        struct entry *other;

        task_record_free(e->is.task);
        e->is.task = task;
        check_hooks(e);
        if (e->state == ENTRY_ACTIVE) {
                watch_retry(e->watch, clock_boot());
                mark_dirty(e);
        } else if (e->state == ENTRY_FINISHED &&
                   (old->is_removed || finished_is_new_file(e, old->inode, old->mtime_ns))) {
                activate(e, NULL);
                check_hooks(e);
        } else if (e->state == ENTRY_FINISHED && e->is.file->removes_finished &&
                   !old->removes_finished && !e->watch) {
                /* It was moved to where finished files are removed, and its outcome is on disk. */
                free(STEAL_PTR(e->end));
                entry_set_state(e, ENTRY_LOOKUP);
                enrollment_look_up(e);
                return; /* it is done all the same: no other file takes it over */
        } else if (e->state == ENTRY_FINISHED && old->mtime_ns != e->is.file->mtime_ns) {
                mark_dirty(e);
                finished_report_change(e);
        }
        if (e->state == ENTRY_INVALID) /* memory was short: it is read again */
                return;

        /* Its file may lie higher now than the owner's; or lower, or be watched again. */
        other = entry_owns_key(e) ? entry_find_successor(e) : entry_owner(e);
        if (!other)
                return;
        if (outranks(e, other))
                take_over(e, other);
        else if (outranks(other, e))
                take_over(other, e);
}

void enrollment_add(struct entry *e, struct task_record *task) {
        e->is.task = task;
        enrollment_enroll(e);
}

void enrollment_resume(struct entry *e) {
        if (entry_is_missing(e))
                come_back(e);
        if (e->state == ENTRY_ACTIVE && !watch_is_started(e->watch))
                enrollment_start_polling(e);
}

void enrollment_init(struct enrollment *en, struct timers *timers, struct store *store,
                     struct taskdir *taskdir, const struct watch_shared *shared) {
        *en = (struct enrollment){
                .store = store,
                .taskdir = taskdir,
        };
        entries_init(&en->entries);
        en->entries.shared = *shared;
        watch_notebook_init(&en->entries.shared.notes);
        entry_changes_init(&en->changes, on_deleted);
        entry_waits_init(&en->waits, timers, delete_later);
        en->hook_problems.entries = &en->entries;
        en->entries.shared.on_finished = on_finished;
        en->entries.shared.on_refusals = on_refusals;
        en->entries.shared.on_registration = on_registration;
        en->entries.shared.on_status = on_watch_status;
        en->entries.shared.on_progress = on_progress;
}

void enrollment_clear(struct enrollment *en) {
        entry_waits_clear(&en->waits);
        entries_clear(&en->entries);
        watch_notebook_clear(&en->entries.shared.notes);
        hook_problems_clear(&en->hook_problems);
}
