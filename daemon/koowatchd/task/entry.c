#include "koowatchd/task/entry.h"

#include <assert.h>

#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/watch.h"

/* ---- the tables ---- */

struct store_key task_key(const struct task_record *task, struct task_view *view) {
        task_record_view(task, view);
        task_view_ids(view);
        return (struct store_key){
                .account = view->account,
                .share_id = view->share_id,
                .task_id = view->task_id,
        };
}

/* All of one name are found by it; each node has one. */
static uint64_t file_hash(const struct taskdir_file *file) {
        return hash_text(file->name, HASH_START);
}

static uint64_t name_hash(const void *entry) {
        return file_hash(((const struct entry *) entry)->is.file);
}

static bool name_matches(const void *entry, const void *name) {
        const struct taskdir_file *file = ((const struct entry *) entry)->is.file;

        return !file->is_remote && streq(file->name, name);
}

static bool file_matches(const void *entry, const void *other) {
        const struct taskdir_file *a = ((const struct entry *) entry)->is.file, *b = other;

        if (!b->is_remote)
                return name_matches(entry, b->name);
        return a->is_remote && streq(taskdir_file_node(a), taskdir_file_node(b)) &&
               streq(taskdir_file_remote_path(a), taskdir_file_remote_path(b));
}

static uint64_t key_hash(const void *entry) {
        return task_record_key_hash(((const struct entry *) entry)->is.task);
}

static bool key_matches(const void *entry, const void *key) {
        return task_record_has_key(((const struct entry *) entry)->is.task, key);
}

static bool is_same_task(const void *entry, const void *task) {
        return task_records_are_same_task(((const struct entry *) entry)->is.task, task);
}

void entries_init(struct entries *entries) {
        *entries = (struct entries){};
        index_init(&entries->by_name, name_hash);
        index_init(&entries->by_key, key_hash);
}

struct entry *entries_find_name(const struct entries *entries, const char *name) {
        return index_find(&entries->by_name, hash_text(name, HASH_START), name_matches, name);
}

struct entry *entries_find_file(const struct entries *entries, const struct taskdir_file *file) {
        return index_find(&entries->by_name, file_hash(file), file_matches, file);
}

struct entry *entries_find_key(const struct entries *entries, const struct store_key *key) {
        return index_find(&entries->by_key, task_key_hash(key), key_matches, key);
}

struct entry *entry_owner(const struct entry *entry) {
        return index_find(&entry_table(entry)->by_key, task_record_key_hash(entry->is.task),
                          is_same_task, entry->is.task);
}

struct entry *entries_next(const struct entries *entries, size_t *at) {
        return index_next(&entries->by_name, at);
}

/* ---- what is shown ---- */

static bool is_duplicate(enum entry_state state) {
        return state == ENTRY_DUPLICATE || state == ENTRY_LATE_DUPLICATE;
}

/* One on its way out is as if it were not there any more. */
bool entry_is_shown(const struct entry *e) {
        return e->state != ENTRY_TO_DELETE && !(e->is.file->is_remote && is_duplicate(e->state));
}

struct search {
        const char *name;
        const struct entry *except;
        const struct entry **found;
};

static bool precedes_remotely(const struct taskdir_file *a, const struct taskdir_file *b) {
        int order = strcmp(taskdir_file_node(a), taskdir_file_node(b));

        if (order == 0)
                order = strcmp(taskdir_file_remote_path(a), taskdir_file_remote_path(b));
        return order < 0;
}

/* Ends with the one of this node; of others all are seen. */
static bool note_shown(const void *entry, const void *search) {
        const struct search *s = search;
        const struct entry *e = entry;

        if (e == s->except || !entry_is_shown(e) || !streq(e->is.file->name, s->name))
                return false;
        if (!*s->found || !e->is.file->is_remote ||
            precedes_remotely(e->is.file, (*s->found)->is.file))
                *s->found = e;
        return !e->is.file->is_remote;
}

