#pragma once
/*
 * Enrollment: which entry is watched for a task, and what becomes of it
 *
 * Leads entries through the life that is drawn in entry.h: whether an entry owns its key or
 * is a duplicate, what the store knows of the key, when it is watched, and who succeeds it.
 */
#include <stdbool.h>

#include "koowatchd/task/entry-changes.h"
#include "koowatchd/task/entry-wait.h"
#include "koowatchd/task/entry.h"
#include "koowatchd/task/hook-problems.h"
#include "koowatchd/task/registry-handler.h"
#include "koowatchd/task/watch.h"

struct store;
struct taskdir;

struct enrollment {
        struct registry_handler handler;
        struct store *store;     /* borrowed */
        struct taskdir *taskdir; /* borrowed */
        struct entries entries;
        struct entry_changes changes;
        struct entry_waits waits;
        struct hook_problems hook_problems;
        bool scanning;    /* files are read that may be many */
        unsigned started; /* polls, since that began */
        unsigned looked;  /* at the parts of entries, by enrollment_look_at_finished() */
};

/* shared: copied but for its callbacks. */
void enrollment_init(struct enrollment *enrollment, struct timers *timers, struct store *store,
                     struct taskdir *taskdir, const struct watch_shared *shared);
void enrollment_clear(struct enrollment *enrollment);

/* What is shown of the task of that name has changed. */
void enrollment_tell(const struct enrollment *enrollment, enum registry_change change,
                     const char *name);

/* The file is invalid; running: earlier settings stay in force. */
void enrollment_report_invalid(struct enrollment *enrollment, const char *name, const char *text,
                               bool running);

/* The entry has got its first valid settings (taken over). */
void enrollment_add(struct entry *entry, struct task_record *task);
/* It has got others of the same key (taken over); old: the file of those before. */
void enrollment_update(struct entry *entry, struct task_record *task,
                       const struct taskdir_file *old);
/* Its file was read, whatever is in it. */
void enrollment_resume(struct entry *entry);
/* No file stands for it any more: it is dropped, now or later. */
void enrollment_leave(struct entry *entry);

/* ---- steps of one entry, for those who go through all of them ---- */

static inline struct enrollment *enrollment_of(const struct entry *entry) {
        return container_of(entry_table(entry), struct enrollment, entries);
}

struct account *enrollment_account(const struct entry *entry);
/* Whether this node polls its account. */
bool enrollment_is_ours(const struct entry *entry);
/* An entry with valid settings, and without a key, finds its place. */
void enrollment_enroll(struct entry *entry);
/* In state LOOKUP. */
void enrollment_look_up(struct entry *entry);
void enrollment_start_polling(struct entry *entry);
