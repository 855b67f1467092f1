#include "koowatchd/task/registry.h"

#include <errno.h>

#include "common/crash-point.h"
#include "common/log.h"
#include "koowatchd/account/account.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/fleet.h"
#include "koowatchd/task/enrollment-walk.h"
#include "koowatchd/task/enrollment.h"
#include "koowatchd/task/finished-file.h"
#include "koowatchd/task/hook-check.h"
#include "koowatchd/task/sources.h"
#include "koowatchd/task/stale-tasks.h"
#include "koowatchd/task/strays.h"
#include "koowatchd/task/task-file.h"
#include "koowatchd/task/task.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

#define RECHECK_PERIOD (15 * USEC_SEC)

struct registry {
        struct timers *timers;
        struct taskdir *taskdir;
        struct enrollment enrollment;
        struct stale_tasks stale;
        struct strays strays;
        struct timer recheck_timer;
        bool has_missed;         /* since the last scan began there was no memory for a file */
        bool is_whole, has_gaps; /* as on_scanned() of the last scan says */

        bool is_shared; /* the store, by several nodes: */
        struct sources sources;
};

/* ---- files ---- */

struct reading {
        const struct task_file *file;
        struct registry *registry;
        bool running; /* there are settings that stay in force */
};

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        const struct reading *reading = userdata;
        const struct task_file *file = reading->file;
        CLEANUP(freep)
        char *full = line > 0 ? str_printf("%s:%u: %s", file->path, line, text)
                              : str_printf("%s: %s", file->path, text);

        if (full && is_error)
                enrollment_report_invalid(&reading->registry->enrollment, file->file->name, full,
                                          reading->running);
        else if (full)
                log_warning("%s", full);
}

static bool has_account(void *userdata, const char *name) {
        const struct registry_handler *handler =
                &((const struct reading *) userdata)->registry->enrollment.handler;
        const struct account *account = handler->find_account(handler->userdata, name);

        return account && account_is_configured(account);
}

/* The entry of a file that was read, with its name free for another key. NULL: no memory. */
static struct entry *entry_for(struct registry *r, const struct task_file *file,
                               const struct task_record *task) {
        struct entry *e = entries_find_file(&r->enrollment.entries, file->file);

        if (e && e->is.task && task && !task_records_are_same_task(e->is.task, task)) {
                entry_detach_name(e);
                enrollment_leave(e); /* with grace: two files may be changing places */
                e = NULL;
        }
        if (e && e->in_commit && e->is_deleted) { /* its end is being written */
                entry_detach_name(e);
                e = NULL;
        }
        return e ? e : entry_new(&r->enrollment.entries, file->file);
}

static void ignore_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        (void) userdata;
        (void) is_error;
        (void) line;
        (void) text;
}

/* What was wrong with it before is not reported each minute. */
static bool is_still_invalid(const struct task_file *file, struct reading *reading) {
        const struct task_file_check check = {has_account, ignore_fault, reading};
        CLEANUP(task_freep) struct task *task = NULL;

        return task_file_read(file, &check, &task) == -EAGAIN;
}

static int read_record(const struct task_file *file, const struct task_file_check *check,
                       struct task_record **ret) {
        CLEANUP(task_freep) struct task *task = NULL;
        int error = task_file_read(file, check, &task);

        if (error == 0) {
                *ret = task_record_new(task);
                error = *ret ? 0 : -ENOMEM;
        }
        return error;
}

static enum read_again on_file(void *userdata, const struct task_file *file) {
        struct registry *r = userdata;
        struct entry *known = entries_find_file(&r->enrollment.entries, file->file);
        struct reading reading = {file, r, known && known->is.task};
        bool is_new = !known || known->state == ENTRY_TO_DELETE;
        const struct task_file_check check = {has_account, on_fault, &reading};
        CLEANUP(taskdir_file_unrefp) struct taskdir_file *old = NULL;
        CLEANUP(task_record_freep) struct task_record *task = NULL;
        struct entry *e;
        int error;

