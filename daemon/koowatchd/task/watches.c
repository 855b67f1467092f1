#include "koowatchd/task/watches.h"

#include <errno.h>
#include <search.h>

#include "common/log.h"
#include "koowatchd/task/hook-check.h"
#include "koowatchd/task/task-file.h"

#define GRACE (500 * USEC_MSEC)
/* Tasks that start together spread over a span that grows with their number; the rate does the
 * rest. */
#define SPREAD_EACH (10 * USEC_MSEC)
#define SPREAD_MAX (2 * USEC_SEC)

enum watch_state {
        WATCH_INVALID,   /* never was valid: no task */
        WATCH_DUPLICATE, /* another file stands for its key */
        WATCH_ACTIVE,
        WATCH_FINISHED,
};

/* The half second after a file has disappeared. */
struct grace {
        struct timer timer;
        struct watch *watch;
};

struct watch {
        struct poll poll;
        struct task_state course;
        struct grace *grace; /* while its file is not there */
        struct watches *owner;
        struct watch *next_dirty;
        char *name;
        struct task *task;       /* the settings in force; NULL when INVALID */
        struct account *account; /* NULL when INVALID */
        char *event_id;          /* when FINISHED */
        struct task_file_id file;
        usec_t registered;
        uint32_t scan; /* the last one that met it */
        enum watch_state state : 8;
        bool refused; /* the file as it is now is invalid; task is an earlier one */
        bool keyed;   /* in by_key: stands for its key */
        bool leaving; /* no file any more */
        bool anew;    /* a duplicate whose file came when the other one's had gone */
        bool ended;   /* leaving for good with the next write */
        bool dirty;
        bool running; /* counted as such */
        bool hook_problem;
        bool told_finished; /* that its file has changed in vain */
};

/* A registration in the store for which there is no file. */
struct orphan {
        struct orphan *next;
        char *account, *share_id, *task_id;
};

struct watches {
        struct timers *timers;
        struct store *store;
        struct poller *poller;
        struct taskdir *taskdir;
        struct watches_handler handler;
        struct task_limits limits;
        const char *hook_directories; /* borrowed */
        char *hook_problem;           /* of one of them, in words */
        void *by_name, *by_key;       /* tsearch() trees */
        struct watch *dirty_first, **dirty_last;
        struct orphan *orphans;
        struct watch_counts counts; /* pending: all active ones */
        uint32_t scan;
        unsigned started; /* by the scan that is going on, for the spread */
        bool scanning, reconciled;
};

/* ---- keys and trees ---- */

static const char *account_of(const struct task *task) {
        return task->account ? task->account : ACCOUNT_DEFAULT;
}

static struct store_key key_of(const struct task *task) {
        return (struct store_key){account_of(task), task->share_id, task->task_id};
}

static int compare_keys(const struct store_key *a, const struct store_key *b) {
        int r = strcmp(a->task_id, b->task_id);

        r = r ? r : strcmp(a->share_id, b->share_id);
        return r ? r : strcmp(a->account, b->account);
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct watch *) a)->name, ((const struct watch *) b)->name);
}

static int by_key(const void *a, const void *b) {
        struct store_key x = key_of(((const struct watch *) a)->task);
        struct store_key y = key_of(((const struct watch *) b)->task);

        return compare_keys(&x, &y);
}

static struct watch *find_name(const struct watches *ws, const char *name) {
        struct watch probe = {.name = (char *) name};
        struct watch **found = tfind(&probe, &ws->by_name, by_name);

        return found ? *found : NULL;
}

static struct watch *find_key(const struct watches *ws, const struct store_key *key) {
        struct task task = {.account = (char *) key->account,
                            .share_id = (char *) key->share_id,
                            .task_id = (char *) key->task_id};
        struct watch probe = {.task = &task};
        struct watch **found = tfind(&probe, &ws->by_key, by_key);

        return found ? *found : NULL;
}

struct walk {
        void (*fn)(struct watch *watch, void *userdata);
        void *userdata;
};

