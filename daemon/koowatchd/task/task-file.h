#pragma once
/*
 * Task file: from a file that was found to a task that can be watched
 *
 * Parses it and checks what depends on where it lies and what is configured. The
 * daemon and --check share this, so that they agree on what is wrong.
 */
#include <stdbool.h>

#include "koowatchd/task/task.h"
#include "koowatchd/task/taskdir-file.h"

struct task_file_check {
        bool (*has_account)(void *userdata, const char *name);
        task_fault_fn on_fault;
        void *userdata;
};

/*
 * Returns 0; -EBADMSG, or -EAGAIN when that may pass without a change of the file, with the
 * faults reported; or -ENOMEM.
 */
int task_file_read(const struct task_file *file, const struct task_file_check *check,
                   struct task **ret);

/*
 * The token in KdsTokenFile=, a secret that the caller frees. Returns NULL, or what is wrong with
 * *ret left alone.
 */
const char *task_file_read_kdstoken(const char *path, char **ret);