        if (known && file->is_retry && is_still_invalid(file, &reading)) {
                taskdir_file_unref(entry_set_file(known, file->file));
                return READ_AGAIN_SOON;
        }
        if (r->is_shared && known && !file->file->is_remote &&
            known->is.file->dir != file->file->dir)
                sources_forget(&r->sources, known->is.file); /* its path is another one now */
        error = read_record(file, &check, &task);
        e = entry_for(r, file, task);
        if (!e) {
                log_error("%s: out of memory, retrying in a minute", file->path);
                r->has_missed = true;
                return READ_AGAIN_SOON;
        }
        old = entry_set_file(e, file->file);
        e->file_invalid = !task;
        if (r->is_shared && task && !file->file->is_remote)
                sources_note(&r->sources, file->file);
        enrollment_resume(e);
        if (task && e->state == ENTRY_INVALID) {
                enrollment_add(e, STEAL_PTR(task));
                stale_tasks_judge(&r->stale);
        } else if (task)
                enrollment_update(e, STEAL_PTR(task), old);
        enrollment_tell(&r->enrollment, is_new ? REGISTRY_ADDED : REGISTRY_CHANGED,
                        file->file->name);
        callback_call(&r->enrollment.handler.on_status);
        if (error == 0)
                return e->file_invalid ? READ_AGAIN_SOON : READ_AGAIN_NOT; /* memory was short */
        return error == -EBADMSG ? READ_AGAIN_ON_RELOAD : READ_AGAIN_SOON;
}

static void on_gone(void *userdata, struct taskdir_file *file) {
        struct registry *r = userdata;
        struct entry *e = entries_find_file(&r->enrollment.entries, file);
        bool was_invalid = e && e->state == ENTRY_INVALID;

        if (r->is_shared && !file->is_remote)
                sources_forget(&r->sources, file);
        if (e)
                enrollment_leave(e);
        if (was_invalid)
                stale_tasks_judge(&r->stale);
        callback_call(&r->enrollment.handler.on_status);
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        const struct registry *r = userdata;

        r->enrollment.handler.on_transient_error(r->enrollment.handler.userdata, what, why);
}

static void on_stray(void *userdata, const char *path) {
        struct registry *r = userdata;

        strays_note(&r->strays, path);
}

static void on_scan(void *userdata) {
        struct registry *r = userdata;

        r->has_missed = false;
        r->enrollment.scanning = true;
        r->enrollment.started = 0;
}

/*
 * Where the store is shared there may be a file that this node cannot know, or not yet: one with a
 * token. Then its task is as if its directory was away.
 */
static void find_stale_tasks(struct registry *r) {
        if (r->is_whole)
                stale_tasks_find(&r->stale, r->has_gaps || r->is_shared);
}

static void on_scanned(void *userdata, bool complete, bool has_gaps) {
        struct registry *r = userdata;

        r->enrollment.scanning = false;
        finished_remove_left(r->taskdir, &r->enrollment.entries);
        r->is_whole = complete && !r->has_missed;
        r->has_gaps = has_gaps;
        find_stale_tasks(r);
        if (r->is_whole)
                sources_judge(&r->sources);
}

static void on_suspended(void *userdata) {
        struct registry *r = userdata;

        enrollment_check_polling(&r->enrollment);
}

/* ---- the whole ---- */

static void on_bad_hook(void *userdata, const char *path, const char *why) {
        (void) userdata;
        log_warning("%s: would not run: %s", path, why);
}

static void check_event_hooks(const struct registry *r) {
        hook_check_events(r->enrollment.hook_problems.directories, on_bad_hook, NULL);
}

static void on_recheck(struct timer *timer, usec_t now) {
        struct registry *r = container_of(timer, struct registry, recheck_timer);

        strays_report(&r->strays);
        if (hook_problems_look(&r->enrollment.hook_problems, r->taskdir))
                check_event_hooks(r);
        callback_call(&r->enrollment.handler.on_status); /* of another problem perhaps */
        timer_arm(r->timers, timer, now + RECHECK_PERIOD);
}

static int open_taskdir(struct registry *r, struct dirwatch *dirwatch) {
        const struct taskdir_handler handler = {
                .on_file = on_file,
                .on_gone = on_gone,
                .on_transient_error = on_transient_error,
                .on_stray = on_stray,
                .on_scan = on_scan,
                .on_scanned = on_scanned,
                .on_suspended = on_suspended,
                .userdata = r,
        };

        return taskdir_new(dirwatch, r->timers, &handler, &r->taskdir);
}

static bool is_ours(void *userdata, const char *account) {
        return registry_handler_is_ours(&((const struct registry *) userdata)->enrollment.handler,
                                        account);
}