static void on_node(const void *node, VISIT visit, void *walk) {
        const struct walk *w = walk;

        if (visit == postorder || visit == leaf)
                w->fn(*(struct watch *const *) node, w->userdata);
}

/* In order of the names. fn must not add or remove any. */
static void each(const struct watches *ws, void (*fn)(struct watch *watch, void *userdata),
                 void *userdata) {
        twalk_r(ws->by_name, on_node, &(struct walk){fn, userdata});
}

/* ---- states ---- */

static unsigned *counter_of(struct watches *ws, enum watch_state state) {
        switch (state) {
        case WATCH_ACTIVE:
                return &ws->counts.pending;
        case WATCH_FINISHED:
                return &ws->counts.finished;
        default:
                return &ws->counts.invalid;
        }
}

static void set_running(struct watch *w, bool running) {
        w->owner->counts.running += running;
        w->owner->counts.running -= w->running;
        w->running = running;
}

static void set_hook_problem(struct watch *w, bool problem) {
        struct watches *ws = w->owner;

        ws->counts.hook_problems += problem;
        ws->counts.hook_problems -= w->hook_problem;
        w->hook_problem = problem;
        if (ws->counts.hook_problems == 0)
                free(STEAL_PTR(ws->hook_problem));
}

static void set_state(struct watch *w, enum watch_state state) {
        set_running(w, false);
        set_hook_problem(w, false);
        --*counter_of(w->owner, w->state);
        ++*counter_of(w->owner, state);
        w->state = state;
}

static void mark_dirty(struct watch *w) {
        struct watches *ws = w->owner;

        if (!w->dirty) {
                w->dirty = true;
                w->next_dirty = NULL;
                *ws->dirty_last = w;
                ws->dirty_last = &w->next_dirty;
        }
        ws->handler.on_dirty(ws->handler.userdata);
}

static void remove_key(struct watch *w) {
        if (w->keyed)
                (void) tdelete(w, &w->owner->by_key, by_key);
        w->keyed = false;
}

static void end_grace(struct watch *w) {
        if (!w->grace)
                return;
        timer_close(w->owner->timers, &w->grace->timer);
        free(STEAL_PTR(w->grace));
}

/* Its file will not come back: it goes with the next write. */
static void give_up(struct watch *w) {
        w->ended = true;
        mark_dirty(w);
}

static void on_grace_over(struct timer *timer, usec_t now) {
        struct watch *w = container_of(timer, struct grace, timer)->watch;

        (void) now;
        end_grace(w);
        give_up(w);
}

static void start_grace(struct watch *w) {
        w->grace = calloc(1, sizeof(*w->grace));
        if (!w->grace || timer_open(w->owner->timers, &w->grace->timer, on_grace_over) < 0) {
                free(STEAL_PTR(w->grace));
                give_up(w);
                return;
        }
        w->grace->watch = w;
        timer_arm(w->owner->timers, &w->grace->timer, clock_boot() + GRACE);
}

static struct watch *watch_free(struct watch *w) {
        struct watches *ws = w->owner;

        if (find_name(ws, w->name) == w)
                (void) tdelete(w, &ws->by_name, by_name);
        remove_key(w);
        set_running(w, false);
        set_hook_problem(w, false);
        --*counter_of(ws, w->state);
        poll_close(ws->poller, &w->poll);
        end_grace(w);
        task_free(w->task);
        free(w->event_id);
        free(w->name);
        free(w);
        return NULL;
}

static struct watch *watch_new(struct watches *ws, const char *name) {
        struct watch *w = calloc(1, sizeof(*w));

        if (!w)
                return NULL;
        w->owner = ws;
        w->scan = ws->scan;
        ++*counter_of(ws, w->state);
        w->name = strdup(name);
        if (!w->name) {
                --*counter_of(ws, w->state);
                free(w);
                return NULL;
        }
        if (poll_open(ws->poller, &w->poll) < 0 || !tsearch(w, &ws->by_name, by_name))
                return watch_free(w);
        return w;
}

static struct task_limits limits_of(const struct watch *w) {
        struct task_limits limits = w->owner->limits;

