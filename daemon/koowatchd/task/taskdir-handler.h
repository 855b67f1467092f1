#pragma once
/*
 * What a taskdir tells
 */
#include <stdbool.h>

#include "koowatchd/task/taskdir-file.h"

struct taskdir_handler {
        /* A file is new or may have changed. Returns whether it is read again as it is. */
        enum read_again (*on_file)(void *userdata, const struct task_file *file);
        /* No file counts under this name any more. */
        void (*on_gone)(void *userdata, struct taskdir_file *file);
        /* Descriptors or memory were short, or a disk failed: something may have been missed. */
        void (*on_transient_error)(void *userdata, const char *what, const char *why);
        /* What is not hidden and has not the name of a task file. NULL: nobody wants to know. */
        void (*on_stray)(void *userdata, const char *path);
        /*
         * All directories are being read, and have been. complete: nothing was unreadable;
         * has_gaps: one is absent or has no task files. NULL likewise.
         */
        void (*on_scan)(void *userdata);
        void (*on_scanned)(void *userdata, bool complete, bool has_gaps);
        /* taskdir_is_suspended() has changed for some files. NULL likewise. */
        void (*on_suspended)(void *userdata);
        void *userdata;
};
