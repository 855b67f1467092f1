#pragma once
/*
 * Task record: what is kept of a task's settings while it is watched
 *
 * One block of just the size that they need, as there may be a million of them: ids that are
 * decimal numbers are kept as numbers, and what is not set takes no place. They are read
 * through a view.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/timespan.h"
#include "common/util.h"
#include "koowatchd/task/task.h"

struct store_key;
struct task_record;

/* The settings as in struct task; the texts are the record's, those of numbers the view's own. */
struct task_view {
        const char *task_id, *share_id; /* NULL before task_view_ids() */
        const char *account;            /* the default one's name when none is set */
        const char *kdstoken, *kdstoken_file, *hooks, *description; /* NULL: none */
        const char *run_on;                                         /* labels; NULL: none */
        const char *variables; /* see task_view_variables(); NULL: none */
        usec_t timeout, interval_min, interval_max, expect;
        char numbers[2][21];
        const struct task_record *record;
};

/* NULL when memory is short. */
struct task_record *task_record_new(const struct task *task);
/* Accepts NULL. */
void task_record_free(struct task_record *record);
DEFINE_CLEANUP(struct task_record *, task_record_free)

/* The view is good until the record is freed or changed, and is not to be copied. */
void task_record_view(const struct task_record *record, struct task_view *ret);

/* Writes the ids as text, which costs more than all the rest. */
void task_view_ids(struct task_view *view);

/*
 * Equal for equal keys, as is that of a key as text; ids are not written for it. Whether it is
 * the record's key.
 */
uint64_t task_record_key_hash(const struct task_record *record);
uint64_t task_key_hash(const struct store_key *key);
bool task_record_has_key(const struct task_record *record, const struct store_key *key);
/* Whether both have the same key. */
bool task_records_are_same_task(const struct task_record *a, const struct task_record *b);

/* The "Name=value" of a view, and NULL after the last. */
void task_view_variables(const struct task_view *view, const char *ret[TASK_VARIABLES_MAX + 1]);

/* Another token, in a new record. Returns 0, or -ENOMEM with the record as it was. */
int task_record_set_kdstoken(struct task_record **record, const char *kdstoken);