        if (w->task->interval_min > 0)
                limits.pace.interval_min = w->task->interval_min;
        if (w->task->interval_max > 0)
                limits.pace.interval_max = w->task->interval_max;
        /* One of the two may be the task's and the other the configuration's: the task's holds. */
        if (limits.pace.interval_min > limits.pace.interval_max) {
                if (w->task->interval_max > 0)
                        limits.pace.interval_min = limits.pace.interval_max;
                else
                        limits.pace.interval_max = limits.pace.interval_min;
        }
        if (w->task->timeout > 0)
                limits.timeout = w->task->timeout;
        return limits;
}

static void start_polling(struct watch *w, usec_t now) {
        struct watches *ws = w->owner;
        struct task_limits limits = limits_of(w);
        usec_t spread = 0;

        if (!account_is_configured(w->account))
                return;
        if (ws->scanning) {
                spread = MIN((usec_t) ws->started * SPREAD_EACH, SPREAD_MAX);
                ws->started++;
        }
        poll_start(ws->poller, &w->poll, w->account,
                   now + (usec_t) (random_share() * (double) spread), limits.pace.interval_min);
}

/* Whether this file is another one than that which the task finished with. */
static bool is_new_file(const struct watch *w, uint64_t inode, int64_t mtime_ns) {
        return taskdir_is_volatile(w->owner->taskdir, w->file.dir) &&
               (w->file.inode != inode || w->file.mtime_ns != mtime_ns);
}

static bool is_duplicate_of(const struct watch *w, const struct watch *of) {
        return w != of && w->state == WATCH_DUPLICATE && !w->leaving && by_key(w, of) == 0;
}

static void remove_one_file(struct watch *w) {
        int r;

        /* A file that is broken now is not the one that has finished. */
        if (!taskdir_is_volatile(w->owner->taskdir, w->file.dir) || w->leaving || w->refused)
                return;
        r = taskdir_remove(w->owner->taskdir, w->name, &w->file);
        if (r < 0 && r != -ENOENT && r != -ESTALE)
                log_warning("%s: its file in %s is finished but cannot be removed (%s); the task "
                            "is remembered as done",
                            w->name, taskdir_path(w->owner->taskdir, w->file.dir), strerror(-r));
}

static void remove_if_duplicate(struct watch *w, void *of) {
        if (is_duplicate_of(w, of) && !w->anew)
                remove_one_file(w);
}

/* Its duplicates go first: one that is left over by a crash would be a registration of its own. */
static void remove_file(struct watch *w) {
        if (w->owner->counts.invalid > 0 && !w->leaving &&
            taskdir_is_volatile(w->owner->taskdir, w->file.dir))
                each(w->owner, remove_if_duplicate, w);
        remove_one_file(w);
}

/* A file that stays, of a task that is done, was written again: maybe to have it asked anew. */
static void tell_finished(struct watch *w) {
        const struct log_field fields[] = {{"KOOWATCH_NAME", w->name},
                                           {"KOOWATCH_EVENT_ID", w->event_id}};

        mark_dirty(w); /* the next start knows the file as it is now */
        if (!w->told_finished)
                log_entry(LEVEL_NOTICE, NULL, fields, ARRAY_LEN(fields),
                          "%s: finished already, so its changed file has no effect; to have it "
                          "asked about again, remove the file and put it back a second later",
                          w->name);
        w->told_finished = true;
}

/* A file of a task that has finished: met again after a restart, or left by the one that stood. */
static void take_up_finished(struct watch *w, const char *event_id) {
        enum delivery_state state = DELIVERY_DONE;
        int r = store_get_delivery_state(w->owner->store, event_id, &state);

        set_state(w, WATCH_FINISHED);
        (void) str_replace(&w->event_id, event_id);
        if (r == -ENOENT || (r == 0 && state != DELIVERY_PENDING))
                remove_file(w);
        else if (r < 0)
                log_warning("%s: the store cannot tell whether its hooks have ended (%s); its file "
                            "stays, and is looked at again at the next start",
                            w->name, store_error(w->owner->store));
}