int registry_new(const struct registry_modules *with, struct registry **ret) {
        CLEANUP(registry_freep) struct registry *r = calloc(1, sizeof(*r));
        int error;

        if (!r)
                return -ENOMEM;
        r->timers = with->timers;
        error = open_taskdir(r, with->dirwatch);
        enrollment_init(&r->enrollment, with->timers, with->store, r->taskdir,
                        &(struct watch_shared){
                                .poller = with->poller,
                                .deliveries = with->deliveries,
                                .report = with->report,
                                .metrics = with->metrics,
                                .taskdir = r->taskdir,
                                .boot = with->boot,
                        });
        stale_tasks_init(&r->stale, &r->enrollment.entries, with->store);
        r->stale.is_ours = is_ours;
        r->stale.userdata = r;
        r->is_shared = store_is_shared(with->store);
        stale_tasks_set_wanted(&r->stale, !r->is_shared);
        sources_init(&r->sources, r->taskdir, &r->enrollment.entries);
        r->enrollment.entries.sources = r->is_shared ? &r->sources : NULL;
        if (error == 0)
                error = timer_open(r->timers, &r->recheck_timer, on_recheck);
        if (error < 0)
                return error;
        *ret = STEAL_PTR(r);
        return 0;
}

void registry_free(struct registry *r) {
        if (!r)
                return;
        timer_close(r->timers, &r->recheck_timer);
        enrollment_clear(&r->enrollment);
        stale_tasks_clear(&r->stale);
        sources_clear(&r->sources);
        strays_clear(&r->strays);
        taskdir_free(r->taskdir);
        free(r);
}

void registry_set_handler(struct registry *r, const struct registry_handler *handler) {
        r->enrollment.handler = *handler;
        r->enrollment.changes.on_dirty = handler->on_dirty;
        r->stale.on_dirty = handler->on_dirty;
        r->sources.on_dirty = handler->on_dirty;
}

void registry_configure(struct registry *r, const struct task_limits *limits,
                        const char *hook_directories) {
        r->enrollment.entries.shared.limits = *limits;
        r->enrollment.hook_problems.directories = hook_directories;
        timer_arm(r->timers, &r->recheck_timer, clock_boot());
}

int registry_set_directories(struct registry *r, const char *directories, const char *state_tasks) {
        return taskdir_configure(r->taskdir, directories, state_tasks);
}

void registry_scan(struct registry *r) {
        store_begin_reading(r->enrollment.store);
        taskdir_scan(r->taskdir);
        store_end_reading(r->enrollment.store);
}

void registry_check_hooks(struct registry *r) {
        hook_problems_check_all(&r->enrollment.hook_problems, r->taskdir);
        check_event_hooks(r);
}

const char *registry_hook_problem(const struct registry *r) {
        return hook_problems_text(&r->enrollment.hook_problems);
}

void registry_each_directory_trouble(const struct registry *r,
                                     void (*fn)(void *userdata, const char *path,
                                                const char *trouble),
                                     void *userdata) {
        taskdir_each_trouble(r->taskdir, fn, userdata);
}

void registry_look(struct registry *r) {
        taskdir_look(r->taskdir);
}

void registry_check_accounts(struct registry *r) {
        enrollment_check_polling(&r->enrollment);
}

/*
 * The one that has finished with the event; NULL: its file may have gone, and a duplicate stand for
 * the task by now.
 */
static struct entry *find_finished(const struct registry *r, json_object *event) {
        const char *event_id = event_string(event, "eventId");
        const struct store_key key = {
                .account = event_string(event, "account"),
                .share_id = event_string(event, "shareId"),
                .task_id = event_string(event, "taskId"),
        };
        struct entry *e;

        if (!event_id || !key.account || !key.share_id || !key.task_id) /* none of ours */
                return NULL;
        e = entries_find_key(&r->enrollment.entries, &key);
        return e && entry_end(e) && streq(entry_end(e)->event_id, event_id) ? e : NULL;
}

void registry_on_delivered(void *registry, json_object *event) {
        struct registry *r = registry;
        struct entry *e = find_finished(r, event);

        if (!e)
                return;
        e->is_parked = false;
        enrollment_tell(&r->enrollment, REGISTRY_CHANGED, e->is.file->name);
        finished_remove_file(r->taskdir, e);
}

void registry_on_parked(void *registry, json_object *event) {
        const struct registry *r = registry;
        struct entry *e = find_finished(r, event);

        if (!e)
                return;
        e->is_parked = true;
        enrollment_tell(&r->enrollment, REGISTRY_CHANGED, e->is.file->name);
}

