#pragma once
/*
 * Hook problems: tasks that are watched and name a hook that would not run
 *
 * Hooks are looked at when a task is read, and again when their directories have changed; the
 * runner looks again when the task has ended.
 */
#include <stdbool.h>
#include <stdint.h>

struct entries;
struct entry;
struct taskdir;

struct hook_problems {
        struct entries *entries;
        const char *directories; /* borrowed; of hooks */
        char *text;              /* "photos: Hook=mail is not there", of one of them */
        uint64_t fingerprint;    /* of the directories, when all were checked last */
};

/* Checks what the entry names; reports a problem that it did not have before. */
void hook_problems_check(struct hook_problems *problems, struct entry *entry,
                         const struct taskdir *taskdir);
/* All that are watched. */
void hook_problems_check_all(struct hook_problems *problems, const struct taskdir *taskdir);
/*
 * All of them if the directories have changed since, else those that had a problem. Returns
 * whether they have.
 */
bool hook_problems_look(struct hook_problems *problems, const struct taskdir *taskdir);
void hook_problems_clear(struct hook_problems *problems);
/* Of one that has a problem, in words; NULL: there is none. */
const char *hook_problems_text(const struct hook_problems *problems);