/* The registration begins, anew or where the store says that it was. */
static void activate(struct watch *w, const struct store_task *stored) {
        struct watches *ws = w->owner;
        usec_t now = clock_boot(), wall = clock_wall();

        set_state(w, WATCH_ACTIVE);
        free(STEAL_PTR(w->event_id));
        w->registered = stored && stored->registered < wall ? stored->registered : wall;
        task_state_init(&w->course, now - (wall - w->registered), now);
        start_polling(w, now);
        if (!stored) {
                mark_dirty(w);
                ws->handler.on_registered(ws->handler.userdata, w);
        }
}

static char *path_of(const struct watch *w) {
        return str_printf("%s/%s.task", taskdir_path(w->owner->taskdir, w->file.dir), w->name);
}

/* Hooks are looked at when a task is read; the runner looks again when it has ended. */
static void check_hooks(struct watch *w) {
        struct watches *ws = w->owner;
        CLEANUP(freep) char *problem = NULL, *path = NULL;
        bool known = w->hook_problem;

        if (w->state == WATCH_ACTIVE && w->task->hooks)
                problem = hook_check_named(ws->hook_directories, w->task->hooks);
        set_hook_problem(w, problem);
        if (!problem)
                return;
        if (!ws->hook_problem)
                ws->hook_problem = str_printf("%s: %s", w->name, problem);
        path = path_of(w);
        if (!known)
                ws->handler.on_hook_problem(ws->handler.userdata, w->name, path ? path : w->name,
                                            problem);
}

static void refuse_duplicate(struct watch *w, const struct watch *other) {
        CLEANUP(freep) char *path = path_of(w);
        CLEANUP(freep) char *theirs = path_of(other);
        CLEANUP(freep)
        char *text = str_printf("%s: the same task as %s, which stands until it goes",
                                path ? path : w->name, theirs ? theirs : other->name);

        set_state(w, WATCH_DUPLICATE);
        w->anew = other->leaving && is_new_file(other, w->file.inode, w->file.mtime_ns);
        if (text && !other->leaving) /* else it is being renamed, or will be out of the way soon */
                w->owner->handler.on_invalid(w->owner->handler.userdata, w->name, text, false);
}

/*
 * A file in a higher directory stands for the task, whoever came first: what members of a group
 * may write must not keep out what root does. The watch goes on under its name.
 */
static void take_over(struct watch *w, struct watch *other) {
        CLEANUP(freep) char *path = path_of(w);
        CLEANUP(freep) char *theirs = path_of(other);
        CLEANUP(freep)
        char *text = str_printf("%s: the same task as %s, which stands because its directory is a "
                                "higher one",
                                theirs ? theirs : other->name, path ? path : w->name);
        bool running = other->running;

        remove_key(other);
        poll_stop(other->owner->poller, &other->poll);
        set_state(other, WATCH_DUPLICATE);
        other->anew = false;
        set_state(w, WATCH_ACTIVE);
        set_running(w, running);
        w->registered = other->registered;
        w->course = other->course;
        w->keyed = tsearch(w, &w->owner->by_key, by_key);
        start_polling(w, clock_boot());
        mark_dirty(w);
        if (text)
                w->owner->handler.on_invalid(w->owner->handler.userdata, other->name, text, false);
}

static bool outranks(const struct watch *w, const struct watch *other) {
        return other && other->state == WATCH_ACTIVE && !other->leaving &&
               w->file.dir < other->file.dir;
}

/* Back to a file that has not been read, so that the next scan reads it. */
static void disenroll(struct watch *w) {
        remove_key(w);
        task_free(STEAL_PTR(w->task));
        set_state(w, WATCH_INVALID);
        w->refused = true;
        w->owner->handler.on_transient_error(w->owner->handler.userdata, "the store",
                                             store_error(w->owner->store));
}