int registry_collect(struct registry *r, struct store_batch *batch) {
        bool drops = false;
        int error = stale_tasks_collect(&r->stale, batch, &drops);

        if (error == 0)
                error = sources_collect(&r->sources, batch, &drops);
        if (error == 0)
                error = entry_changes_collect(&r->enrollment.changes, batch, &drops);
        /* Their files must not be there again after a power failure that the batch survives. */
        if (error == 0 && drops) {
                taskdir_sync(r->taskdir);
                CRASH_POINT("directory-synced");
        }
        return error;
}

void registry_committed(struct registry *r, bool written) {
        stale_tasks_committed(&r->stale, written);
        sources_committed(&r->sources, written);
        entry_changes_committed(&r->enrollment.changes, written);
}

/* ---- the other nodes ---- */

void registry_found_own(struct registry *r, const struct store_source *source) {
        sources_found(&r->sources, source);
}

void registry_found_all_own(struct registry *r) {
        sources_all_found(&r->sources);
        if (r->is_whole)
                sources_judge(&r->sources);
}

/* Read before, and as it is now. */
static bool is_known_remote(const struct entry *known, const struct taskdir_file *file) {
        const struct taskdir_file *was = known->is.file;

        return taskdir_file_is_same(was, file) && was->text_hash == file->text_hash &&
               was->read_again != READ_AGAIN_SOON && !entry_is_missing(known);
}

int registry_put_remote(struct registry *r, const struct store_source *source) {
        CLEANUP(taskdir_file_unrefp)
        struct taskdir_file *file = taskdir_file_new_remote(source->node, source->path);
        const struct entry *known;
        CLEANUP(freep) char *path = NULL;

        if (!file)
                return -ENOMEM;
        file->inode = source->inode;
        file->mtime_ns = source->mtime_ns;
        file->text_hash = (uint32_t) hash_text(source->text, HASH_START);
        file->removes_finished = source->removes_finished;
        known = entries_find_file(&r->enrollment.entries, file);
        if (source->is_gone) {
                if (known)
                        on_gone(r, file);
                return 0;
        }
        if (known && is_known_remote(known, file))
                return 0;
        path = taskdir_path(r->taskdir, file);
        if (!path)
                return -ENOMEM;
        file->read_again = on_file(r, &(struct task_file){
                                              .file = file,
                                              .path = path,
                                              .text = source->text,
                                              .length = strlen(source->text),
                                      });
        known = entries_find_file(&r->enrollment.entries, file);
        return known && (file->read_again != READ_AGAIN_SOON || entry_is_left(known)) ? 0 : -ENOMEM;
}

bool registry_misses_remote(const struct registry *r) {
        return enrollment_misses_remote(&r->enrollment);
}

bool registry_has_untold(const struct registry *r) {
        return r->sources.has_missed;
}

int registry_take_account(struct registry *r) {
        int error = enrollment_take_account(&r->enrollment);

        if (error < 0)
                return error;
        stale_tasks_set_wanted(&r->stale, true);
        find_stale_tasks(r);
        return 0;
}

void registry_look_at_finished(struct registry *r) {
        enrollment_look_at_finished(&r->enrollment);
}

void registry_notice(struct registry *r, const char *name) {
        taskdir_notice(r->taskdir, name);
}

int registry_remove(struct registry *r, const char *name) {
        const struct entry *e = entries_find_name(&r->enrollment.entries, name);
        int error = e ? taskdir_remove(r->taskdir, e->is.file) : -ENOENT;

        if (error < 0)
                return error;
        taskdir_sync(r->taskdir);
        taskdir_notice(r->taskdir, name);
        return 0;
}

const struct enrollment *registry_enrollment(const struct registry *r) {
        return &r->enrollment;
}

struct registry_counts registry_count(const struct registry *r) {
        const unsigned *n = r->enrollment.entries.counts;
        unsigned active = n[ENTRY_LOOKUP] + n[ENTRY_ACTIVE] + n[ENTRY_ACTIVE_MISSING];

        return (struct registry_counts){
                .pending = active - r->enrollment.entries.shared.running,
                .running = r->enrollment.entries.shared.running,
                .elsewhere = n[ENTRY_ELSEWHERE],
                .finished = n[ENTRY_FINISHED] + n[ENTRY_FINISHED_MISSING],
                .invalid = n[ENTRY_INVALID] + n[ENTRY_DUPLICATE] + n[ENTRY_LATE_DUPLICATE] -
                           r->enrollment.entries.remote_duplicates,
                .hook_problems = r->enrollment.entries.hook_problems,
        };
}
