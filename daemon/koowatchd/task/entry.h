#pragma once
/*
 * Entry: what is known of one task file, and the tables by which entries are found
 *
 * By the file's name (those of other nodes by node and path), and by the task's key (account,
 * share, task): for each key one entry at most owns it, and is the one that is watched or done.
 *
 * The life of an entry, in the states of enum entry_state. Those in the second line own
 * their key; an entry that does not is dropped as soon as its file is gone.
 *
 *      INVALID <--> DUPLICATE, LATE_DUPLICATE          a file is read
 *         ^  \          |           ^
 *         |   \         v           |  a file in a higher directory takes over
 *         +--- LOOKUP ----------> ACTIVE ------------> FINISHED <-> LOOKUP
 *                 |               |    ^   outcome      |    ^  \
 *                 |         gone  v    |  back    gone  v    |   \ another file:
 *                 |            ACTIVE_MISSING     FINISHED_MISSING    ACTIVE again
 *                 |                    |                |
 *                 |                    |   half a second
 *                 |                    v                v
 *                 +--- gone -------> TO_DELETE <--------+
 *
 * From TO_DELETE it goes with the next commit, unless its file is back before that.
 *
 * Where several nodes share the store, an entry is ELSEWHERE from when its file is read until this
 * node has its account; it goes on as one whose file has just been read.
 */
#include <stdbool.h>
#include <sys/queue.h>

#include "common/index.h"
#include "common/timespan.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/watch.h"

struct entry_wait;
struct sources;

enum entry_state {
        ENTRY_INVALID,          /* no valid settings have been read */
        ENTRY_DUPLICATE,        /* another entry owns its key */
        ENTRY_LATE_DUPLICATE,   /* likewise; its file came when the finished owner's had gone */
        ENTRY_ELSEWHERE,        /* this node has not its account */
        ENTRY_LOOKUP,           /* the store is asked what it knows of the key */
        ENTRY_ACTIVE,           /* watched */
        ENTRY_ACTIVE_MISSING,   /* its file is gone, for a moment perhaps: an editor saves it */
        ENTRY_FINISHED,         /* its outcome is known */
        ENTRY_FINISHED_MISSING, /* likewise */
        ENTRY_TO_DELETE,        /* its file is gone for good */
        ENTRY_STATES
};

struct entry {
        /* A reference to its file, or once that is missing, to the one that was read last; and the
         * settings in force, NULL: INVALID. */
        struct watch_subject is;
        union {
                struct {
                        struct watch *watch;   /* ACTIVE; FINISHED until that is on disk */
                        struct watch_end *end; /* FINISHED */
                };
                LIST_ENTRY(entry) duplicate; /* of entries::duplicates: (LATE_)DUPLICATE */
        };
        struct entry_wait *wait; /* LOOKUP, *_MISSING */
        TAILQ_ENTRY(entry) link; /* of the list of changed ones, or of those in a commit */
        enum entry_state state : 8;
        bool file_invalid : 1;     /* the file as it is now; the settings are an earlier one's */
        bool is_named : 1;         /* found by its name */
        bool is_dirty : 1;         /* differs from the store */
        bool in_commit : 1;        /* a write of it is under way */
        bool is_deleted : 1;       /* that write deletes it, ... */
        bool is_dropped : 1;       /* ... and the task with it, which has no successor */
        bool is_successor : 1;     /* that write puts it in the place of the owner of its key */
        bool has_hook_problem : 1; /* counted as such */
        bool has_left_file : 1; /* counted as such: FINISHED or gone, and its file is to be removed
                                 */
        bool is_parked : 1;     /* FINISHED: its delivery was given up; its file may be corrected */
        bool reported_finished : 1; /* that its changed file has no effect */
};

struct entries {
        struct index by_name, by_key;
        LIST_HEAD(, entry) duplicates; /* mistakes, and few: looked through for those of one key */
        unsigned counts[ENTRY_STATES];
        unsigned hook_problems, left_files;
        unsigned remote_duplicates; /* which are no mistakes, and not shown */
        struct sources *sources;    /* NULL: no other node shares the store */
        struct watch_shared shared; /* kept by whoever has the entries; an entry finds them by it */
};

static inline struct entries *entry_table(const struct entry *entry) {
        return container_of(entry->is.shared, struct entries, shared);
}

void entries_init(struct entries *entries);
/* Frees all entries, also those that have lost their names. */
void entries_clear(struct entries *entries);

/* With a reference to file, found by its name, INVALID. NULL when memory is short. */
struct entry *entry_new(struct entries *entries, struct taskdir_file *file);
void entry_free(struct entry *entry);

/* Of this node's files. */
struct entry *entries_find_name(const struct entries *entries, const char *name);
/* Whether somebody who asks for tasks is to see it. */
bool entry_is_shown(const struct entry *entry);
/*
 * The one that a name stands for where tasks are shown, but for except (NULL: none is left out):
 * of this node's file, or where that is not there, of the first node that has one. NULL: there is
 * none.
 */
const struct entry *entries_find_shown(const struct entries *entries, const char *name,
                                       const struct entry *except);
/* With this name and, if it is another node's, this node and path. */
struct entry *entries_find_file(const struct entries *entries, const struct taskdir_file *file);
struct entry *entries_find_key(const struct entries *entries, const struct store_key *key);
/* The owner of the key that the entry's task has, or NULL. */
struct entry *entry_owner(const struct entry *entry);

/* How it has ended, in whatever state it is; NULL: it has not. */
const struct watch_end *entry_end(const struct entry *entry);

/* All that are found by a name, in no order; see index_next(). */
struct entry *entries_next(const struct entries *entries, size_t *at);

/* The key of a task's settings; borrowed from them, and from the view, which it fills. */
struct store_key task_key(const struct task_record *task, struct task_view *view);

/* Whether it, a duplicate, waits for the owner's key. */
bool entry_is_duplicate_of(const struct entry *entry, const struct entry *owner);
bool entries_have_duplicates(const struct entries *entries);
/*
 * The duplicate that is to succeed the owner of its key: in the highest directory, and of the
 * first name there; NULL: there is none.
 */
struct entry *entry_find_successor(const struct entry *owner);

/* Takes a step in the life above. */
void entry_set_state(struct entry *entry, enum entry_state state);
bool entry_owns_key(const struct entry *entry);
/* A remote duplicate of it has this file. */
bool entry_has_remote_duplicate(const struct entry *owner, uint64_t inode, int64_t mtime_ns);
/* Nothing is known of its file for now, which is to be read again. */
bool entry_is_left(const struct entry *entry);
/* Its file is gone, for good or not. */
bool entry_is_missing(const struct entry *entry);

/*
 * Makes it the owner of its task's key, which nobody owns, and LOOKUP. Returns 0 or -ENOMEM.
 * From LOOKUP it is led on by entry_set_state(), also by giving the key up again.
 */
int entry_claim_key(struct entry *entry);
/* Takes over the other's key and its watch: ACTIVE, or LOOKUP as the other was, which is DUPLICATE.
 */
void entry_take_key(struct entry *entry, struct entry *other);

/* Another file has its name: it is found by its key alone. */
void entry_detach_name(struct entry *entry);
/* Puts the file in the place of the one before, which the caller gets with its reference. */
struct taskdir_file *entry_set_file(struct entry *entry, struct taskdir_file *file);
void entry_set_hook_problem(struct entry *entry, bool has_problem);
void entry_set_left_file(struct entry *entry, bool has_left_file);