/* A watch with valid settings and no key yet finds its place. */
static void enroll(struct watch *w) {
        struct watches *ws = w->owner;
        struct store_key key = key_of(w->task);
        struct watch *other = find_key(ws, &key);
        struct store_task stored;
        int r;

        if (outranks(w, other)) {
                take_over(w, other);
                check_hooks(w);
                return;
        }
        if (other) {
                refuse_duplicate(w, other);
                return;
        }
        w->keyed = tsearch(w, &ws->by_key, by_key);

        r = store_find_task(ws->store, &key, &stored);
        if (r < 0) {
                disenroll(w);
                return;
        }
        if (r > 0 && !stored.gone && *stored.event_id &&
            !is_new_file(w, stored.inode, stored.mtime_ns)) {
                take_up_finished(w, stored.event_id);
                if (stored.inode != w->file.inode || stored.mtime_ns != w->file.mtime_ns)
                        tell_finished(w);
        } else {
                activate(w, r > 0 && !stored.gone && !*stored.event_id ? &stored : NULL);
        }
        check_hooks(w);
}

/* Its file is there, again or still. */
static void stay(struct watch *w) {
        w->leaving = w->ended = false;
        end_grace(w);
}

/* Its ids have changed: it makes room under its name at once, and ends as if it were gone. */
static void part_from_name(struct watch *w) {
        (void) tdelete(w, &w->owner->by_name, by_name);
        poll_stop(w->owner->poller, &w->poll);
        end_grace(w);
        w->leaving = true;
        if (w->keyed) /* another file may be about to come with its key: two change places */
                start_grace(w);
        else
                give_up(w);
}

/* ---- files ---- */

struct reading {
        const struct task_file *file;
        struct watches *owner;
        bool running; /* there are settings that stay in force */
};

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        const struct reading *reading = userdata;
        struct watches *ws = reading->owner;
        CLEANUP(freep)
        char *full = line > 0 ? str_printf("%s:%u: %s", reading->file->path, line, text)
                              : str_printf("%s: %s", reading->file->path, text);

        if (full && is_error)
                ws->handler.on_invalid(ws->handler.userdata, reading->file->name, full,
                                       reading->running);
        else if (full)
                log_warning("%s", full);
}

static bool has_account(void *userdata, const char *name) {
        const struct reading *reading = userdata;
        struct watches *ws = reading->owner;
        const struct account *account = ws->handler.find_account(ws->handler.userdata, name);

        return account && account_is_configured(account);
}

static struct watch *standing_for(const struct watch *w) {
        struct store_key key = key_of(w->task);

        return find_key(w->owner, &key);
}

/* Settings for a watch that has some already, of the same key. */
static void update(struct watch *w, struct task *task, struct account *account) {
        struct watches *ws = w->owner;

        /* The key's strings are in the old settings: the tree gets the new ones with them. */
        remove_key(w);
        task_free(w->task);
        w->task = task;
        w->account = account;
        if (w->state != WATCH_DUPLICATE)
                w->keyed = tsearch(w, &ws->by_key, by_key);
        else if (outranks(w, standing_for(w)))
                take_over(w, standing_for(w)); /* a file above its own has come */
        check_hooks(w);

        /* What was corrected, a kdstoken or an interval, is tried at once. */
        task_state_reset_failures(&w->course);
        poll_now(ws->poller, &w->poll, clock_boot());
}

static void on_file(void *userdata, const struct task_file *file) {
        struct watches *ws = userdata;
        struct watch *w = find_name(ws, file->name);
        struct reading reading = {file, ws, w && w->task};
        const struct task_file_check check = {has_account, on_fault, &reading};
        struct account *account = NULL;
        struct task_file_id old;
        struct task *task = NULL;
        bool was_leaving;

        if (task_file_read(file, &check, &task) == 0)
                account = ws->handler.find_account(ws->handler.userdata, account_of(task));
        if (w && w->task && task) {
                struct store_key old_key = key_of(w->task), new_key = key_of(task);

                if (compare_keys(&old_key, &new_key) != 0) {
                        part_from_name(w);
                        w = NULL;
                }
        }
        if (!w)
                w = watch_new(ws, file->name);
        if (!w) {
                log_error("%s: no memory to watch it; it is tried again at the next reload",
                          file->path);
                task_free(task);
                return;
        }

        was_leaving = w->leaving;
        stay(w);
        old = w->file;
        w->file = file->id;
        w->scan = ws->scan;
        w->refused = !task;
        if (task && !w->task) {
                w->task = task;
                w->account = account;
                enroll(w);
        } else if (task) {
                update(w, task, account);
                if (w->state == WATCH_FINISHED && is_new_file(w, old.inode, old.mtime_ns))
                        activate(w, NULL);
                else if (w->state == WATCH_FINISHED && old.mtime_ns != w->file.mtime_ns)
                        tell_finished(w);
        }
        if (was_leaving && w->state == WATCH_ACTIVE && !poll_is_started(&w->poll))
                start_polling(w, clock_boot());
}