const struct entry *entries_find_shown(const struct entries *entries, const char *name,
                                       const struct entry *except) {
        const struct entry *found = NULL;
        const struct search search = {name, except, &found};

        (void) index_find(&entries->by_name, hash_text(name, HASH_START), note_shown, &search);
        return found;
}

/* ---- one entry ---- */

struct entry *entry_new(struct entries *entries, struct taskdir_file *file) {
        struct entry *e = calloc(1, sizeof(*e));

        if (!e)
                return NULL;
        e->is.shared = &entries->shared;
        e->is.file = taskdir_file_ref(file);
        if (index_add(&entries->by_name, e) < 0) {
                taskdir_file_unref(e->is.file);
                free(e);
                return NULL;
        }
        e->is_named = true;
        entries->counts[e->state]++;
        return e;
}

static void join_duplicates(struct entry *e) {
        LIST_INSERT_HEAD(&entry_table(e)->duplicates, e, duplicate);
        entry_table(e)->remote_duplicates += e->is.file->is_remote;
}

static void leave_duplicates(struct entry *e) {
        LIST_REMOVE(e, duplicate);
        entry_table(e)->remote_duplicates -= e->is.file->is_remote;
}

void entry_free(struct entry *e) {
        entry_detach_name(e);
        if (entry_owns_key(e))
                index_remove(&entry_table(e)->by_key, e);
        entry_set_hook_problem(e, false);
        entry_set_left_file(e, false);
        if (is_duplicate(e->state)) {
                leave_duplicates(e);
        } else {
                watch_free(e->watch);
                free(e->end);
        }
        entry_table(e)->counts[e->state]--;
        taskdir_file_unref(e->is.file);
        task_record_free(e->is.task);
        free(e);
}

static void clear_index(struct index *index) {
        struct entry *e;
        size_t at = 0;

        while ((e = index_next(index, &at))) {
                at--; /* another one moves into its slot */
                entry_free(e);
        }
        index_clear(index);
}

void entries_clear(struct entries *entries) {
        clear_index(&entries->by_name);
        clear_index(&entries->by_key);
}

bool entry_is_duplicate_of(const struct entry *e, const struct entry *owner) {
        return task_records_are_same_task(e->is.task, owner->is.task);
}

bool entries_have_duplicates(const struct entries *entries) {
        return !LIST_EMPTY(&entries->duplicates);
}

static bool precedes(const struct entry *a, const struct entry *b) {
        if (a->is.file->dir != b->is.file->dir)
                return a->is.file->dir < b->is.file->dir;
        return strcmp(a->is.file->name, b->is.file->name) < 0;
}

struct entry *entry_find_successor(const struct entry *owner) {
        struct entry *found = NULL, *e;

        LIST_FOREACH(e, &entry_table(owner)->duplicates, duplicate)
        if (entry_is_duplicate_of(e, owner) && (!found || precedes(e, found)))
                found = e;
        return found;
}

bool entry_has_remote_duplicate(const struct entry *owner, uint64_t inode, int64_t mtime_ns) {
        const struct entry *e;

        LIST_FOREACH(e, &entry_table(owner)->duplicates, duplicate)
        if (e->is.file->is_remote && e->is.file->inode == inode &&
            e->is.file->mtime_ns == mtime_ns && entry_is_duplicate_of(e, owner))
                return true;
        return false;
}

const struct watch_end *entry_end(const struct entry *e) {
        return is_duplicate(e->state) ? NULL : e->end;
}

bool entry_owns_key(const struct entry *e) {
        return e->state >= ENTRY_LOOKUP;
}

bool entry_is_left(const struct entry *e) {
        return e->state == ENTRY_INVALID && e->is.file->read_again == READ_AGAIN_SOON;
}

bool entry_is_missing(const struct entry *e) {
        return e->state == ENTRY_ACTIVE_MISSING || e->state == ENTRY_FINISHED_MISSING ||
               e->state == ENTRY_TO_DELETE;
}

void entry_set_hook_problem(struct entry *e, bool has_problem) {
        entry_table(e)->hook_problems += (unsigned) has_problem - (unsigned) e->has_hook_problem;
        e->has_hook_problem = has_problem;
}

