#pragma once
/*
 * Task: what one task file says
 *
 * Pure: text in, a checked struct out. Nothing here knows where the file lies or
 * whether the account exists.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/timespan.h"
#include "common/util.h"

#define TASK_FILE_MAX (64 * 1024)
#define TASK_VARIABLES_MAX 256

struct task {
        char *task_id, *share_id;
        char *kdstoken;      /* NULL: none, or in kdstoken_file */
        char *kdstoken_file; /* NULL: none */
        char *account;       /* NULL: the default one */
        char *hooks;         /* bare names, one blank between; NULL: none */
        char *run_on;        /* labels, one blank between, of nodes whose hooks run; NULL: any */
        char *description;   /* NULL: none */
        char **variables;    /* "Name=value", NULL-terminated; NULL: none */

        /* 0: not set, the configuration's holds */
        usec_t timeout, interval_min, interval_max;
        usec_t expect; /* how long it takes, from its registration; 0: not set, as others took */
};

/* A fault, with its line (0: the file as a whole). The text never repeats a value. */
typedef void (*task_fault_fn)(void *userdata, bool is_error, unsigned line, const char *text);

/*
 * Reads all of a file, telling of each fault. Returns 0, -EBADMSG when there was an
 * error among them, or -ENOMEM.
 */
int task_parse(const char *text, size_t length, task_fault_fn on_fault, void *userdata,
               struct task **ret);
void task_free(struct task *task);
DEFINE_CLEANUP(struct task *, task_free)

/* Whether it is a key of [Task]. */
bool task_key_is_known(const char *name);

/* Whether name can be that of a task (the file's name without ".task"). */
bool task_name_is_valid(const char *name);