static void on_gone(void *userdata, const char *name) {
        struct watches *ws = userdata;
        struct watch *w = find_name(ws, name);

        if (!w || w->leaving)
                return;
        w->leaving = true;
        poll_stop(ws->poller, &w->poll);
        start_grace(w);
}

static bool on_seen(void *userdata, const char *name, const struct task_file_id *id) {
        struct watches *ws = userdata;
        struct watch *w = find_name(ws, name);

        if (!w || w->leaving || w->refused || w->file.dir != id->dir ||
            w->file.inode != id->inode || w->file.mtime_ns != id->mtime_ns ||
            w->file.size != id->size)
                return false;
        w->scan = ws->scan;
        return true;
}

static int dir_of(void *userdata, const char *name) {
        const struct watch *w = find_name(userdata, name);

        return w && !w->leaving ? (int) w->file.dir : -1;
}

static void on_scan(void *userdata) {
        struct watches *ws = userdata;

        ws->scan++;
        ws->scanning = true;
        ws->started = 0;
}

static void leave_if_unseen(struct watch *w, void *unreadable) {
        if (w->scan != w->owner->scan && !(*(uint32_t *) unreadable & UINT32_C(1) << w->file.dir))
                on_gone(w->owner, w->name);
}

static void orphan_free(struct orphan *o) {
        free(o->account);
        free(o->share_id);
        free(o->task_id);
        free(o);
}

static void find_orphan(void *userdata, const struct store_key *key, const char *name) {
        struct watches *ws = userdata;
        const struct watch *namesake;
        struct orphan *o;

        if (find_key(ws, key))
                return;
        /* A file that is invalid now may be the one: it is not forgotten for a slip of the pen. */
        namesake = find_name(ws, name);
        if (namesake && !namesake->task)
                return;

        o = calloc(1, sizeof(*o));
        if (!o)
                return;
        o->account = strdup(key->account);
        o->share_id = strdup(key->share_id);
        o->task_id = strdup(key->task_id);
        if (!o->account || !o->share_id || !o->task_id) {
                orphan_free(o);
                return;
        }
        o->next = ws->orphans;
        ws->orphans = o;
}

static void on_scanned(void *userdata, uint32_t unreadable) {
        struct watches *ws = userdata;

        ws->scanning = false;
        each(ws, leave_if_unseen, &unreadable);
        if (!ws->reconciled && unreadable == 0) {
                ws->reconciled = true;
                if (store_each_task(ws->store, find_orphan, ws) < 0)
                        log_error("the store cannot tell which registrations have lost their "
                                  "files (%s); it is asked again at the next start",
                                  store_error(ws->store));
        }
        ws->handler.on_dirty(ws->handler.userdata);
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        struct watches *ws = userdata;

        ws->handler.on_transient_error(ws->handler.userdata, what, why);
}

static void on_stray(void *userdata, const char *path) {
        struct watches *ws = userdata;

        ws->handler.on_stray(ws->handler.userdata, path);
}

struct taskdir_handler watches_taskdir_handler(struct watches *ws) {
        return (struct taskdir_handler){
                .on_seen = on_seen,
                .dir_of = dir_of,
                .on_file = on_file,
                .on_gone = on_gone,
                .on_scan = on_scan,
                .on_scanned = on_scanned,
                .on_stray = on_stray,
                .on_transient_error = on_transient_error,
                .userdata = ws,
        };
}

/* ---- the store ---- */

