#pragma once
/*
 * Task facts: what an administrator is told of a task, as the registry knows it now
 *
 * Facts are borrowed from the registry: they hold until the next turn of the loop. What is in a
 * task's file is read from it again each time, by whoever wants it.
 */
#include <stdbool.h>

#include "koowatchd/task/task-record.h"
#include "koowatchd/task/watch.h"

struct account;
struct enrollment;
struct entry;
struct store_key;
struct task_file;
struct watch_end;

enum task_shown { TASK_PENDING, TASK_RUNNING, TASK_FINISHED, TASK_INVALID };

/* "pending", "running", "finished", "invalid". */
const char *task_shown_name(enum task_shown shown);

struct task_facts {
        const char *name;
        enum task_shown state;
        bool has_settings;
        struct task_view view; /* with its ids, if it has_settings */
        bool is_watched;
        struct watch_facts watch;    /* if it is_watched */
        const struct watch_end *end; /* NULL: it has not ended */
        bool is_elsewhere; /* this node does not poll its account, nor knows whether it has ended */
        const char *node;  /* that has its file; NULL: this one */
        bool removes_finished; /* its file is removed when it is finished and delivered */
        bool file_is_valid;
        const struct entry *entry;
};

/*
 * Returns whether there is a task of that name: of this node's file, or where it has none, of
 * another node's that this one polls for; *ret is not to be copied.
 */
bool task_facts_find(const struct enrollment *enrollment, const char *name, struct task_facts *ret);

/* Where its file is. The caller frees it; NULL when memory is short. */
char *task_facts_path(const struct enrollment *enrollment, const struct task_facts *facts);
/*
 * What is wrong with its file, or whose duplicate it is, as far as that can be told now. The
 * caller frees it; NULL: nothing, or memory is short.
 */
char *task_facts_problem(const struct enrollment *enrollment, const struct task_facts *facts);
/* The samples of its progress, if it is watched. As watch_notes_samples(). */
char *task_facts_samples(const struct task_facts *facts);

/* Reads its file. on_file is called once, unless a negative errno is returned: it is not there, or
 * is another node's. */
int task_facts_read(const struct enrollment *enrollment, const struct task_facts *facts,
                    void (*on_file)(void *userdata, const struct task_file *file), void *userdata);

/* The little that tells whether a task is wanted; borrowed for the call. */
struct task_brief {
        const char *name;
        const char *account; /* NULL: not known */
        enum task_shown state;
        bool is_elsewhere; /* this node does not poll its account: it may have finished */
};

/*
 * Each task of one part of them, in no order; there are INDEX_PARTS parts (index.h). Tasks that
 * come or go between two parts may be among them or not; the others are in one part, once.
 */
void task_facts_walk(const struct enrollment *enrollment, unsigned part,
                     void (*on_task)(void *userdata, const struct task_brief *task),
                     void *userdata);

/* The account of that name; NULL: it is not configured. */
struct account *task_facts_account(const struct enrollment *enrollment, const char *name);

/* The file that has the name, read already or not. The caller frees it; NULL: there is none. */
char *task_facts_path_of_name(const struct enrollment *enrollment, const char *name);
/* The task with this key whose file is there. Borrowed; NULL: there is none. */
const char *task_facts_name_of_key(const struct enrollment *enrollment,
                                   const struct store_key *key);

/* Asks about the task now, as far as its account allows. Returns 0; -ENOENT: there is no such
 * task; -EALREADY: it has ended; -EAGAIN: it is not asked about now. */
int task_facts_poll(const struct enrollment *enrollment, const char *name);
