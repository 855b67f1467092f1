#pragma once
/*
 * Watches: the table of registrations
 *
 * The one owner of what is known of each task file, by the file's name and by the
 * task's key (account, share, task): which is watched, which is finished, invalid
 * or a duplicate of another one, and since when. It is told of files by the task
 * directories and keeps the store's registrations up to date.
 *
 * A key is done while a file with it exists. In directories whose finished files
 * are removed (STATE/tasks.d, below /run) another file, by inode or mtime, is a
 * new registration. A file that disappears is not polled any more at once; its
 * watch ends half a second later, because an editor may be saving it.
 *
 * Writing is in two steps, as for deliveries: watches_write() inside a
 * transaction, watches_written() after it.
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/timespan.h"
#include "koowatchd/account/account.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/task-state.h"
#include "koowatchd/task/task.h"
#include "koowatchd/task/taskdir.h"

struct watches;
struct watch;

struct watches_handler {
        /* The account of that name, configured or not; NULL: there is none. */
        struct account *(*find_account)(void *userdata, const char *name);
        /* A new registration (not one that is taken up again after a restart). */
        void (*on_registered)(void *userdata, struct watch *watch);
        /* A file was refused. text names file and line; running: its former settings stay in force.
         */
        void (*on_invalid)(void *userdata, const char *name, const char *text, bool running);
        /* A task that is watched names a hook that would not run: once, until that is cured. */
        void (*on_hook_problem)(void *userdata, const char *name, const char *path,
                                const char *problem);
        /* The number or kind of watches changed, and there may be something to write. */
        void (*on_dirty)(void *userdata);
        /* A file in a task directory whose name is not a task file's. */
        void (*on_stray)(void *userdata, const char *path);
        /* Something could not be read that may be readable in a moment: scan again then. */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        void *userdata;
};

/* Borrows timers, store and poller. Returns 0 or a negative errno. */
int watches_new(struct timers *timers, struct store *store, struct poller *poller,
                const struct watches_handler *handler, struct watches **ret);
void watches_free(struct watches *watches);
DEFINE_CLEANUP(struct watches *, watches_free)

/*
 * The defaults for tasks that set none, from now on also for those that run. hook_directories is
 * borrowed until the next call.
 */
void watches_configure(struct watches *watches, const struct task_limits *limits,
                       const char *hook_directories);
/* Looks again at the hooks of tasks: of all that are watched, or of those that had a problem. */
void watches_check_hooks(struct watches *watches, bool all);
/* "photos: Hook=mail is not there" of one of those counted as such; NULL: none. */
const char *watches_hook_problem(const struct watches *watches);
/* The handler for taskdir_new(); taskdir is set as soon as that has returned. */
struct taskdir_handler watches_taskdir_handler(struct watches *watches);
/* Takes another one; what lay in directories that it has not is gone. The old one must still be
 * there. */
void watches_set_taskdir(struct watches *watches, struct taskdir *taskdir);
/* Accounts have come or gone: stops what has none any more, and goes on with what has one again. */
void watches_check_accounts(struct watches *watches);

int watches_write(struct watches *watches);
void watches_written(struct watches *watches);

struct watch_counts {
        unsigned pending, running;  /* watched; by taskStatus */
        unsigned finished, invalid; /* duplicates are invalid */
        unsigned hook_problems;     /* watched, with a Hook= that would not run */
};
struct watch_counts watches_count(const struct watches *watches);

/* The watch whose poll this is. */
struct watch *watch_of_poll(struct poll *poll);

/* Who it is. Borrowed until the watch changes. */
const char *watch_name(const struct watch *watch);
const struct task *watch_task(const struct watch *watch);
struct account *watch_account(const struct watch *watch);
/* The path of its file; the caller frees it. NULL when memory is short. */
char *watch_path(const struct watch *watch);
/* Since when it is registered, wall clock. */
usec_t watch_registered(const struct watch *watch);
const struct task_state *watch_state(const struct watch *watch);

/* The kdstoken to send, read again from KdsTokenFile= where that is set; NULL: none. */
const char *watch_kdstoken(struct watch *watch);

/* An answer about the task; see task_state_update() and task_state_fail(). */
struct task_verdict watch_observe(struct watch *watch, usec_t now,
                                  const struct koodrive_answer *answer, double random);
struct task_verdict watch_fault(struct watch *watch, usec_t now,
                                const struct koodrive_answer *answer, double random);

/* It has ended under this event id (taken over): polled no more, done with the next write. */
void watch_finish(struct watch *watch, char *event_id);

/* The delivery of an event is over: its file is removed where finished files are. */
void watches_delivered(struct watches *watches, const char *name, const char *event_id);