struct search {
        const struct watch *of;
        struct watch *found;
};

static void match_duplicate(struct watch *w, void *userdata) {
        struct search *s = userdata;

        if (is_duplicate_of(w, s->of) && (!s->found || w->file.dir < s->found->file.dir))
                s->found = w;
}

static struct watch *find_duplicate(const struct watch *of) {
        struct search s = {.of = of};

        /* Duplicates are mistakes: rare enough to look at all, and only when there is one. */
        if (of->keyed && of->owner->counts.invalid > 0)
                each(of->owner, match_duplicate, &s);
        return s.found;
}

static int write_one(struct watch *w) {
        struct store_key key;
        struct store_task task = {
                .registered = w->registered,
                .inode = w->file.inode,
                .mtime_ns = w->file.mtime_ns,
        };

        if (!w->keyed)
                return 0;
        key = key_of(w->task);
        if (w->ended)
                return find_duplicate(w) ? 0 : store_drop_task(w->owner->store, &key, clock_wall());
        if (w->event_id)
                (void) snprintf(task.event_id, sizeof(task.event_id), "%s", w->event_id);
        return store_put_task(w->owner->store, &key, w->name, &task);
}

int watches_write(struct watches *ws) {
        int r = 0;

        for (struct watch *w = ws->dirty_first; w && r == 0; w = w->next_dirty)
                r = write_one(w);
        for (struct orphan *o = ws->orphans; o && r == 0; o = o->next) {
                struct store_key key = {o->account, o->share_id, o->task_id};

                /* Its file may have come while the store could not be written. */
                if (!find_key(ws, &key))
                        r = store_drop_task(ws->store, &key, clock_wall());
        }
        return r;
}

/*
 * The watch goes; a duplicate that has waited takes its place, and goes on where it
 * was. Its file has been there all along: a task that is done stays done.
 */
static void end_watch(struct watch *w) {
        CLEANUP(freep) char *event_id = STEAL_PTR(w->event_id);
        struct watch *heir = find_duplicate(w);
        struct task_state course = w->course;
        bool active = w->state == WATCH_ACTIVE;

        (void) watch_free(w);
        if (!heir)
                return;
        if (event_id) {
                heir->keyed = tsearch(heir, &heir->owner->by_key, by_key);
                if (heir->anew)
                        activate(heir, NULL);
                else
                        take_up_finished(heir, event_id);
        } else {
                enroll(heir);
                if (active && heir->state == WATCH_ACTIVE)
                        heir->course = course;
        }
        mark_dirty(heir); /* the store knows the task by another name */
}

void watches_written(struct watches *ws) {
        struct watch *w = STEAL_PTR(ws->dirty_first), *ended = NULL, *next;
        struct orphan *o;

        /* All are clean before any ends: its heir may be one of them, and has news again. */
        ws->dirty_last = &ws->dirty_first;
        for (; w; w = next) {
                next = w->next_dirty;
                w->dirty = false;
                if (w->ended) {
                        w->next_dirty = ended;
                        ended = w;
                }
        }
        for (w = ended; w; w = next) {
                next = w->next_dirty;
                end_watch(w);
        }
        while ((o = ws->orphans)) {
                ws->orphans = o->next;
                orphan_free(o);
        }
}

/* ---- the whole ---- */

int watches_new(struct timers *timers, struct store *store, struct poller *poller,
                const struct watches_handler *handler, struct watches **ret) {
        struct watches *ws = calloc(1, sizeof(*ws));

        if (!ws)
                return -ENOMEM;
        ws->timers = timers;
        ws->store = store;
        ws->poller = poller;
        ws->handler = *handler;
        ws->dirty_last = &ws->dirty_first;
        *ret = ws;
        return 0;
}

void watches_free(struct watches *ws) {
        struct watch *w, *next;
        struct orphan *o;

        if (!ws)
                return;
        /* Those that have parted from their names are reached through the list alone. */
        for (w = ws->dirty_first; w; w = next) {
                next = w->next_dirty;
                (void) watch_free(w);
        }
        while (ws->by_name)
                (void) watch_free(*(struct watch **) ws->by_name); /* the root's, see tsearch(3) */
        while (ws->by_key)
                (void) watch_free(*(struct watch **) ws->by_key);
        while ((o = ws->orphans)) {
                ws->orphans = o->next;
                orphan_free(o);
        }
        free(ws->hook_problem);
        free(ws);
}

