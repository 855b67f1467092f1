#pragma once
/*
 * Filter: which tasks or runs a caller of List and History wants
 *
 * Strings are borrowed from the argument that it was read from.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

#include "common/timespan.h"

struct task_brief;

struct filter {
        const char *name; /* a glob; NULL, here and below: any */
        const char *account;
        const char *state, *delivery; /* List */
        const char *outcome;
        const char *result, *event_id; /* History */
        bool has_failed, failed;       /* History */
        usec_t since, until;           /* History; wall clock, of the end; 0: any */
};

/*
 * Reads the argument of List, or of History. Returns 0, -EINVAL with the fault in words, which the
 * caller frees, or -ENOMEM.
 */
int filter_read_list(json_object *argument, struct filter *ret, char **ret_fault);
int filter_read_history(json_object *argument, struct filter *ret, char **ret_fault);

/* Whether a task may be one that is wanted, by the little that is known. */
bool filter_may_take(const struct filter *filter, const struct task_brief *task);
/* Whether one is, by its view or its event. */
bool filter_takes(const struct filter *filter, json_object *view);
