#pragma once
/*
 * Registry: which file stands for which task
 *
 * Follows the task directories and keeps an entry for each file: which is watched,
 * finished, invalid or a duplicate of another one, and since when. Of files with the same
 * key (account, share, task) one owns it: the one in the highest directory, and within a
 * directory the one that came first; when its file goes, a duplicate succeeds it.
 *
 * A key is done while a file with it exists. In directories whose finished files are
 * removed (STATE/tasks.d, below /run) another file, by inode or mtime, is a new
 * registration, unless the one with which the task has finished is still there. The life of an
 * entry is drawn in entry.h.
 *
 * What has changed is written by commit.c: registry_collect(), and registry_committed()
 * when that has ended, however long it took and whatever happened in between.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/util.h"

struct account;
struct deliveries;
struct dirwatch;
struct metrics;
struct poller;
struct registry;
struct registry_handler;
struct report;
struct store;
struct store_batch;
struct store_source;
struct task_limits;
struct timers;

/* All borrowed. */
struct registry_modules {
        struct timers *timers;
        struct dirwatch *dirwatch; /* NULL: changes are found by looking alone */
        struct store *store;
        struct poller *poller;
        struct deliveries *deliveries;
        struct report *report;
        struct metrics *metrics;
        int64_t boot; /* see boot-id.h */
};

/* Returns 0 or a negative errno. */
int registry_new(const struct registry_modules *modules, struct registry **ret);
/* Accepts NULL. */
void registry_free(struct registry *registry);
DEFINE_CLEANUP(struct registry *, registry_free)

/* Who is called from now on; copied. */
void registry_set_handler(struct registry *registry, const struct registry_handler *handler);

/*
 * Limits for tasks that set none, from now on also for those that run, and where hooks are
 * (borrowed until the next call).
 */
void registry_configure(struct registry *registry, const struct task_limits *limits,
                        const char *hook_directories);
/* As taskdir_configure(). */
int registry_set_directories(struct registry *registry, const char *directories,
                             const char *state_tasks);
/* Reads the task directories before it returns, or in pieces. */
void registry_scan(struct registry *registry);
void registry_look(struct registry *registry);
/* Accounts have come or gone: stops what has none any more, and resumes what has one again. */
void registry_check_accounts(struct registry *registry);
/* Looks at all hooks, those that tasks name and those of events, and warns of what would not run.
 */
void registry_check_hooks(struct registry *registry);
/* "photos: Hook=mail is not there" of one of those with a problem; NULL: none. */
const char *registry_hook_problem(const struct registry *registry);

/* As taskdir_each_trouble(). */
void registry_each_directory_trouble(const struct registry *registry,
                                     void (*fn)(void *userdata, const char *path,
                                                const char *trouble),
                                     void *userdata);

/*
 * Adds what has changed to the batch, which is then to be written. One batch at a time.
 * Returns 0 or -ENOMEM: then the batch is not to be written, and all is as before.
 */
int registry_collect(struct registry *registry, struct store_batch *batch);
/* The batch has been written, or not: then all of it is collected again. */
void registry_committed(struct registry *registry, bool written);

/* The delivery of an event is done: its file is removed where finished files are. */
void registry_on_delivered(void *registry, json_object *event);
/* Likewise, it was given up. */
void registry_on_parked(void *registry, json_object *event);

/*
 * The other nodes, where the store is shared (fleet.h). What it has of this one's files, and that
 * this was all; one of another node's, of an account that this node has or is about to have,
 * returning 0 or -ENOMEM; and that it has another account from now on, all whose files are known.
 */
void registry_found_own(struct registry *registry, const struct store_source *source);
void registry_found_all_own(struct registry *registry);
int registry_put_remote(struct registry *registry, const struct store_source *source);
/* One of another node's could not be looked up, and is to be put once more. */
bool registry_misses_remote(const struct registry *registry);
/* For lack of memory the others do not know of a change of this node's files. */
bool registry_has_untold(const struct registry *registry);
int registry_take_account(struct registry *registry);
/* Others may have delivered what this node has seen end; to be called every few seconds. */
void registry_look_at_finished(struct registry *registry);

/* A file of that name was published a moment ago: it is read at once. */
void registry_notice(struct registry *registry, const char *name);
/*
 * Removes a task's file, as if its owner had done that: what it stands for ends. Returns 0, -ESTALE
 * when it is another one by now, or another negative errno.
 */
int registry_remove(struct registry *registry, const char *name);

/* For task-facts.h, borrowed. */
struct enrollment;
const struct enrollment *registry_enrollment(const struct registry *registry);

struct registry_counts {
        unsigned pending, running;  /* watched; by taskStatus */
        unsigned finished, invalid; /* duplicates among this node's files are invalid */
        unsigned elsewhere;         /* another node polls their account */
        unsigned hook_problems;     /* watched, with a Hook= that would not run */
};
struct registry_counts registry_count(const struct registry *registry);