void entry_set_left_file(struct entry *e, bool has_left_file) {
        entry_table(e)->left_files += (unsigned) has_left_file - (unsigned) e->has_left_file;
        e->has_left_file = has_left_file;
}

void entry_set_state(struct entry *e, enum entry_state state) {
#define TO(state) (1U << ENTRY_##state)
        static const unsigned next[ENTRY_STATES] = {
                [ENTRY_INVALID] = TO(ELSEWHERE) | TO(LOOKUP) | TO(ACTIVE) | TO(DUPLICATE) |
                                  TO(LATE_DUPLICATE),
                [ENTRY_ELSEWHERE] =
                        TO(INVALID) | TO(LOOKUP) | TO(ACTIVE) | TO(DUPLICATE) | TO(LATE_DUPLICATE),
                [ENTRY_DUPLICATE] = TO(LOOKUP) | TO(ACTIVE) | TO(INVALID),
                [ENTRY_LATE_DUPLICATE] = TO(LOOKUP) | TO(ACTIVE) | TO(INVALID),
                [ENTRY_LOOKUP] =
                        TO(ACTIVE) | TO(FINISHED) | TO(INVALID) | TO(DUPLICATE) | TO(TO_DELETE),
                [ENTRY_ACTIVE] = TO(FINISHED) | TO(ACTIVE_MISSING) | TO(DUPLICATE) | TO(TO_DELETE),
                [ENTRY_ACTIVE_MISSING] = TO(ACTIVE) | TO(TO_DELETE),
                [ENTRY_FINISHED] = TO(ACTIVE) | TO(LOOKUP) | TO(FINISHED_MISSING) | TO(TO_DELETE) |
                                   TO(INVALID),
                [ENTRY_FINISHED_MISSING] = TO(FINISHED) | TO(TO_DELETE),
                [ENTRY_TO_DELETE] = TO(ACTIVE) | TO(FINISHED) | TO(LOOKUP),
        };

        assert(next[e->state] & 1U << state);
        if (state != ENTRY_ACTIVE && state != ENTRY_ACTIVE_MISSING)
                entry_set_hook_problem(e, false);
        if (state != ENTRY_FINISHED && state != ENTRY_FINISHED_MISSING && state != ENTRY_TO_DELETE)
                entry_set_left_file(e, false);
        if (entry_owns_key(e) && state < ENTRY_LOOKUP)
                index_remove(&entry_table(e)->by_key, e);
        if (is_duplicate(e->state) && !is_duplicate(state)) {
                leave_duplicates(e);
                e->watch = NULL;
                e->end = NULL;
        } else if (is_duplicate(state) && !is_duplicate(e->state)) {
                assert(!e->watch && !e->end);
                join_duplicates(e);
        }
        entry_table(e)->counts[e->state]--;
        entry_table(e)->counts[state]++;
        e->state = state;
#undef TO
}

int entry_claim_key(struct entry *e) {
        int r = index_add(&entry_table(e)->by_key, e);

        if (r == 0)
                entry_set_state(e, ENTRY_LOOKUP);
        return r;
}

void entry_take_key(struct entry *e, struct entry *other) {
        enum entry_state state = other->state;
        struct watch *watch = STEAL_PTR(other->watch);

        entry_set_state(other, ENTRY_DUPLICATE);
        (void) index_add(&entry_table(e)->by_key, e); /* there is room: the other has left */
        entry_set_state(e, state);
        e->watch = watch;
}

void entry_detach_name(struct entry *e) {
        if (e->is_named)
                index_remove(&entry_table(e)->by_name, e);
        e->is_named = false;
}

struct taskdir_file *entry_set_file(struct entry *e, struct taskdir_file *file) {
        struct taskdir_file *old = e->is.file;

        e->is.file = taskdir_file_ref(file);
        if (!taskdir_file_is_same(old, file))
                e->is_successor = false; /* that was written of the one before */
        return old;
}