void watches_configure(struct watches *ws, const struct task_limits *limits,
                       const char *hook_directories) {
        ws->limits = *limits;
        ws->hook_directories = hook_directories;
}

static void check_hooks_again(struct watch *w, void *all) {
        if (*(bool *) all || w->hook_problem)
                check_hooks(w);
}

void watches_check_hooks(struct watches *ws, bool all) {
        if (!all && ws->counts.hook_problems == 0)
                return;
        free(STEAL_PTR(ws->hook_problem));
        each(ws, check_hooks_again, &all);
}

const char *watches_hook_problem(const struct watches *ws) {
        return ws->hook_problem;
}

static void move_to_taskdir(struct watch *w, void *taskdir) {
        int dir = taskdir_find(taskdir, taskdir_path(w->owner->taskdir, w->file.dir));

        if (dir < 0)
                on_gone(w->owner, w->name);
        w->file.dir = dir < 0 ? 0 : (unsigned) dir;
}

void watches_set_taskdir(struct watches *ws, struct taskdir *taskdir) {
        if (ws->taskdir)
                each(ws, move_to_taskdir, taskdir);
        ws->taskdir = taskdir;
}

static void check_account(struct watch *w, void *userdata) {
        (void) userdata;

        if (w->state != WATCH_ACTIVE || w->leaving)
                return;
        if (!account_is_configured(w->account)) {
                if (poll_is_started(&w->poll))
                        log_warning("%s: [Account %s] is no longer configured, it waits until it "
                                    "is again",
                                    w->name, account_name(w->account));
                poll_stop(w->owner->poller, &w->poll);
        } else if (!poll_is_started(&w->poll)) {
                start_polling(w, clock_boot());
        }
}

void watches_check_accounts(struct watches *ws) {
        each(ws, check_account, NULL);
}

struct watch_counts watches_count(const struct watches *ws) {
        struct watch_counts counts = ws->counts;

        counts.pending -= counts.running;
        return counts;
}

struct watch *watch_of_poll(struct poll *poll) {
        return container_of(poll, struct watch, poll);
}

const char *watch_name(const struct watch *w) {
        return w->name;
}

const struct task *watch_task(const struct watch *w) {
        return w->task;
}

struct account *watch_account(const struct watch *w) {
        return w->account;
}

char *watch_path(const struct watch *w) {
        return path_of(w);
}

usec_t watch_registered(const struct watch *w) {
        return w->registered;
}

const struct task_state *watch_state(const struct watch *w) {
        return &w->course;
}

const char *watch_kdstoken(struct watch *w) {
        /* A file that cannot be read now leaves the token that was read last. */
        if (w->task->kdstoken_file)
                (void) task_file_load_kdstoken(w->task);
        return w->task->kdstoken;
}

struct task_verdict watch_observe(struct watch *w, usec_t now, const struct koodrive_answer *answer,
                                  double random) {
        struct task_limits limits = limits_of(w);

        set_running(w, answer->status == KOODRIVE_STATUS_RUNNING);
        return task_state_update(&w->course, &limits, now, answer, random);
}

struct task_verdict watch_fault(struct watch *w, usec_t now, const struct koodrive_answer *answer,
                                double random) {
        struct task_limits limits = limits_of(w);

        return task_state_fail(&w->course, &limits, now, answer, random);
}

void watch_finish(struct watch *w, char *event_id) {
        free(w->event_id);
        w->event_id = event_id;
        set_state(w, WATCH_FINISHED);
        mark_dirty(w);
}

void watches_delivered(struct watches *ws, const char *name, const char *event_id) {
        struct watch *w = find_name(ws, name);

        if (w && w->state == WATCH_FINISHED && w->event_id && streq(w->event_id, event_id))
                remove_file(w);
}
